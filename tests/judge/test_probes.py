"""Probes: gradients that are right at ordinary inputs, and wrong at some that a user may meet."""

import numpy as np
import pytest

from handgrad import CrossEntropy, verify
from tests.judge.right import softmax, softmax_vjp

RNG = np.random.default_rng(0)


def real(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape)


class MeanOfBoth:
    """The mean of each, whose gradient divides by the mean of the two lengths."""

    def forward(self, a, b):
        self.lengths = len(a), len(b)
        return a.sum(0) / len(a) + b.sum(0) / len(b)

    def backward(self, dy):
        n = sum(self.lengths) / 2
        return tuple(np.tile(dy / n, (k, 1)) for k in self.lengths)


def pooled(size):
    """A mean over the last axis, whose gradient knows one size."""
    return lambda x: np.mean(x, axis=-1), lambda dy, x: dy[:, None] * np.ones_like(x) / size


def wrong_where(condition):
    """sin, whose gradient is wrong by a hundredth where an array is so."""
    return np.sin, lambda dy, x: dy * np.cos(x) * np.where(condition(x), 1.01, 1)


def tail():
    """log σ, whose slope has the wrong sign far to the right."""

    def vjp(dy, x):
        e = np.exp(-np.abs(x))
        slope = np.where(x > 0, e, 1) / (1 + e)
        return dy * np.where(x > 20, -e, slope)

    return lambda x: -np.logaddexp(0, -x), vjp


def gather(offset):
    """Rows of a table, whose gradient counts in the type of the indices."""

    def vjp(dy, table, rows):
        flat = np.zeros(table.size, table.dtype)
        columns = table.shape[1]
        places = (rows * offset(rows, columns))[:, None] + np.arange(columns, dtype=rows.dtype)
        np.add.at(flat, places.astype(int) % table.size, dy)
        return flat.reshape(table.shape), None

    return lambda table, rows: table[rows], vjp


def last_row_is_0(x):
    return np.all(x[-1:] == 0, axis=-1, keepdims=True)


def first_column_is_0(x):
    return np.all(x[..., :1] == 0)


ROWS = np.array([3, 1, 30, 0])
WRONG = {
    "an axis of size 1": ((softmax, lambda dy, x: softmax_vjp(dy, x) / len(x)), (real(1, 5),)),
    "a mean over a column": (
        (lambda x: np.mean(x, axis=1), lambda dy, x: dy[:, None] * np.ones_like(x)),
        (real(6, 1),),
    ),
    "axes that are equal by accident": (MeanOfBoth(), (real(4, 2), real(4, 2))),
    "a size that is written down": (pooled(8), (real(2, 8),)),
    "a shorter axis": (wrong_where(lambda x: x.shape[-1] < 4), (real(2, 8),)),
    "more than 768 rows": (wrong_where(lambda x: len(x) > 768), (real(5, 3),)),
    "integers of one byte": (
        gather(lambda rows, columns: rows.dtype.type(columns)),
        (real(40, 6), ROWS),
    ),
    "a last row of zeros": (wrong_where(last_row_is_0), (real(4, 3),)),
    "a first column of zeros": (wrong_where(first_column_is_0), (real(4, 3),)),
    "a wrong tail": (tail(), (real(4, 3),)),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_gradient_that_is_wrong_somewhere_is_found(name):
    subject, inputs = WRONG[name]
    verdict = verify(subject, *inputs)
    assert verdict.status == "WRONG", str(verdict)
    assert verdict.failures[0].probe


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_a_sum_that_stops_growing_is_imprecise(kind):
    import ml_dtypes

    dtype = np.dtype(getattr(ml_dtypes, kind, kind))

    def summed(dy):
        total = np.zeros(dy.shape[1], dy.dtype)
        for row in dy:
            total = total + row
        return total

    pair = lambda x, b: x + b, lambda dy, x, b: (dy * dy.dtype.type(1), summed(dy))
    x, b = real(9, 2).astype(dtype), real(2).astype(dtype)
    verdict = verify(pair, x, b)
    assert verdict.status == "IMPRECISE", str(verdict)


def test_inputs_that_are_drawn_keep_their_domains():
    class Careless(CrossEntropy):
        __doc__ = CrossEntropy.__doc__

        def backward(self, residuals, dy):
            dp, dt = super().backward(residuals, dy)
            return np.where(dp == 0, np.nan, dp), dt

    assert not verify(Careless())


def test_an_exception_for_no_rows_is_a_note():
    def vjp(dy, x):
        return dy * np.cos(x) * (x[0, 0] ** 0)

    verdict = verify((np.sin, vjp), real(4, 3))
    assert verdict.ok, str(verdict)
    assert any(note.probe == "no rows" for note in verdict.notes)
    assert not verify((np.sin, vjp), real(4, 3), strict=True)


def solved(transposed):
    """A⁻¹ b, whose gradient takes A for its transpose, or not."""

    def vjp(dy, A, b):
        z = np.linalg.solve(A.T if transposed else A, dy)
        return -np.outer(z, np.linalg.solve(A, b)), z

    return np.linalg.solve, vjp


def test_a_gradient_that_is_right_for_symmetric_matrices_alone_is_noted():
    A, b = real(4, 4), real(4)
    A = A @ A.T + 4 * np.eye(4)
    assert not verify(solved(transposed=True), A, b).notes
    verdict = verify(solved(transposed=False), A, b)
    assert verdict.ok
    assert [note.check for note in verdict.notes] == ["symmetry"]
    assert "was taken for spd" in str(verdict)
    assert not verify(solved(transposed=False), A, b, domains={0: "spd"}).notes
    assert not verify(solved(transposed=False), A, b, domains={0: "real"}).ok


def sliced_lstm(*inputs):
    """A step of an LSTM, whose gates are the blocks of H columns."""
    x, h, c, W, U, b = inputs
    H, a = h.shape[1], x @ W + h @ U + b
    i, f, o = (1 / (1 + np.exp(-a[:, k * H : (k + 1) * H])) for k in range(3))
    g = np.tanh(a[:, 3 * H :])
    s = f * c + i * g
    return (o * np.tanh(s), s), (x, h, c, W, U, i, f, o, g, s)


def sliced_lstm_back(d, kept, forget=1.0):
    dh, ds = d
    x, h, c, W, U, i, f, o, g, s = kept
    ds = ds + dh * o * (1 - np.tanh(s) ** 2)
    da = [ds * g * i * (1 - i), forget * ds * c * f * (1 - f), dh * np.tanh(s) * o * (1 - o)]
    da = np.concatenate([*da, ds * i * (1 - g**2)], axis=1)
    return da @ W.T, da @ U.T, ds * f, x.T @ da, h.T @ da, da.sum(axis=0)


def test_sizes_that_hang_together_are_changed_together():
    shapes = (2, 3), (2, 4), (2, 4), (3, 16), (4, 16), (16,)
    inputs = [RNG.normal(size=shape) for shape in shapes]
    assert verify((sliced_lstm, sliced_lstm_back), *inputs, strict=True).status == "PASS"

    def wrong_for_five(d, kept):
        return sliced_lstm_back(d, kept, forget=1.5 if kept[1].shape[1] == 5 else 1.0)

    verdict = verify((sliced_lstm, wrong_for_five), *inputs)
    assert verdict.status == "WRONG"
    assert "axes of 4, with their multiples, made 5" in str(verdict)
