"""Parameters are judged by default, however a layer keeps them; and named where they are not."""

import numpy as np
import pytest

from handgrad import verify
from handgrad.judge.verdict import Status

RNG = np.random.default_rng(0)
X, W, B = RNG.normal(size=(5, 3)), RNG.normal(size=(3, 4)), RNG.normal(size=4)


def gradients(x, dy, W, wrong):
    """dx, dW and db of an affine layer; db is averaged, and not summed, where it is to be wrong."""
    return dy @ W.T, x.T @ dy, dy.mean(axis=0) if wrong else dy.sum(axis=0)


class Layer:
    def __init__(self, wrong):
        self.wrong = wrong
        self.W, self.b = W.copy(), B.copy()

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b


class Attributes(Layer):
    def backward(self, dy):
        dx, self.dW, self.db = gradients(self.x, dy, self.W, self.wrong)
        return dx


class LongNames:
    def __init__(self, wrong):
        self.wrong = wrong
        self.weights, self.biases = W.copy(), B.copy()

    def forward(self, x):
        self.x = x
        return x @ self.weights + self.biases

    def backward(self, dy, lr=0.1):
        found = gradients(self.x, dy, self.weights, self.wrong)
        dx, self.grad_weights, self.grad_biases = found
        return dx


class Dictionaries:
    def __init__(self, wrong):
        self.wrong = wrong
        self.params, self.grads = {"W": W.copy(), "b": B.copy()}, {}

    def forward(self, x):
        self.x = x
        return x @ self.params["W"] + self.params["b"]

    def backward(self, dy):
        dx, self.grads["W"], self.grads["b"] = gradients(self.x, dy, self.params["W"], self.wrong)
        return dx


class Lists:
    def __init__(self, wrong):
        self.wrong = wrong
        self.params, self.grads = [W.copy(), B.copy()], [np.zeros_like(W), np.zeros_like(B)]

    def forward(self, x):
        self.x = x
        return x @ self.params[0] + self.params[1]

    def backward(self, dy):
        dx, self.grads[0][...], self.grads[1][...] = gradients(
            self.x, dy, self.params[0], self.wrong
        )
        return dx


class Parameter:
    def __init__(self, data):
        self.data, self.grad = data, np.zeros_like(data)


class Objects:
    """As frameworks do: `W.grad` adds up over calls."""

    def __init__(self, wrong):
        self.wrong = wrong
        self.W, self.b = Parameter(W.copy()), Parameter(B.copy())

    def forward(self, x):
        self.x = x
        return x @ self.W.data + self.b.data

    def backward(self, dy):
        dx, dW, db = gradients(self.x, dy, self.W.data, self.wrong)
        self.W.grad += dW
        self.b.grad += db
        return dx


class Nested:
    def __init__(self, wrong):
        self.layers = [Attributes(False), Attributes(wrong)]
        self.layers[1].W, self.layers[1].b = RNG.normal(size=(4, 2)), RNG.normal(size=2)

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dy):
        for layer in self.layers[::-1]:
            dy = layer.backward(dy)
        return dy


class Lazy(Attributes):
    """Its weights are drawn at the first call, for as many columns as that has."""

    def __init__(self, wrong):
        self.wrong, self.W = wrong, None

    def forward(self, x):
        if self.W is None:
            self.W = np.random.default_rng(1).normal(size=(x.shape[1], 4))
            self.b = np.full(4, 0.5)
        return super().forward(x)


class Returned(Layer):
    def backward(self, dy):
        return gradients(self.x, dy, self.W, self.wrong)


class Called(Layer):
    def __init__(self, wrong):
        super().__init__(wrong)
        self.grads = {"dW": None, "db": None}

    def __call__(self, x):
        return self.forward(x)

    def backward(self, dy):
        dx, dW, db = gradients(self.x, dy, self.W, self.wrong)
        self.grads = {"dW": dW, "db": db}
        return dx


class Aliased(Dictionaries):
    """The same array under two names."""

    def __init__(self, wrong):
        super().__init__(wrong)
        self.W = self.params["W"]

    def forward(self, x):
        self.x = x
        return x @ self.W + self.params["b"]


WAYS = [
    *(Attributes, LongNames, Dictionaries, Lists, Objects, Nested, Lazy, Returned, Called),
    Aliased,
]


@pytest.mark.parametrize("way", WAYS)
def test_a_right_layer_passes_for_its_parameters_too(way):
    verdict = verify(way(False), X)
    assert verdict.ok, str(verdict)
    assert len(verdict.judged) >= 3
    assert not verdict.not_judged


@pytest.mark.parametrize("way", WAYS)
def test_a_wrong_gradient_of_a_parameter_is_found_and_named(way):
    verdict = verify(way(True), X)
    assert verdict.status == "WRONG", str(verdict)
    assert "N times too small" in verdict.diagnosis, verdict.diagnosis


class Unjudged(Layer):
    def backward(self, dy):
        return dy @ self.W.T


