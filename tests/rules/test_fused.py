"""Facts of fused blocks: what each is made of, what it shares, and how little it keeps."""

import numpy as np
import pytest

from handgrad import (
    AdaLayerNorm,
    DoRA,
    FusedAddRMSNorm,
    GatedRMSNorm,
    LayerNorm,
    LowRankAffine,
    QKNorm,
    RMSNorm,
    SiLU,
    SwiGLU,
    SwiGLUMLP,
)
from tests.rules.kept import kept_bytes
from tests.rules.running import assert_close, assert_like_torch, gradients, normals, value


def test_the_stream_gets_the_gradient_of_the_norm_and_its_own():
    x, h, gamma, dy, ds = normals(1, (4, 6), (4, 6), (6,), (4, 6), (4, 6))
    y, s = value(FusedAddRMSNorm(), x, h, gamma)
    assert_close(s, x + h)
    assert_close(y, value(RMSNorm(), x + h, gamma))
    dx, dh, d_gamma = gradients(FusedAddRMSNorm(), x, h, gamma, dy=(dy, ds))
    du, expected = gradients(RMSNorm(), x + h, gamma, dy=dy)
    assert_close(dx, du + ds)
    assert_close(dh, dx)
    assert_close(d_gamma, expected)
    alone, *_ = gradients(FusedAddRMSNorm(), x, h, gamma, dy=(0 * dy, ds))
    assert_close(alone, ds)


@pytest.mark.parametrize("gate", ["before", "after"])
def test_a_gated_norm_is_a_norm_and_a_gate_in_either_order(gate):
    x, z, gamma, dy = normals(2, (4, 6), (4, 6), (6,), (4, 6))
    rule, norm = GatedRMSNorm(gate, eps=0.1), RMSNorm(eps=0.1)
    dx, dz, d_gamma = gradients(rule, x, z, gamma, dy=dy)
    if gate == "before":
        u = value(SwiGLU(), z, x)
        assert_close(value(rule, x, z, gamma), value(norm, u, gamma))
        du, expected = gradients(norm, u, gamma, dy=dy)
        gated = gradients(SwiGLU(), z, x, dy=du)
        assert_close(dx, gated[1])
    else:
        n = value(norm, x, gamma)
        assert_close(value(rule, x, z, gamma), n * value(SiLU(), z))
        gated = gradients(SwiGLU(), z, n, dy=dy)
        normed, expected = gradients(norm, x, gamma, dy=gated[1])
        assert_close(dx, normed)
    assert_close(dz, gated[0])
    assert_close(d_gamma, expected)


def test_a_norm_that_is_modulated_is_a_layer_norm_for_each_example():
    x, s, b, dy = normals(3, (3, 5, 6), (3, 6), (3, 6), (3, 5, 6))
    y, (dx, ds, db) = value(AdaLayerNorm(), x, s, b), gradients(AdaLayerNorm(), x, s, b, dy=dy)
    for i in range(3):
        layer = (x[i], 1 + s[i], b[i])
        assert_close(y[i], value(LayerNorm(1e-6), *layer))
        for actual, expected in zip(
            (dx[i], ds[i], db[i]), gradients(LayerNorm(1e-6), *layer, dy=dy[i]), strict=True
        ):
            assert_close(actual, expected)


def test_all_heads_share_the_scales_of_queries_and_of_keys():
    q, k, gamma, kappa = normals(4, (5, 4, 3), (5, 2, 3), (3,), (3,))
    dy = tuple(normals(5, (5, 4, 3), (5, 2, 3)))
    outputs = value(QKNorm(), q, k, gamma, kappa)
    found = gradients(QKNorm(), q, k, gamma, kappa, dy=dy)
    for i, (x, scale) in enumerate(((q, gamma), (k, kappa))):
        assert_close(outputs[i], value(RMSNorm(), x, scale))
        dx, d_scale = gradients(RMSNorm(), x, scale, dy=dy[i])
        assert_close(found[i], dx)
        assert_close(found[i + 2], d_scale)


def drawn_mlp(seed, n=7, d=4, f=6):
    x, W, V, U = normals(seed, (n, d), (d, f), (d, f), (f, d))
    return x, W, V, U, *normals(seed + 50, (n, d))


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 100])
def test_rows_in_chunks_give_what_all_rows_give(chunk):
    *inputs, dy = drawn_mlp(6)
    assert_close(value(SwiGLUMLP(chunk), *inputs), value(SwiGLUMLP(), *inputs))
    pairs = gradients(SwiGLUMLP(chunk), *inputs, dy=dy), gradients(SwiGLUMLP(), *inputs, dy=dy)
    for actual, expected in zip(*pairs, strict=True):
        assert_close(actual, expected)


