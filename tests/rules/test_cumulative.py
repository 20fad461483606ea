"""Facts of running sums and products: what each number gathers from those that come after it."""

import numpy as np
import pytest

from handgrad import CumProd, CumSum, LogCumSumExp, Prod, Sum
from tests.rules.running import assert_close, assert_like_torch, gradients, normals, value

RULES = [CumSum, CumProd, LogCumSumExp]


@pytest.mark.parametrize(
    ("cls", "whole"), [(CumSum, Sum(1)), (CumProd, Prod(1))], ids=["sum", "prod"]
)
def test_the_last_running_number_is_the_whole_and_has_its_gradient(cls, whole):
    x, dy = normals(1, (3, 7), (3, 7))
    dy[:, :-1] = 0
    assert_close(value(cls(), x)[:, -1], value(whole, x))
    assert_close(gradients(cls(), x, dy=dy)[0], gradients(whole, x, dy=dy[:, -1])[0])


@pytest.mark.parametrize("cls", RULES)
def test_a_running_number_does_not_see_what_comes_after_it(cls):
    x, dy = normals(2, (2, 7), (2, 7))
    dy[:, 4:] = 0
    (dx,) = gradients(cls(), x, dy=dy)
    assert not dx[:, 4:].any()
    assert_close(dx[:, :4], gradients(cls(), x[:, :4], dy=dy[:, :4])[0])


CLOSED_FORMS = {
    CumSum: lambda x, y, dy: np.cumsum(dy[:, ::-1], axis=1)[:, ::-1],
    CumProd: lambda x, y, dy: np.cumsum((dy * y)[:, ::-1], axis=1)[:, ::-1] / x,
    LogCumSumExp: lambda x, y, dy: np.einsum(
        "ntd,nstd->nsd", dy, np.exp(x[:, :, None] - y[:, None]) * np.tri(x.shape[1]).T[:, :, None]
    ),
}


@pytest.mark.parametrize("cls", RULES)
@pytest.mark.parametrize("length", [0, 1, 2, 3, 5, 8, 9])
def test_any_length_has_the_closed_form_of_the_gradient(cls, length):
    x, dy = normals(3, (2, length, 3), (2, length, 3))
    (dx,) = gradients(cls(1), x, dy=dy)
    assert_close(dx, CLOSED_FORMS[cls](x, value(cls(1), x), dy))


def test_a_running_product_has_its_gradients_at_zeros_and_behind_them():
    x, dy = np.array([2.0, 0.0, -3.0, 0.0, 5.0]), normals(4, (5,))[0]
    (dx,) = gradients(CumProd(), x, dy=dy)
    assert_close(dx, [dy[0], 2 * dy[1] - 6 * dy[2], 0, 0, 0])


def test_a_running_log_sum_of_far_apart_numbers_overflows_nowhere():
    x = np.array([-1e4, 1e4, -np.inf, 1e4, -1e4], np.float32)
    dy = normals(5, (5,))[0].astype(np.float32)
    (dx,) = gradients(LogCumSumExp(), x, dy=dy)
    assert_close(value(LogCumSumExp(), x)[:3], [-1e4, 1e4, 1e4], 1e-6)
    half = (dy[3] + dy[4]) / 2
    expected = [dy[0], dy[1] + dy[2] + half, 0, half, 0]
    assert_close(dx, expected, 1e-3)  # log 2 beside 10⁴ is rounded to 5e-4


def test_before_the_first_finite_number_the_running_log_sum_has_the_gradient_0():
    x, dy = np.array([-np.inf, -np.inf, 1.0, 2.0]), normals(6, (4,))[0]
    (dx,) = gradients(LogCumSumExp(), x, dy=dy)
    assert np.array_equal(value(LogCumSumExp(), x)[:2], x[:2])
    assert_close(dx, [0, 0, *gradients(LogCumSumExp(), x[2:], dy=dy[2:])[0]])


def test_the_shares_of_a_running_log_sum_are_probabilities():
    (x,) = normals(7, (6,))
    shares = np.stack([gradients(LogCumSumExp(), x, dy=row)[0] for row in np.eye(6)])
    assert_close(np.sum(shares, axis=1), np.ones(6))
    assert np.all(shares[np.tril_indices(6)] > 0)


IN_TORCH = {
    CumSum(1): lambda x: x.cumsum(1),
    CumProd(0): lambda x: x.cumprod(0),
    LogCumSumExp(1): lambda x: x.logcumsumexp(1),
}


@pytest.mark.parametrize("rule", IN_TORCH, ids=repr)
def test_torch_runs_to_the_same(rule):
    assert_like_torch(rule, lambda _: IN_TORCH[rule], normals(8, (3, 5, 2))[0])
