"""Facts of state spaces: chunks change nothing, nothing sees ahead, and a state may be forgotten."""

import jax
import numpy as np
import pytest

from handgrad import SSD, SelectiveScan, SiLU, StatefulConv1d
from handgrad.arrays import shape_of
from handgrad.judge.oracles.jax import registered_reference
from tests.rules.recurrences import assert_alike, assert_like_the_recurrence
from tests.rules.running import assert_close, assert_like_torch, gradients, normals, value

M, T, H, P, N = 2, 11, 3, 4, 5


def inputs_of(cls, seed=1, length=T):
    """Inputs of distinct sizes, with the rates A below 0 and the steps Δ above it."""
    x, delta, A, B, C, D = normals(
        seed, (M, length, H, P), (M, length, H), (H,), (M, length, N), (M, length, N), (H,)
    )
    if cls is SelectiveScan:
        x = x[..., 0]
        A = normals(seed + 100, (H, N))[0]
    return [x, np.abs(delta), -np.abs(A), B, C, D]


each_scan = pytest.mark.parametrize("cls", [SelectiveScan, SSD])


@each_scan
@pytest.mark.parametrize("chunk", [1, 2, 4, 11, 64])
def test_a_scan_in_chunks_of_any_size_is_the_recurrence(cls, chunk):
    assert_like_the_recurrence(cls(chunk), inputs_of)


@each_scan
def test_a_step_sees_nothing_of_what_comes_after_it(cls):
    inputs = inputs_of(cls)
    (dy,) = normals(3, inputs[0].shape)
    dy[:, 6:] = 0
    dx, ddelta, _, dB, dC, _ = gradients(cls(4), *inputs, dy=dy)
    assert not any(np.any(d[:, 6:]) for d in (dx, ddelta, dB, dC))
    assert all(np.all(d[:, :6]) for d in (dx, ddelta, dB, dC))


@each_scan
def test_a_step_of_size_0_leaves_the_state_alone(cls):
    inputs = inputs_of(cls)
    inputs[1][:, 4] = 0
    without = [np.delete(x, 4, axis=1) if x.shape[:2] == (M, T) else x for x in inputs]
    assert_close(np.delete(value(cls(3), *inputs), 4, axis=1), value(cls(3), *without))


@each_scan
def test_what_fades_at_once_leaves_each_step_alone(cls):
    x, delta, A, B, C, D = inputs_of(cls)
    inputs = x, delta, A - 1e9, B, C, D
    y = value(cls(4), *inputs)
    alone = [
        value(cls(), *(a[:, [t]] if a.shape[:2] == (M, T) else a for a in inputs)) for t in range(T)
    ]
    assert_close(y, np.concatenate(alone, axis=1))


@each_scan
def test_what_fades_very_fast_has_finite_gradients_in_float32(cls):
    inputs = [np.float32(x) for x in inputs_of(cls)]
    inputs[2] = inputs[2] * np.float32(1e4)
    dy = np.float32(normals(4, inputs[0].shape)[0])
    grads = gradients(cls(4), *inputs, dy=dy)
    assert {d.dtype for d in grads} == {np.dtype(np.float32)}
    _, pull = jax.vjp(registered_reference(cls()), *(x.astype(float) for x in inputs))
    assert_alike(grads, pull(dy.astype(float)), 1e-5)


@each_scan
def test_no_steps_are_read_as_nothing_and_move_nothing(cls):
    inputs = inputs_of(cls, length=0)
    y, residuals = cls().forward(*inputs)
    grads = cls().backward(residuals, np.zeros_like(y))
    assert y.shape == inputs[0].shape
    assert [d.shape for d in grads] == [x.shape for x in inputs]
    assert not any(np.any(d) for d in grads)


@each_scan
def test_beside_the_inputs_a_scan_keeps_one_state_a_chunk(cls):
    inputs = inputs_of(cls)
    _, residuals = cls(4).forward(*inputs)
    assert all(a is b for a, b in zip(residuals, inputs, strict=False))
    state = (M, H, N) if cls is SelectiveScan else (M, H, N, P)
    assert [shape_of(r) for r in residuals[len(inputs) :]] == [(3, *state)]


