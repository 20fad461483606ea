"""Bridges: a verified gradient at work elsewhere.

`as_jax(rule)` is a JAX function and `as_torch(rule)` a torch one, both differentiated by the
rule's own backward. Neither library is loaded before it is asked for. `golden` writes down what a
rule gives, for other languages.
"""

from handgrad.bridges.jax import as_jax as as_jax
from handgrad.bridges.torch import as_torch as as_torch
