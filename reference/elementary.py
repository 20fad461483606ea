"""Elementary functions of each number."""

import jax
import jax.numpy as jnp

__all__ = ["atan2", "cos", "erf", "exp", "expm1", "log", "log1p", "log_add_exp", "sin", "xlogy"]


def exp(x):
    """eˣ"""
    return jnp.exp(x)


def log(x):
    """log x"""
    return jnp.log(x)


def expm1(x):
    """eˣ − 1, as 2 sinh(x/2) exp(x/2)"""
    return 2 * jnp.sinh(x / 2) * jnp.exp(x / 2)


def log1p(x):
    """log(1 + x), as jnp has it"""
    return jnp.log1p(x)


def log_add_exp(a, b):
    """log(eᵃ + eᵇ), as jnp has it"""
    return jnp.logaddexp(a, b)


def xlogy(a, b):
    """a log b, as jax.scipy has it"""
    return jax.scipy.special.xlogy(a, b)


def sin(x):
    """sin x"""
    return jnp.sin(x)


def cos(x):
    """cos x, as 1 − 2 sin²(x/2)"""
    return 1 - 2 * jnp.sin(x / 2) ** 2


def atan2(a, b):
    """The angle of the point (b, a), as jnp has it"""
    return jnp.arctan2(a, b)


def erf(x):
    """The error function, as jax.scipy has it"""
    return jax.scipy.special.erf(x)
