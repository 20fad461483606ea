"""Linear maps."""

import jax.numpy as jnp

__all__ = ["affine", "matmul"]


def matmul(a, b):
    """Σₖ aᵢₖ bₖⱼ, where a vector is one row on the left, one column on the right"""
    left = "...ik" if a.ndim > 1 else "k"
    right = "...kj" if b.ndim > 1 else "k"
    out = "..." + "i" * (a.ndim > 1) + "j" * (b.ndim > 1)
    return jnp.einsum(f"{left},{right}->{out}", a, b)


def affine(x, W, b):
    """Σᵢ xᵢ Wᵢₒ + bₒ for every row of x"""
    return jnp.einsum("...i,io->...o", x, W) + b
