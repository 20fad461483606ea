"""Indexing, sampling, pooling, matrices."""

import jax
import jax.numpy as jnp

from tests.judge.unseen.case import Case, Wrong


def _taps(size, dtype):
    """For an axis that is doubled: the two sources of each sample, and the second one's weight."""
    pos = (jnp.arange(2 * size, dtype=dtype) + 0.5) / 2 - 0.5
    pos = jnp.clip(pos, 0, size - 1)
    i0 = jnp.floor(pos).astype(int)
    i1 = jnp.minimum(i0 + 1, size - 1)
    return i0, i1, pos - i0.astype(dtype)


@jax.custom_vjp
def upsample(x):
    """Bilinear, twice as large; x: (H, W, C)."""
    i0, i1, a = _taps(x.shape[0], x.dtype)
    j0, j1, b = _taps(x.shape[1], x.dtype)
    a, b = a[:, None, None], b[None, :, None]
    rows = (1 - a) * x[i0] + a * x[i1]
    return (1 - b) * rows[:, j0] + b * rows[:, j1]


def upsample_fwd(x):
    return upsample(x), x


def upsample_bwd(x, g):
    i0, i1, a = _taps(x.shape[0], x.dtype)
    j0, j1, b = _taps(x.shape[1], x.dtype)
    a, b = a[:, None, None], b[None, :, None]
    rows = jnp.zeros((g.shape[0], x.shape[1], x.shape[2]), g.dtype)
    rows = rows.at[:, j0].add((1 - b) * g).at[:, j1].add(b * g)
    return (jnp.zeros_like(x).at[i0].add((1 - a) * rows).at[i1].add(a * rows),)


upsample.defvjp(upsample_fwd, upsample_bwd)


def upsample_reference(x):
    return jax.image.resize(x, (2 * x.shape[0], 2 * x.shape[1], x.shape[2]), "bilinear")


@jax.custom_vjp
def sample(image, points):
    """Values of image (H, W) at points (N, 2) in pixels, (x, y), bilinear, the edges held."""
    return sample_fwd(image, points)[0]


def sample_fwd(image, points):
    H, W = image.shape
    x, y = points[:, 0], points[:, 1]
    c = jnp.clip(jnp.floor(x).astype(int), 0, W - 2)
    r = jnp.clip(jnp.floor(y).astype(int), 0, H - 2)
    u, v = x - c, y - r
    tl, tr, bl, br = image[r, c], image[r, c + 1], image[r + 1, c], image[r + 1, c + 1]
    out = (1 - v) * ((1 - u) * tl + u * tr) + v * ((1 - u) * bl + u * br)
    return out, (image, r, c, u, v)


def sample_bwd(res, g):
    image, r, c, u, v = res
    tl, tr, bl, br = image[r, c], image[r, c + 1], image[r + 1, c], image[r + 1, c + 1]
    gx = g * ((1 - v) * (tr - tl) + v * (br - bl))
    gy = g * ((1 - u) * (bl - tl) + u * (br - tr))
    gi = jnp.zeros_like(image)
    gi = gi.at[r, c].add(g * (1 - u) * (1 - v))
    gi = gi.at[r, c + 1].add(g * u * (1 - v))
    gi = gi.at[r + 1, c].add(g * (1 - u) * v)
    gi = gi.at[r + 1, c + 1].add(g * u * v)
    return gi, jnp.stack([gx, gy], axis=1)


sample.defvjp(sample_fwd, sample_bwd)


P = 3


@jax.custom_vjp
def lp_pool(x):
    """The 3-norm of neighbouring pairs; x: (N, 2 L)."""
    pairs = x.reshape(x.shape[0], -1, 2)
    return jnp.sum(jnp.abs(pairs) ** P, axis=-1) ** (1 / P)


def lp_pool_fwd(x):
    y = lp_pool(x)
    return y, (x, y)


def lp_pool_bwd(res, g):
    x, y = res
    g = jnp.repeat(g, 2, axis=1)
    y = jnp.repeat(y, 2, axis=1)
    ratio = jnp.abs(x) / jnp.where(y > 0, y, 1)
    return (g * jnp.sign(x) * ratio ** (P - 1),)


lp_pool.defvjp(lp_pool_fwd, lp_pool_bwd)


