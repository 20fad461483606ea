"""Facts of mixtures of experts: who is chosen, who is dropped, and where rows go and come back."""

import numpy as np
import pytest

from handgrad import (
    GroupedMatMul,
    LoadBalance,
    MatMul,
    PermuteTokens,
    RouterZ,
    SigmoidRouter,
    Softmax,
    SoftmaxRouter,
    Take,
    UnpermuteTokens,
)
from tests.rules.running import assert_close, assert_like_torch, gradients, normals, value

E = np.array([[2, 0], [1, 2], [2, 3], [0, 2], [3, 1]])  # of five tokens, the two experts of each


def chosen(z, k):
    """The k experts of each token, by sorting."""
    return np.sort(np.argsort(-z, axis=-1, kind="stable")[:, :k], axis=-1)


@pytest.mark.parametrize("k", [1, 2, 4, 5])
def test_a_router_is_softmax_among_the_chosen(k):
    z, dy = normals(1, (6, 5), (6, 5))
    y, (dz,) = value(SoftmaxRouter(k), z), gradients(SoftmaxRouter(k), z, dy=dy)
    for n, places in enumerate(chosen(z, k)):
        alone = z[n, places]
        assert_close(y[n, places], value(Softmax(), alone))
        assert_close(dz[n, places], gradients(Softmax(), alone, dy=dy[n, places])[0])
        others = np.setdiff1d(np.arange(5), places)
        assert not y[n, others].any()
        assert not dz[n, others].any()
    assert np.any(dz) == (k > 1)


def test_without_the_sum_one_expert_is_enough_to_learn():
    z, dy = normals(2, (6, 5), (6, 5))
    rule = SoftmaxRouter(1, renormalize=False)
    c = np.arange(5) == np.argmax(z, axis=-1)[:, None]
    assert_close(value(rule, z), np.where(c, value(Softmax(), z), 0))
    (dz,) = gradients(rule, z, dy=dy)
    assert_close(dz, gradients(Softmax(), z, dy=np.where(c, dy, 0))[0])
    assert np.all(dz != 0)


@pytest.mark.parametrize("router", ["softmax", "sigmoid"])
def test_of_experts_that_tie_the_first_are_chosen(router):
    z = np.array([[1.0, 3.0, 1.0, 1.0], [2.0, 2.0, 2.0, 2.0]])
    if router == "softmax":
        y = value(SoftmaxRouter(2), z)
    else:
        y = value(SigmoidRouter(2), z, np.zeros(4))
    assert np.array_equal(y > 0, [[True, True, False, False]] * 2)


@pytest.mark.parametrize("router", ["softmax", "sigmoid"])
def test_an_expert_takes_so_many_tokens_and_drops_the_rest(router):
    z, dy = normals(3, (8, 3), (8, 3))
    z[:, 0] += 10
    rules = {
        "softmax": (SoftmaxRouter(2), SoftmaxRouter(2, capacity=3), ()),
        "sigmoid": (SigmoidRouter(2), SigmoidRouter(2, capacity=3), (np.zeros(3),)),
    }
    free, tight, bias = rules[router]
    open_y, y = value(free, z, *bias), value(tight, z, *bias)
    held = (open_y > 0) & (np.cumsum(open_y > 0, axis=0) <= 3)
    assert_close(y, np.where(held, open_y, 0))
    assert np.count_nonzero(y[:, 0]) == 3
    dz, *_ = gradients(tight, z, *bias, dy=dy)
    assert_close(dz, gradients(free, z, *bias, dy=np.where(held, dy, 0))[0])


def test_the_bias_of_a_router_chooses_and_does_not_weigh():
    z, b, dy = normals(4, (6, 5), (5,), (6, 5))
    s = 1 / (1 + np.exp(-z))
    y, (dz, db) = value(SigmoidRouter(2), z, 3 * b), gradients(SigmoidRouter(2), z, 3 * b, dy=dy)
    assert db is None
    for n, places in enumerate(chosen(s + 3 * b, 2)):
        q = s[n, places]
        assert_close(y[n, places], q / np.sum(q))
        dq = (dy[n, places] - np.sum(dy[n, places] * y[n, places])) / np.sum(q)
        assert_close(dz[n, places], dq * q * (1 - q))
    moved = value(SigmoidRouter(2), z, 3 * b + 0.7)
    assert_close(moved, y)


def test_sigmoids_that_vanish_give_weights_that_are_finite():
    z = np.full((1, 4), -800.0)
    with np.errstate(under="ignore"):
        y, (dz, _) = (
            value(SigmoidRouter(2), z, np.zeros(4)),
            gradients(SigmoidRouter(2), z, np.zeros(4), dy=np.ones((1, 4))),
        )
    assert not y.any()
    assert not dz.any()


def test_an_even_load_costs_1_and_a_router_of_one_mind_costs_e():
    even = np.tile(np.eye(4, dtype=bool), (3, 1))
    assert_close(value(LoadBalance(), np.zeros((12, 4)), even), 1.0)
    z = np.zeros((12, 4))
    z[:, 2] = 50
    assert_close(value(LoadBalance(), z, np.tile(np.arange(4) == 2, (12, 1))), 4.0)


