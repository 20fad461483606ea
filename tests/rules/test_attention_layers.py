"""Facts of layers of attention: what they share with attention, and with each other."""

import numpy as np
import pytest

from handgrad import (
    CausalLinearAttention,
    CrossAttention,
    LinearAttention,
    MultiHeadAttention,
    ScaledDotProductAttention,
)
from tests.rules.recurrences import assert_like_the_recurrence
from tests.rules.running import assert_close, gradients, normals, value


def weights(seed=1, d=6):
    return normals(seed, (d, 3 * d), (3 * d,), (d, d), (d,))


def test_one_head_that_passes_its_thirds_on_is_attention():
    (x,), (dy,) = normals(2, (2, 5, 12)), normals(3, (2, 5, 4))
    q, k, v = (x[:, None, :, 4 * i : 4 * i + 4] for i in range(3))
    parameters = np.eye(12), np.zeros(12), np.eye(4), np.zeros(4)
    rule, own = MultiHeadAttention(heads=1, causal=True), ScaledDotProductAttention(causal=True)
    assert_close(value(rule, x, *parameters), value(own, q, k, v)[:, 0])
    dx, *_ = gradients(rule, x, *parameters, dy=dy)
    thirds = gradients(own, q, k, v, dy=dy[:, None])
    assert_close(dx, np.concatenate([d[:, 0] for d in thirds], axis=-1))


def test_a_causal_head_gets_no_gradient_from_places_before():
    x, dy = normals(4, (2, 5, 6), (2, 5, 6))
    dy[:, 3:] = 0
    dx, *_ = gradients(MultiHeadAttention(heads=2, causal=True), x, *weights(), dy=dy)
    assert not dx[:, 3:].any()
    dx, *_ = gradients(MultiHeadAttention(heads=2), x, *weights(), dy=dy)
    assert dx[:, 3:].all()


def test_attention_to_oneself_is_attention_across_with_the_same_weights():
    x, dy = normals(5, (2, 5, 6), (2, 5, 6))
    W, b, U, c = weights()
    b = 0 * b
    thirds = np.split(W, 3, axis=1)
    own = gradients(MultiHeadAttention(heads=3), x, W, b, U, c, dy=dy)
    dx, dz, *rest = gradients(CrossAttention(heads=3), x, x, *thirds, U, c, dy=dy)
    assert_close(dx + dz, own[0])
    assert_close(np.concatenate(rest[:3], axis=1), own[1])
    assert_close(rest[3], own[3])
    assert_close(rest[4], own[4])


@pytest.mark.parametrize("causal", [False, True])
def test_torch_has_the_same_heads(causal):
    torch = pytest.importorskip("torch", reason="torch is an extra")
    x, dy = normals(6, (2, 5, 6), (2, 5, 6))
    theirs = [torch.tensor(a, requires_grad=True) for a in (x, *weights())]
    rows, W, b, U, c = theirs
    module = torch.nn.MultiheadAttention(6, 3, batch_first=True, dtype=torch.float64)
    state = {
        "in_proj_weight": W.T,
        "in_proj_bias": b,
        "out_proj.weight": U.T,
        "out_proj.bias": c,
    }
    options = {"need_weights": False, "attn_mask": None}
    if causal:
        options["attn_mask"] = torch.ones(5, 5, dtype=torch.bool).triu(1)
    y, _ = torch.func.functional_call(module, state, (rows, rows, rows), options)
    y.backward(torch.tensor(dy))
    rule = MultiHeadAttention(heads=3, causal=causal)
    assert_close(value(rule, x, *weights()), y.detach())
    for dx, a in zip(gradients(rule, x, *weights(), dy=dy), theirs, strict=True):
        assert_close(dx, a.grad)


def test_linear_attention_does_not_see_in_which_order_the_keys_stand():
    q, k, v, dy = normals(7, (2, 3, 4, 5), (2, 3, 6, 5), (2, 3, 6, 7), (2, 3, 4, 7))
    dq, dk, dv = gradients(LinearAttention(), q, k, v, dy=dy)
    turned = gradients(LinearAttention(), q, k[:, :, ::-1], v[:, :, ::-1], dy=dy)
    for actual, expected in zip(turned, (dq, dk[:, :, ::-1], dv[:, :, ::-1]), strict=True):
        assert_close(actual, expected)


def test_values_that_are_all_alike_are_their_own_mean():
    q, k = normals(8, (1, 2, 6, 5), (1, 2, 6, 5))
    v = np.full((1, 2, 6, 3), 0.7)
    for cls in (LinearAttention, CausalLinearAttention):
        assert_close(value(cls(eps=0.0), q, k, v), v)


@pytest.mark.parametrize("cls", [LinearAttention, CausalLinearAttention])
def test_a_query_whose_features_grow_alike_changes_nothing(cls):
    q, k, v, dy = normals(11, *[(2, 3, 6, 5)] * 2, *[(2, 3, 6, 7)] * 2)
    dq, *_ = gradients(cls(eps=0.0), q, k, v, dy=dy)
    by_features = np.where(q > 0, q + 1, 1) * dq  # φ / φ' is q + 1 above 0, and 1 below
    assert np.max(np.abs(np.sum(by_features, axis=-1))) < 1e-14
    assert np.max(np.abs(by_features)) > 0.1


def test_the_last_query_of_a_recurrence_sees_all_keys():
    q, k, v, dy = normals(9, *[(2, 3, 6, 5)] * 2, *[(2, 3, 6, 7)] * 2)
    dy[:, :, :-1] = 0
    causal, whole = CausalLinearAttention(), LinearAttention()
    last = q[:, :, -1:], k, v
    assert_close(value(causal, q, k, v)[:, :, -1:], value(whole, *last))
    dq, dk, dv = gradients(causal, q, k, v, dy=dy)
    expected = gradients(whole, *last, dy=dy[:, :, -1:])
    assert not dq[:, :, :-1].any()
    for actual, right in zip((dq[:, :, -1:], dk, dv), expected, strict=True):
        assert_close(actual, right)


def drawn(cls):
    """Queries, keys and values of 11 steps, for a class of attention."""
    return normals(11, (2, 3, 11, 5), (2, 3, 11, 5), (2, 3, 11, 7))


@pytest.mark.parametrize("chunk", [1, 2, 4, 11, 64])
def test_linear_attention_in_chunks_of_any_size_is_the_recurrence(chunk):
    assert_like_the_recurrence(CausalLinearAttention(chunk=chunk), drawn)


def test_a_recurrence_does_not_see_what_comes_after():
    q, k, v, dy = normals(10, *[(2, 1, 6, 5)] * 2, *[(2, 1, 6, 3)] * 2)
    dy[:, :, 4:] = 0
    grads = gradients(CausalLinearAttention(), q, k, v, dy=dy)
    few = gradients(CausalLinearAttention(), *(a[:, :, :4] for a in (q, k, v)), dy=dy[:, :, :4])
    for actual, expected in zip(grads, few, strict=True):
        assert not actual[:, :, 4:].any()
        assert_close(actual[:, :, :4], expected)