@pytest.mark.parametrize("chunk", [None, 4])
def test_no_rows_give_the_weights_the_gradient_0(chunk):
    *inputs, dy = drawn_mlp(7, n=0)
    assert value(SwiGLUMLP(chunk), *inputs).shape == (0, 4)
    dx, *of_weights = gradients(SwiGLUMLP(chunk), *inputs, dy=dy)
    assert dx.shape == (0, 4)
    assert [d.shape for d in of_weights] == [(4, 6), (4, 6), (6, 4)]
    assert not any(d.any() for d in of_weights)


def test_an_mlp_that_forms_its_gate_again_keeps_less_than_automatic_differentiation():
    *inputs, _ = drawn_mlp(8, n=256, d=32, f=96)
    all_of_them = range(4)
    _, (gates, automatic) = kept_bytes(SwiGLUMLP(), inputs, all_of_them)
    assert gates == 2 * 256 * 96 * 8
    assert gates <= 0.5 * automatic
    in_all, (chunked, _) = kept_bytes(SwiGLUMLP(chunk=64), inputs, all_of_them)
    assert chunked == 0
    assert in_all[0] == sum(x.nbytes for x in inputs) <= 0.2 * in_all[1]


def drawn_dora(seed):
    return normals(seed, (5, 4), (4, 3), (3,), (4, 2), (2, 3), (3,))


def test_the_lengths_of_the_columns_are_m_alone():
    x, W, b, A, B, m = drawn_dora(9)
    M = value(DoRA(0.5), np.eye(4), W, 0 * b, A, B, m)
    assert_close(np.sqrt(np.sum(M * M, axis=0)), np.abs(m))
    assert_close(value(DoRA(0.5), x, W, b, A, B, m), x @ M + b)
    assert_close(value(DoRA(0.5), x, 7 * W, b, A, 7 * B, m), x @ M + b)


def test_the_gradient_of_a_direction_is_orthogonal_to_it():
    x, W, b, A, B, m = drawn_dora(10)
    (dy,) = normals(11, (5, 3))
    V = W + 0.5 * A @ B
    _, dV, _, dA, dB, dm = gradients(DoRA(0.5), x, W, b, A, B, m, dy=dy)
    assert np.max(np.abs(np.sum(V * dV, axis=0))) < 1e-14
    assert_close(dA, 0.5 * dV @ B.T)
    assert_close(dB, 0.5 * A.T @ dV)
    assert_close(dm * m, np.sum(dy * (value(DoRA(0.5), x, W, 0 * b, A, B, m)), axis=0))


def test_dora_begins_as_the_affine_map_that_it_adapts():
    x, W, b, A, B, _ = drawn_dora(12)
    (dy,) = normals(13, (5, 3))
    n = np.sqrt(np.sum(W * W, axis=0))
    assert_close(value(DoRA(), x, W, b, A, 0 * B, n), x @ W + b)
    dx, *_ = gradients(DoRA(), x, W, b, A, 0 * B, n, dy=dy)
    assert_close(dx, gradients(LowRankAffine(), x, W, b, A, 0 * B, dy=dy)[0])


def test_a_column_of_zeros_has_no_direction():
    x, W, b, A, B, m = drawn_dora(14)
    (dy,) = normals(15, (5, 3))
    W[:, 1], B[:, 1] = 0, 0
    assert_close(value(DoRA(), x, W, b, A, B, m)[:, 1], np.full(5, b[1]))
    _, dW, db, _, dB, dm = gradients(DoRA(), x, W, b, A, B, m, dy=dy)
    assert not np.any([*dW[:, 1], *dB[:, 1], dm[1]])
    assert_close(db, np.sum(dy, axis=0))


IN_TORCH = {
    GatedRMSNorm(): (
        lambda f: lambda x, z, g: f.rms_norm(x * f.silu(z), (6,), g, 1e-5),
        [(4, 6), (4, 6), (6,)],
    ),
    AdaLayerNorm(): (
        lambda f: lambda x, s, b: f.layer_norm(x, (6,), eps=1e-6) * (1 + s[:, None]) + b[:, None],
        [(2, 3, 6), (2, 6), (2, 6)],
    ),
    SwiGLUMLP(): (
        lambda f: lambda x, W, V, U: (f.silu(x @ W) * (x @ V)) @ U,
        [(5, 4), (4, 6), (4, 6), (6, 4)],
    ),
    DoRA(0.5): (
        lambda f: lambda x, W, b, A, B, m: x @ (m * f.normalize(W + 0.5 * A @ B, dim=0)) + b,
        [(5, 4), (4, 3), (3,), (4, 2), (2, 3), (3,)],
    ),
}


@pytest.mark.parametrize("rule", IN_TORCH, ids=repr)
def test_torch_has_the_same_blocks(rule):
    function, shapes = IN_TORCH[rule]
    since = "2.4" if isinstance(rule, GatedRMSNorm) else "2.3"  # before it, torch has no rms_norm
    assert_like_torch(rule, function, *normals(16, *shapes), since=since)
