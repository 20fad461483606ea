"""Maps onto the simplex."""

import jax
import jax.numpy as jnp

__all__ = ["entmax15", "gumbel_softmax", "log_softmax", "log_sum_exp", "softmax", "sparsemax"]


def softmax(x, *, axis=-1):
    """eˣ / Σ eˣ, as the exponential of x − log Σ eˣ"""
    return jnp.exp(x - jax.nn.logsumexp(x, axis=axis, keepdims=True))


def log_softmax(x, *, axis=-1):
    """x − log Σ eˣ"""
    return x - jax.nn.logsumexp(x, axis=axis, keepdims=True)


def log_sum_exp(x, *, axis=None, keepdims=False):
    """log Σ eˣ, as log(eᵃ + eᵇ) of one number after another"""
    return jnp.logaddexp.reduce(x, axis=axis, keepdims=keepdims)


def sparsemax(x):
    """The numbers x − τ of the support, in which i is if Σⱼ max(xⱼ − xᵢ, 0) < 1"""
    gaps = jax.nn.relu(x[..., None, :] - x[..., :, None])
    support = jnp.sum(gaps, axis=-1) < 1
    z = x - jnp.max(x, axis=-1, keepdims=True)
    threshold = (jnp.sum(z, axis=-1, keepdims=True, where=support) - 1) / jnp.sum(
        support, axis=-1, keepdims=True
    )
    return jnp.where(support, z - threshold, 0)


def entmax15(x):
    """The numbers (x/2 − τ)² of the support, in which i is if Σⱼ max(xⱼ/2 − xᵢ/2, 0)² < 1"""
    gaps = jax.nn.relu(x[..., None, :] - x[..., :, None])
    support = jnp.sum(gaps**2, axis=-1) < 4
    z = jnp.where(support, (x - jnp.max(x, axis=-1, keepdims=True)) / 2, 0)
    mean = jnp.mean(z, axis=-1, keepdims=True, where=support)
    variance = jnp.mean((z - mean) ** 2, axis=-1, keepdims=True, where=support)
    share = 1 / jnp.sum(support, axis=-1, keepdims=True, dtype=x.dtype)
    return jnp.where(support, (z - mean + jnp.sqrt(share - variance)) ** 2, 0)


def gumbel_softmax(x, g, *, temperature=1.0, hard=False):
    """softmax((x + g) / τ), as jax.nn has softmax; if hard, one-hot, with the same gradient"""
    soft = jax.nn.softmax((x + g) / temperature)
    if hard:
        one_hot = jax.nn.one_hot(jnp.argmax(x + g, axis=-1), x.shape[-1])
        return soft + jax.lax.stop_gradient(one_hot - soft)
    return soft
