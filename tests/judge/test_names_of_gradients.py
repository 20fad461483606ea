"""A parameter's gradient is known by its name, whatever its shape; and what is said where it has none."""

import re

import pytest

from handgrad import verify
from tests.judge.test_parameters import (
    Attributes,
    Dictionaries,
    Layer,
    Lists,
    LongNames,
    X,
    gradients,
)


class WrongShape(Layer):
    """An affine layer that makes nothing of dy for its bias but this."""

    def __init__(self, of_bias):
        super().__init__(False)
        self.of_bias = of_bias

    def backward(self, dy):
        self.dW, self.db = self.x.T @ dy, self.of_bias(dy)
        return dy @ self.W.T


class WrongShapeInDictionary(WrongShape):
    def backward(self, dy):
        self.grads = {"W": self.x.T @ dy, "b": self.of_bias(dy)}
        return dy @ self.W.T


class WrongShapeReturned(WrongShape):
    def backward(self, dy):
        return {"x": dy @ self.W.T, "W": self.x.T @ dy, "b": self.of_bias(dy)}


class WrongShapeInDictionaryBeside(WrongShape):
    def backward(self, dy):
        return dy @ self.W.T, {"dW": self.x.T @ dy, "db": self.of_bias(dy)}


class WrongShapeInDictionaries(Dictionaries):
    def __init__(self, of_bias):
        super().__init__(False)
        self.of_bias = of_bias

    def backward(self, dy):
        self.grads = {"W": self.x.T @ dy, "b": self.of_bias(dy)}
        return dy @ self.params["W"].T


OF_BIAS = {
    "no sum": (lambda dy: dy, "a sum over axis 0 is missing"),
    "an axis kept": (lambda dy: dy.sum(axis=0, keepdims=True), r"has the shape \(1, 4\)"),
    "a sum over all": (lambda dy: dy.sum(), r"has the shape \(\)"),
}


@pytest.mark.parametrize("of_bias", OF_BIAS)
@pytest.mark.parametrize(
    "way",
    [
        *(WrongShape, WrongShapeInDictionary, WrongShapeReturned, WrongShapeInDictionaryBeside),
        WrongShapeInDictionaries,
    ],
)
def test_a_gradient_is_known_by_its_name_whatever_its_shape(way, of_bias):
    make, says = OF_BIAS[of_bias]
    verdict = verify(way(make), X)
    assert verdict.status == "CONTRACT", str(verdict)
    assert not verdict.not_judged
    assert re.search(says, verdict.diagnosis), verdict.diagnosis


def test_a_transposed_gradient_of_a_weight_is_said_to_be():
    class Transposed(LongNames):
        def backward(self, dy):
            dx = super().backward(dy)
            self.grad_weights = self.grad_weights.T
            return dx

    verdict = verify(Transposed(False), X)
    assert verdict.status == "CONTRACT", str(verdict)
    assert verdict.diagnosis.endswith("it is transposed")


def test_a_name_with_the_right_shape_is_preferred():
    class Scratch(Attributes):
        def backward(self, dy):
            dx = super().backward(dy)
            self.b_grad, self.db = self.db, dy
            return dx

    verdict = verify(Scratch(False), X)
    assert verdict.headline == "PASS, exact", str(verdict)
    assert verdict.judged == ["x", "W", "b"]


def test_a_gradient_that_is_known_by_its_place_alone_needs_the_shape_too():
    class Reversed(Lists):
        def backward(self, dy):
            dx, *of_parameters = gradients(self.x, dy, self.params[0], self.wrong)
            self.grads = of_parameters[::-1]
            return dx

    verdict = verify(Reversed(False), X)
    assert verdict.ok, str(verdict)
    assert verdict.not_judged == ["params[0]", "params[1]"]


class WithoutBias(Layer):
    """A bias that moves the output, and of which backward says nothing."""

    def backward(self, dy):
        self.dW = self.x.T @ dy
        return dy @ self.W.T


def of_all(x, w, b):
    return x @ w + b


def test_a_reference_of_all_parameters_is_given_those_without_a_gradient():
    right = verify(WithoutBias(False), X, reference=of_all)
    assert right.headline == "PASS, exact for x and W; not judged: b", str(right)
    assert right.vs_jax is not None
    wrong = verify(WithoutBias(False), X, reference=lambda x, w, b: x @ w - b)
    assert wrong.status == "WRONG"
    weights = WithoutBias(False)
    weights.b[:] = 0
    assert verify(weights, X, reference=lambda x, w: x @ w).vs_jax is not None
    meant = verify(WithoutBias(False), X, gradient_of=of_all)
    assert meant.headline == "PASS for x and W; not judged: b", str(meant)


def test_a_reference_is_told_with_what_it_was_called():
    with pytest.raises(
        TypeError, match=r"'b'.*: it is called with x, W; no gradient was found of b"
    ):
        verify(WithoutBias(False), X, reference=lambda x, w, a, b: x @ w + a + b)


def test_a_parameter_without_a_gradient_is_a_broken_contract_when_strict():
    verdict = verify(WithoutBias(False), X, strict=True)
    assert verdict.headline == "CONTRACT for x and W; not judged: b"
    assert verdict.diagnosis == "the output moves with b, of which no gradient was found"
    assert verify(WithoutBias(False), X).headline == "PASS, exact for x and W; not judged: b"
