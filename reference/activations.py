"""Smooth activations."""

import jax
import jax.numpy as jnp

__all__ = [
    "gelu",
    "log_sigmoid",
    "mish",
    "quick_gelu",
    "sigmoid",
    "silu",
    "softcap",
    "softplus",
    "softsign",
    "tanh",
]


def sigmoid(x):
    """1 / (1 + e⁻ˣ), as the exponential of −log(1 + e⁻ˣ)"""
    return jnp.exp(-jnp.logaddexp(0, -x))


def tanh(x):
    """tanh x"""
    return jnp.tanh(x)


def softcap(x, *, cap=2.0):
    """c tanh(x / c)"""
    return cap * jnp.tanh(x / cap)


def softplus(x, *, beta=1.0):
    """log(e⁰ + exp(β x)) / β"""
    return jnp.logaddexp(0, beta * x) / beta


def log_sigmoid(x):
    """−log(e⁰ + e⁻ˣ)"""
    return -jnp.logaddexp(0, -x)


def softsign(x):
    """x / (1 + |x|), as jax.nn has it"""
    return jax.nn.soft_sign(x)


def silu(x):
    """x σ(x), with the exponential of −log(1 + e⁻ˣ) for σ"""
    return x * jnp.exp(-jnp.logaddexp(0, -x))


def quick_gelu(x):
    """x σ(1.702 x), with the exponential of −log(1 + e⁻ᵛ) for σ"""
    return x * jnp.exp(-jnp.logaddexp(0, -1.702 * x))


def gelu(x, *, approximate="none"):
    """x Φ(x), as jax.nn has it"""
    return jax.nn.gelu(x, approximate=approximate == "tanh")


def mish(x):
    """x tanh(log(1 + eˣ)), as jax.nn has it"""
    return jax.nn.mish(x)
