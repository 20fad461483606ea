"""Linear maps."""

import jax.numpy as jnp

__all__ = ["affine", "bilinear", "einsum", "low_rank_affine", "matmul", "outer", "trace"]


def matmul(a, b):
    """Σₖ aᵢₖ bₖⱼ, where a vector is one row on the left, one column on the right"""
    left = "...ik" if a.ndim > 1 else "k"
    right = "...kj" if b.ndim > 1 else "k"
    out = "..." + "i" * (a.ndim > 1) + "j" * (b.ndim > 1)
    return jnp.einsum(f"{left},{right}->{out}", a, b)


def affine(x, W, b):
    """Σᵢ xᵢ Wᵢₒ + bₒ for every row of x"""
    return jnp.einsum("...i,io->...o", x, W) + b


def low_rank_affine(x, W, b, A, B, *, scale=1.0):
    """An affine map whose matrix is W + scale A B"""
    return x @ (W + scale * jnp.einsum("ir,ro->io", A, B)) + b


def bilinear(a, b, W, c):
    """Σ a W b + c, one form for each output"""
    products = a[:, :, None] * b[:, None, :]
    return products.reshape(len(a), -1) @ W.reshape(len(W), -1).T + c


def outer(a, b):
    """aᵢ bⱼ, as a product of a column and a row"""
    return a.reshape(-1, 1) @ b.reshape(1, -1)


def trace(x):
    """The sum of the diagonal of each matrix"""
    return jnp.sum(jnp.eye(*x.shape[-2:], dtype=x.dtype) * x, axis=(-2, -1))


def einsum(*arrays, subscripts="ij,jk->ik"):
    """The sum of products that JAX makes of the subscripts"""
    return jnp.einsum(subscripts, *arrays)