class Stepping(Layer):
    """It has used its gradients when backward returns, and keeps none."""

    def backward(self, dy, lr):
        dx, dW, db = gradients(self.x, dy, self.W, self.wrong)
        self.W, self.b = self.W - lr * dW, self.b - lr * db
        return dx


@pytest.mark.parametrize("way", [Unjudged, Stepping])
def test_parameters_without_a_gradient_are_named_in_the_first_line(way):
    verdict = verify(way(False), X)
    assert verdict.ok
    assert verdict.not_judged == ["W", "b"]
    assert str(verdict).splitlines()[0].endswith(" for x; not judged: W, b")
    assert not verify(way(False), X, strict=True)


def test_what_does_not_move_the_output_is_not_named():
    class Counting(Attributes):
        def __init__(self, wrong):
            super().__init__(wrong)
            self.history = np.zeros(3)

        def forward(self, x):
            self.history = self.history + 1
            return super().forward(x)

    verdict = verify(Counting(False), X)
    assert verdict.ok, str(verdict)
    assert not verdict.not_judged


def test_gradients_that_add_up_are_a_note():
    verdict = verify(Objects(False), X)
    assert {note.check for note in verdict.notes} == {"gradients add up"}
    assert verify(Objects(False), X, strict=True).status == "CONTRACT"


class Training(Layer):
    """A layer whose backward takes a step of its own, with a new array."""

    def backward(self, dy):
        dx, dW, db = gradients(self.x, dy, self.W, self.wrong)
        self.W, self.b = self.W - 0.1 * dW, self.b - 0.1 * db
        return dx


class TrainingInPlace(Attributes):
    """The same in place, with gradients that can be judged."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.W -= 0.1 * self.dW
        self.b -= 0.1 * self.db
        return dx


@pytest.mark.parametrize(
    ("way", "not_judged"), [(Training, ["W", "b"]), (TrainingInPlace, [])], ids=["new", "in place"]
)
def test_a_backward_that_trains_is_said_to_and_to_do_nothing_else(way, not_judged):
    verdict = verify(way(False), X)
    assert verdict.status == "CONTRACT"
    assert [f.check for f in verdict.failures] == ["parameters stay"]
    assert verdict.diagnosis == "backward changes W and b: train outside of it"
    assert verdict.not_judged == not_judged


def test_the_gradients_of_a_backward_that_trains_are_judged_all_the_same():
    verdict = verify(TrainingInPlace(True), X)
    assert verdict.status == "WRONG"
    assert "backward changes W and b" in str(verdict)


def test_a_backward_that_trains_stated_parameters_is_said_to():
    verdict = verify(TrainingInPlace(False), X, params={"W": "dW", "b": "db"})
    assert [f.check for f in verdict.failures] == ["parameters stay"]


class Loss(Layer):
    """A squared error, whose backward takes no dy and leaves the gradients of parameters alone."""

    def forward(self, x, t):
        self.d = super().forward(x) - t
        return np.sum(self.d**2)

    def backward(self):
        _, self.dW, self.db = gradients(self.x, 2 * self.d, self.W, self.wrong)


def test_a_loss_may_have_gradients_for_its_parameters_alone():
    right, wrong = (verify(Loss(wrong), X, RNG.normal(size=(5, 4))) for wrong in (False, True))
    assert right.ok, str(right)
    assert right.headline.endswith(" for W and b; not judged: x, t")
    assert "(b) is N times too small" in wrong.diagnosis


class WithOption(Attributes):
    def forward(self, x, train):
        return super().forward(x if train else 0 * x)


def test_parameters_are_judged_beside_an_option():
    right, wrong = (verify(WithOption(wrong), X, True) for wrong in (False, True))
    assert right.headline == "PASS, exact"
    assert right.judged == ["x", "W", "b"]
    assert "input 2 (b) is N times too small" in wrong.diagnosis


def test_the_layer_itself_is_left_as_it_was():
    layer = Attributes(False)
    verify(layer, X)
    assert np.array_equal(layer.W, W)
    assert np.array_equal(layer.b, B)


def masked(x, m):
    return x * m, (x, m)


def masked_vjp(dy, residuals):
    return dy * residuals[1], None


def test_an_input_without_a_gradient_is_held_where_that_is_said():
    x, m = (np.random.default_rng(k).normal(size=(4, 3)) for k in range(2))
    refused = verify((masked, masked_vjp), x, m)
    assert refused.status is Status.CONTRACT
    assert "say const of it in `domains`" in refused.diagnosis
    for domains in ({"m": "const"}, [None, "real const"], {1: "const"}):
        verdict = verify((masked, masked_vjp), x, m, domains=domains)
        assert verdict.status is Status.PASS
        assert verdict.headline == "PASS, exact"
    with pytest.raises(ValueError, match="not positive"):
        verify((masked, masked_vjp), x, m, domains={"m": "positive const"})
