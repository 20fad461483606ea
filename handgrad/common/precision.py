"""What a floating type holds, bfloat16 among them."""


def unit_of(dtype):
    """The unit roundoff of a floating type: the largest relative error of one rounding."""
    from jax import numpy as jnp

    return float(jnp.finfo(dtype).eps) / 2


def highest(dtype):
    """The largest number of a floating type."""
    from jax import numpy as jnp

    return float(jnp.finfo(dtype).max)