def test_choices_count_and_do_not_move_and_only_their_shares_matter():
    (z,) = normals(5, (6, 4))
    c = z > np.median(z, axis=-1, keepdims=True)
    dz, dc = gradients(LoadBalance(), z, c, dy=1.7)
    assert dc is None
    p, f = value(Softmax(), z), np.sum(c, axis=0) / np.sum(c)
    assert_close(value(LoadBalance(), z, c), 4 * f @ np.mean(p, axis=0))
    assert_close(dz, gradients(Softmax(), z, dy=1.7 * 4 / 6 * np.tile(f, (6, 1)))[0])
    assert np.max(np.abs(np.sum(dz, axis=-1))) < 1e-15
    assert value(LoadBalance(), z, np.zeros((6, 4), bool)) == 0


def test_router_z_is_0_where_the_exponentials_sum_to_1():
    (z,) = normals(6, (5, 4))
    z -= np.log(np.sum(np.exp(z), axis=-1, keepdims=True))
    assert np.max(np.abs(value(RouterZ("none"), z))) < 1e-30
    (dz,) = gradients(RouterZ(), z + 3, dy=1.7)
    assert_close(np.sum(dz, axis=-1), np.full(5, 1.7 * 6 / 5))


def test_rows_are_sorted_by_experts_and_within_one_by_tokens():
    (x,) = normals(7, (5, 3))
    expected = [0, 3, 1, 4, 0, 1, 2, 3, 2, 4]  # of the experts 0 0, 1 1, 2 2 2 2, 3 3
    assert_close(value(PermuteTokens(), x, E), x[expected])
    (dy,) = normals(8, (10, 3))
    dx, de = gradients(PermuteTokens(), x, E, dy=dy)
    assert_close(dx, gradients(Take(0), x, np.array(expected), dy=dy)[0])
    assert de is None


def test_what_is_permuted_comes_back_weighed():
    x, w, dy = normals(9, (5, 3), (5, 2), (5, 3))
    u = value(PermuteTokens(), x, E)
    assert_close(value(UnpermuteTokens(), u, E, w), x * np.sum(w, axis=1, keepdims=True))
    du, de, dw = gradients(UnpermuteTokens(), u, E, w, dy=dy)
    assert de is None
    assert_close(dw, np.sum(dy * x, axis=1, keepdims=True) * np.ones((5, 2)))
    back, _ = gradients(PermuteTokens(), x, E, dy=du)
    assert_close(back, dy * np.sum(w, axis=1, keepdims=True))
    with pytest.raises(ValueError, match="u has 11 rows, and e 10 choices"):
        value(UnpermuteTokens(), np.vstack([u, u[:1]]), E, w)


@pytest.mark.parametrize("block", [1, 2, 3, 64])
@pytest.mark.parametrize("labels", [[2, 0, 2, 3, 0, 2], [1] * 6, [0, 0, 2, 2, 2, 3], []])
def test_every_expert_has_a_product_of_its_own(block, labels):
    s = np.array(labels, int)
    x, W, dy = normals(10, (len(s), 3), (4, 3, 2), (len(s), 2))
    rule = GroupedMatMul(block)
    y, (dx, dW, ds) = value(rule, x, W, s), gradients(rule, x, W, s, dy=dy)
    assert ds is None
    for e in range(4):
        rows = s == e
        assert_close(y[rows], x[rows] @ W[e])
        expected = gradients(MatMul(), x[rows], W[e], dy=dy[rows])
        assert_close(dx[rows], expected[0])
        assert_close(dW[e], expected[1])


def test_a_row_without_an_expert_is_dropped():
    s = np.array([0, 4, 1, -1, 1])
    x, W, dy = normals(11, (5, 3), (4, 3, 2), (5, 2))
    kept = np.array([0, 2, 4])
    y, (dx, dW, _) = value(GroupedMatMul(2), x, W, s), gradients(GroupedMatMul(2), x, W, s, dy=dy)
    alone = gradients(GroupedMatMul(2), x[kept], W, s[kept], dy=dy[kept])
    assert_close(y[kept], value(GroupedMatMul(2), x[kept], W, s[kept]))
    assert_close(dx[kept], alone[0])
    assert_close(dW, alone[1])
    assert not np.any([y[[1, 3]], dx[[1, 3], :2]])


def test_torch_routes_alike():
    def softmax(f):
        def routed(z):
            p, places = f.softmax(z, dim=-1).topk(2)
            return (0 * z).scatter(-1, places, p / p.sum(-1, keepdim=True))

        return routed

    def sigmoid(f):
        def routed(z, b):
            places = (z.sigmoid() + b).topk(2).indices
            q = z.sigmoid().gather(-1, places)
            return (0 * z).scatter(-1, places, 2.5 * q / q.sum(-1, keepdim=True))

        return routed

    z, b = normals(12, (6, 5), (5,))
    assert_like_torch(SoftmaxRouter(2), softmax, z)
    assert_like_torch(SigmoidRouter(2, scale=2.5), sigmoid, z, b)