def test_ssd_is_a_selective_scan_whose_channels_share_their_rates():
    x, delta, A, B, C, D = inputs_of(SSD)
    (dy,) = normals(5, x.shape)
    channels = [np.repeat(a, P, axis=-1) for a in (delta, D)]
    rates = np.broadcast_to(np.repeat(A, P)[:, None], (H * P, N))
    scan = x.reshape(M, T, H * P), channels[0], rates, B, C, channels[1]
    assert_close(
        value(SSD(3), x, delta, A, B, C, D), value(SelectiveScan(), *scan).reshape(x.shape)
    )
    du, ddelta, dA, dB, dC, dD = gradients(SelectiveScan(), *scan, dy=dy.reshape(M, T, H * P))
    summed = ddelta.reshape((*delta.shape, P)).sum(-1), dA.reshape(H, P * N).sum(-1)
    expected = du.reshape(x.shape), *summed, dB, dC, dD.reshape(H, P).sum(-1)
    assert_alike(gradients(SSD(3), x, delta, A, B, C, D, dy=dy), expected)


@pytest.mark.parametrize("silu", [False, True])
@pytest.mark.parametrize(("first", "width"), [(5, 4), (1, 4), (2, 1), (0, 3)])
def test_a_convolution_in_two_calls_is_one_with_the_state_handed_on(silu, first, width):
    rule = StatefulConv1d(silu)
    x, w, b, s = normals(6, (2, 7, 3), (3, width), (3,), (2, width - 1, 3))
    dy, dr = normals(7, (2, 7, 3), (2, width - 1, 3))
    y, r = value(rule, x, w, b, s)
    (y1, r1), left = rule.forward(x[:, :first], w, b, s)
    (y2, r2), right = rule.forward(x[:, first:], w, b, r1)
    assert_close(np.concatenate([y1, y2], axis=1), y)
    assert np.array_equal(r2, r)
    dx2, dw2, db2, dr1 = rule.backward(right, (dy[:, first:], dr))
    dx1, dw1, db1, ds = rule.backward(left, (dy[:, :first], dr1))
    whole = gradients(rule, x, w, b, s, dy=(dy, dr))
    assert_alike((np.concatenate([dx1, dx2], axis=1), dw1 + dw2, db1 + db2, ds), whole)


def test_a_convolution_with_silu_is_one_and_then_silu():
    x, w, b, s = normals(8, (2, 7, 3), (3, 4), (3,), (2, 3, 3))
    dy, dr = normals(9, (2, 7, 3), (2, 3, 3))
    a, r = value(StatefulConv1d(), x, w, b, s)
    y, same = value(StatefulConv1d(silu=True), x, w, b, s)
    assert_close(y, value(SiLU(), a))
    assert np.array_equal(r, same)
    (da,) = gradients(SiLU(), a, dy=dy)
    expected = gradients(StatefulConv1d(), x, w, b, s, dy=(da, dr))
    assert_alike(gradients(StatefulConv1d(silu=True), x, w, b, s, dy=(dy, dr)), expected)


class WithoutState(StatefulConv1d):
    """y of StatefulConv1d, from a state of zeros."""

    def forward(self, x, w, b):
        (y, r), residuals = super().forward(x, w, b, np.zeros_like(x[:, : w.shape[1] - 1]))
        return y, (*residuals, r)

    def backward(self, residuals, dy):
        *residuals, r = residuals
        return super().backward(residuals, (dy, np.zeros_like(r)))[:3]


def test_torch_convolves_each_channel_alike_and_cuts_off_what_is_ahead():
    def convolved(functional):
        def call(x, w, b):
            y = functional.conv1d(x.mT, w[:, None], b, padding=w.shape[1] - 1, groups=w.shape[0])
            return y[..., : x.shape[1]].mT

        return call

    assert_like_torch(WithoutState(), convolved, *normals(10, (2, 7, 3), (3, 4), (3,)))
