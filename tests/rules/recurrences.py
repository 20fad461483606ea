"""What the tests of recurrences in chunks share: the plain recurrence, by JAX."""

import functools

from handgrad.judge.oracles.jax import registered_reference
from tests.rules.running import assert_close, by_jax, gradients, normals, value


@functools.cache
def recurrence(cls, inputs_of):
    """Inputs and dy, and JAX's outputs and gradients there."""
    inputs = inputs_of(cls)
    (dy,) = normals(2, value(cls(), *inputs).shape)
    (y,), grads = by_jax(registered_reference(cls()), inputs, dy)
    return inputs, dy, y, grads


def assert_like_the_recurrence(rule, inputs_of):
    inputs, dy, y, grads = recurrence(type(rule), inputs_of)
    assert_close(value(rule, *inputs), y)
    assert_alike(gradients(rule, *inputs, dy=dy), grads)


def assert_alike(actual, expected, tolerance=1e-12):
    """Each array is close to the other one."""
    for a, e in zip(actual, expected, strict=True):
        assert_close(a, e, tolerance)