@jax.custom_vjp
def segment_mean(data, ids):
    """The mean of the rows of each of four segments; an empty one gives zeros."""
    return segment_mean_fwd(data, ids)[0]


def segment_mean_fwd(data, ids):
    total = jax.ops.segment_sum(data, ids, num_segments=4)
    count = jax.ops.segment_sum(jnp.ones_like(data[:, 0]), ids, num_segments=4)
    count = jnp.maximum(count, 1)
    return total / count[:, None], (ids, count)


def segment_mean_bwd(res, g):
    ids, count = res
    return (g / count[:, None])[ids], None


segment_mean.defvjp(segment_mean_fwd, segment_mean_bwd)


@jax.custom_vjp
def top2(x):
    """The two largest of each row, largest first."""
    return jax.lax.top_k(x, 2)[0]


def top2_fwd(x):
    values, where = jax.lax.top_k(x, 2)
    return values, (x, where)


def top2_bwd(res, g):
    x, where = res
    rows = jnp.arange(x.shape[0])[:, None]
    return (jnp.zeros_like(x).at[rows, where].set(g),)


top2.defvjp(top2_fwd, top2_bwd)


@jax.custom_vjp
def cosine_distance(a, b):
    """1 - cos between the rows of a and those of b."""
    return cosine_distance_fwd(a, b)[0]


def cosine_distance_fwd(a, b):
    na = jnp.linalg.norm(a, axis=1, keepdims=True)
    nb = jnp.linalg.norm(b, axis=1, keepdims=True)
    ua, ub = a / na, b / nb
    cos = jnp.sum(ua * ub, axis=1, keepdims=True)
    return 1 - cos[:, 0], (ua, ub, na, nb, cos)


def cosine_distance_bwd(res, g):
    ua, ub, na, nb, cos = res
    g = g[:, None]
    ga = g * (cos * ua - ub) / na
    gb = g * (cos * ub - ua) / nb
    return ga, gb


cosine_distance.defvjp(cosine_distance_fwd, cosine_distance_bwd)


def cosine_reference(a, b):
    dot = jnp.sum(a * b, axis=1)
    return 1 - dot / jnp.sqrt(jnp.sum(a * a, axis=1) * jnp.sum(b * b, axis=1))


RIGHT = [
    Case(
        "upsample",
        lambda dtype: upsample,
        lambda random: (random(3, 4, 2),),
        {"reference": upsample_reference},
    ),
    Case(
        "sample",
        lambda dtype: sample,
        lambda random: (random(4, 4), random.uniform(0.05, 2.95, 5, 2)),
    ),
    Case("lp_pool", lambda dtype: lp_pool, lambda random: (random(3, 6),)),
    Case(
        "segment_mean",
        lambda dtype: segment_mean,
        lambda random: (random(7, 3), random.labels(4, 7)),
    ),
    Case("top2", lambda dtype: top2, lambda random: (random(4, 5),)),
    Case(
        "cosine_distance",
        lambda dtype: cosine_distance,
        lambda random: (random(4, 3), random(4, 3)),
        {"reference": cosine_reference},
    ),
]

WRONG = [
    Wrong("upsample", ".at[i0].add((1 - a) * rows)", ".at[i0].set((1 - a) * rows)", "upsample_bwd"),
    Wrong(
        "sample",
        "jnp.stack([gx, gy], axis=1)",
        "jnp.stack([gy, gx], axis=1)",
        "sample_bwd",
        says="flipped along axis 1",
    ),
    Wrong(
        "sample",
        "gi.at[r, c + 1].add(g * u * (1 - v))",
        "gi.at[r, c + 1].add(g * (1 - u) * v)",
        "sample_bwd",
    ),
    Wrong("lp_pool", "ratio ** (P - 1)", "ratio**P", "lp_pool_bwd"),
    Wrong("lp_pool", "jnp.sign(x) * ratio", "ratio", "lp_pool_bwd", says="wrong sign where x < 0"),
    Wrong(
        "segment_mean",
        "(g / count[:, None])[ids]",
        "g[ids]",
        "segment_mean_bwd",
        says="quotient .* factor is missing",
    ),
    Wrong("top2", "where].set(g)", "where].set(g[:, ::-1])", "top2_bwd", says="is permuted"),
    Wrong("cosine_distance", "(cos * ub - ua) / nb", "(ub - cos * ua) / nb", "cosine_distance_bwd"),
]
