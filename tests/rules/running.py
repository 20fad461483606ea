"""What the families' tests share: run a rule, draw numbers, hold numbers against others."""

from functools import partial

import jax
import numpy as np
import pytest

from handgrad import verify
from handgrad.common.jaxpr import Program
from handgrad.common.oracle import in_double_precision
from handgrad.judge.oracles.jax import value_and_vjp


def value(rule, *inputs):
    """What the rule's forward gives."""
    return rule.forward(*inputs)[0]


def gradients(rule, *inputs, dy):
    """What the rule's backward gives, after a forward with these inputs."""
    _, residuals = rule.forward(*inputs)
    return rule.backward(residuals, dy)


def by_jax(function, inputs, *dy):
    """The outputs of a function in JAX, and its gradients: traced, and run without a compiler."""

    def outputs(*arrays):
        return jax.tree.leaves(function(*arrays))

    count = len(inputs)
    run = partial(value_and_vjp, outputs, range(count), count)
    with in_double_precision():
        program = Program(jax.make_jaxpr(run)(*inputs, *dy))
    results = [np.asarray(x, dtype=float) for x in program(*inputs, *dy)]
    return results[:-count], results[-count:]


def normals(seed, *shapes):
    """Independent normal numbers, one array for each shape."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


def assert_close(actual, expected, tolerance=1e-12):
    """The shapes are the same, and no number is further off than this share of the largest."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    scale = np.max(np.abs(expected), initial=0) or 1
    worst = np.max(np.abs(actual - expected), initial=0) / scale
    assert worst <= tolerance, f"off by {worst:.1e} of the scale {scale:.1e}"


def assert_verified(rule, *inputs):
    """The judge passes the rule at these inputs, with JAX's word and with that of numbers."""
    verdict = verify(rule, *inputs)
    assert verdict.ok, str(verdict)
    assert verdict.vs_jax is not None
    assert verdict.vs_numbers is not None


def assert_like_torch(rule, function, *inputs, tolerance=1e-12, since="2.3"):
    """A function of torch.nn.functional, or made from it, has the rule's value and gradients."""
    torch = pytest.importorskip("torch", since, reason=f"needs torch {since}, which is an extra")
    functional = torch.nn.functional
    call = getattr(functional, function) if isinstance(function, str) else function(functional)
    theirs = [torch.tensor(x, requires_grad=x.dtype == np.float64) for x in inputs]
    expected = call(*theirs)
    (dy,) = normals(99, tuple(expected.shape))
    expected.backward(torch.tensor(dy))
    assert_close(value(rule, *inputs), expected.detach())
    for dx, x in zip(gradients(rule, *inputs, dy=dy), theirs, strict=True):
        if dx is not None:
            assert_close(dx, x.grad, tolerance)
