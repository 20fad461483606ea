"""What goes in and comes out: losses, options, several outputs, inputs without a gradient."""

from typing import Any, NamedTuple

import numpy as np
import pytest

from handgrad import verify
from tests.judge.test_subjects import RNG, X, torch_or_skip


def torch_mean_square(factor):
    torch = torch_or_skip()

    class MeanSquare(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return (x * x).mean()

        @staticmethod
        def backward(ctx, dy):
            (x,) = ctx.saved_tensors
            return dy * factor * x / x.numel()

    return MeanSquare


@pytest.mark.parametrize(("factor", "status"), [(2, "PASS"), (1, "WRONG")])
def test_a_loss_of_torch_is_one_number(factor, status):
    assert verify(torch_mean_square(factor), X).status == status


def torch_scaled(factor):
    torch = torch_or_skip()

    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, eps):
            ctx.save_for_backward(x)
            ctx.eps = eps
            return x / (x.abs() + eps)

        @staticmethod
        def backward(ctx, dy):
            (x,) = ctx.saved_tensors
            return factor * dy * ctx.eps / (x.abs() + ctx.eps) ** 2, None

    return Scaled


def numpy_scaled(factor):
    def vjp(dy, x, eps):
        return factor * dy * eps / (np.abs(x) + eps) ** 2, None

    return lambda x, eps: x / (np.abs(x) + eps), vjp


@pytest.mark.parametrize("make", [torch_scaled, numpy_scaled])
def test_an_option_may_be_a_number_without_a_gradient(make):
    assert verify(make(1), X, 0.3).status == "PASS"
    verdict = verify(make(1.001), X, 0.3)
    assert verdict.status == "WRONG"
    assert "x1 = 1.0\n" in verdict.script
    assert verify(make(1), X, np.array(0.3)).status == "CONTRACT"  # an array needs one


@pytest.mark.parametrize(("factor", "ok"), [(1, True), (1.5, False)])
def test_outputs_may_be_of_lower_precision_than_the_inputs(factor, ok):
    def f(x):
        return x.astype(np.float32) * np.float32(2)

    def vjp(dy, x):
        return (factor * 2 * dy).astype(x.dtype)

    assert verify((f, vjp), X).ok is ok


# ---- Several outputs, and inputs without a gradient.


class Named(NamedTuple):
    sine: Any
    cosine: Any


def several(packed, factor):
    def f(x):
        return packed(np.sin(x), np.cos(x))

    def vjp(dy, x):
        a, b = dy
        return a * np.cos(x) - factor * b * np.sin(x)

    return f, vjp


@pytest.mark.parametrize("packed", [lambda *y: y, lambda *y: list(y), Named])
def test_several_outputs_have_a_dy_each(packed):
    assert verify(several(packed, 1.0), X).status == "PASS"
    assert verify(several(packed, 1.001), X).status == "WRONG"
    assert verify(several(packed, 0.0), X).status == "WRONG"


def test_named_outputs_have_named_gradients():
    def vjp(dy, x):
        return dy.sine * np.cos(x) - dy.cosine * np.sin(x)

    assert verify((several(Named, 1.0)[0], vjp), X).status == "PASS"


class MaxAndPlace:
    """The largest number of each row, and where it is."""

    def __init__(self, factor):
        self.factor = factor

    def forward(self, x):
        place = np.argmax(x, axis=-1)
        return (np.take_along_axis(x, place[:, None], axis=-1)[:, 0], place), (place, x)

    def backward(self, residuals, dy):
        place, x = residuals
        return (self.factor * dy[0][:, None] * (np.arange(x.shape[1]) == place[:, None]),)


def test_no_gradient_is_asked_for_an_output_of_integers():
    assert verify(MaxAndPlace(1.0), X).ok
    assert verify(MaxAndPlace(1.001), X).status == "WRONG"


class Embedding:
    """Rows of a table, by their numbers."""

    def __init__(self, add, of_rows=None):
        self.add, self.of_rows = add, of_rows

    def forward(self, table, rows):
        return table[rows], (table.shape, rows)

    def backward(self, residuals, dy):
        shape, rows = residuals
        d_table = np.zeros(shape, dy.dtype)
        self.add(d_table, rows, dy)
        return d_table, self.of_rows and self.of_rows(rows)


def last_write_wins(d_table, rows, dy):
    d_table[rows] = dy


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        (Embedding(np.add.at), "PASS"),
        (Embedding(np.add.at, np.zeros_like), "PASS"),
        (Embedding(last_write_wins), "WRONG"),
        (Embedding(np.add.at, np.ones_like), "CONTRACT"),
    ],
    ids=["None", "zeros", "not added", "a gradient of integers"],
)
def test_an_input_of_integers_has_no_gradient(rule, status):
    table, rows = RNG.normal(size=(5, 3)), np.array([3, 1, 3, 0])
    assert verify(rule, table, rows).status == status


def test_inputs_that_are_refused_break_no_law():
    def f(x):
        if np.min(np.abs(x)) < 0.4 or np.max(np.abs(x)) > 1.1:
            raise ValueError("out of the domain")
        return 1 / x

    x = np.linspace(0.5, 1.0, 12).reshape(3, 4)  # half of it is refused, and so is twice
    assert verify((f, lambda dy, x: -dy / x**2), x).status == "PASS"
    assert verify((f, lambda dy, x: -1.001 * dy / x**2), x).status == "WRONG"
