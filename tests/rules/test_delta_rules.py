"""Facts of delta rules: what is written can be read back, and chunks change nothing."""

import numpy as np
import pytest

from handgrad import DeltaRule, GatedDeltaRule
from tests.rules.recurrences import assert_alike, assert_like_the_recurrence
from tests.rules.running import assert_close, gradients, normals, value

M, T, K, V = 2, 11, 3, 4
each_rule = pytest.mark.parametrize("cls", [DeltaRule, GatedDeltaRule])


def inputs_of(cls, seed=1, length=T):
    """Queries, keys, values, weights between 0 and 1, and logarithms of what is left of S."""
    q, k, v, beta, g = normals(
        seed, (M, length, K), (M, length, K), (M, length, V), (M, length), (M, length)
    )
    inputs = [q, k, v, 1 / (1 + np.exp(beta)), -np.abs(g)]
    return inputs if cls is GatedDeltaRule else inputs[:4]


@each_rule
@pytest.mark.parametrize("chunk", [1, 2, 4, 11, 64])
def test_a_delta_rule_in_chunks_of_any_size_is_the_recurrence(cls, chunk):
    assert_like_the_recurrence(cls(chunk), inputs_of)


@each_rule
def test_a_long_sequence_in_chunks_agrees_with_the_recurrence_to_the_last_digits(cls):
    inputs = inputs_of(cls, length=130)
    inputs[1] /= np.linalg.norm(inputs[1], axis=-1, keepdims=True)
    (dy,) = normals(3, inputs[2].shape)
    assert_close(value(cls(64), *inputs), value(cls(1), *inputs))
    assert_alike(gradients(cls(64), *inputs, dy=dy), gradients(cls(1), *inputs, dy=dy))


def test_a_gated_rule_whose_gate_is_open_is_the_delta_rule():
    q, k, v, beta = inputs_of(DeltaRule)
    (dy,) = normals(4, v.shape)
    open_gate = np.zeros_like(beta)
    assert_close(
        value(GatedDeltaRule(4), q, k, v, beta, open_gate), value(DeltaRule(4), q, k, v, beta)
    )
    *grads, _ = gradients(GatedDeltaRule(4), q, k, v, beta, open_gate, dy=dy)
    assert_alike(grads, gradients(DeltaRule(4), q, k, v, beta, dy=dy))


def test_what_was_written_at_a_unit_key_with_weight_1_is_read_back():
    _, k, v, beta = inputs_of(DeltaRule)
    k /= np.linalg.norm(k, axis=-1, keepdims=True)
    assert_close(value(DeltaRule(4), k, k, v, np.ones_like(beta)), v)


def test_orthonormal_keys_are_a_memory_in_which_the_last_value_counts():
    v, v2, dy = normals(5, (1, 3, V), (1, 3, V), (1, 6, V))
    k = np.concatenate([np.eye(3), np.eye(3)])[None]
    beta, both = np.ones((1, 6)), np.concatenate([v, v2], axis=1)
    _, _, dv, _ = gradients(DeltaRule(4), k, k, both, beta, dy=dy)
    assert_close(value(DeltaRule(4), k, k, both, beta), both)
    assert_close(dv, dy)


@each_rule
def test_a_weight_of_0_writes_nothing(cls):
    inputs = inputs_of(cls)
    inputs[3][:, 4] = 0
    if cls is GatedDeltaRule:
        inputs[4][:, 4] = 0
    without = [np.delete(x, 4, axis=1) for x in inputs]
    assert_close(np.delete(value(cls(3), *inputs), 4, axis=1), value(cls(3), *without))


def test_a_gate_of_minus_infinity_forgets_all_without_a_nan():
    q, k, v, beta, g = inputs_of(GatedDeltaRule)
    (dy,) = normals(6, v.shape)
    g[:, 5] = -np.inf
    halves = [[x[:, :5] for x in (q, k, v, beta, g)], [x[:, 5:] for x in (q, k, v, beta, g)]]
    apart = [value(GatedDeltaRule(4), *half) for half in halves]
    assert_close(value(GatedDeltaRule(4), q, k, v, beta, g), np.concatenate(apart, axis=1))
    ends = dy[:, :5], dy[:, 5:]
    pairs = [
        gradients(GatedDeltaRule(4), *half, dy=d) for half, d in zip(halves, ends, strict=True)
    ]
    joined = [np.concatenate(pair, axis=1) for pair in zip(*pairs, strict=True)]
    assert_alike(gradients(GatedDeltaRule(4), q, k, v, beta, g, dy=dy), joined)


@each_rule
def test_a_step_sees_nothing_of_what_comes_after_it(cls):
    inputs = inputs_of(cls)
    (dy,) = normals(7, inputs[2].shape)
    dy[:, 6:] = 0
    grads = gradients(cls(4), *inputs, dy=dy)
    assert not any(np.any(d[:, 6:]) for d in grads)
    assert_alike(
        [d[:, :6] for d in grads], gradients(cls(4), *(x[:, :6] for x in inputs), dy=dy[:, :6])
    )


@each_rule
def test_beside_the_inputs_a_delta_rule_keeps_one_matrix_a_chunk(cls):
    inputs = inputs_of(cls)
    _, residuals = cls(4).forward(*inputs)
    assert all(a is b for a, b in zip(residuals, inputs, strict=False))
    assert [r.shape for r in residuals[len(inputs) :]] == [(3, M, K, V)]


@each_rule
def test_no_steps_are_read_as_nothing(cls):
    inputs = inputs_of(cls, length=0)
    y, residuals = cls().forward(*inputs)
    assert y.shape == (M, 0, V)
    assert [d.shape for d in cls().backward(residuals, y)] == [x.shape for x in inputs]
