"""What becomes of the losses of a batch."""

import jax.numpy as jnp

__all__ = []

REDUCE = {"none": lambda losses: losses, "sum": jnp.sum, "mean": jnp.mean}
