"""Forward and backward as programs: they are what they were traced from, and no more."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.extend import core

import handgrad
from handgrad.common.oracle import compiled
from handgrad.comparison.programs import ReverseMode, programs_of
from handgrad.comparison.running import difference
from handgrad.judge.oracles.jax import registered_reference
from tests.comparison.small import Small
from tests.rules_and_cases import RULES

X = np.random.default_rng(1).normal(size=(3, 4))
SEVERAL = [
    handgrad.Sigmoid(),  # a custom derivative in its reference
    handgrad.Copy(),  # two outputs, which are the input
    handgrad.Power(),
    handgrad.MaxPool2d(),
    handgrad.Affine(),
    handgrad.SoftmaxCrossEntropyWithLabels(),  # an input without a gradient
    handgrad.BatchNorm(),  # three outputs
    handgrad.Max(axis=0),
    handgrad.Dropout(),
    handgrad.Slice(start=1, step=2, axis=1),  # a constant array in its reference
]
several_rules = pytest.mark.parametrize("rule", SEVERAL, ids=repr)


class Rule:
    """A rule made of two functions."""

    def __init__(self, forward, backward):
        self.forward, self.backward = forward, backward


def of_function(function, *inputs):
    """The programs of jax.vjp of a function."""
    return programs_of(ReverseMode(function, range(len(inputs))), inputs)


def automatic(rule, positions):
    """jax.vjp of the rule's forward, and of its reference."""
    yield ReverseMode(lambda *xs: rule.forward(*xs)[0], positions)
    yield ReverseMode(registered_reference(rule), positions)


def primitives(program):
    return [eqn.primitive.name for eqn in program.eqns]


def origins(kept):
    return [k.origin for k in kept]


@several_rules
def test_the_programs_compute_what_the_rule_computes(rule):
    small = Small(rule)
    for way in (rule, *automatic(rule, small.positions)):
        programs = programs_of(way, small.inputs)
        y, grads = compiled(lambda xs, dy, p=programs: run(p, xs, dy))(small.inputs, small.dy)
        assert difference(y, small.y, small.inputs) < 1e-12
        assert difference(grads, small.gradients, small.dy) < 1e-12


def run(programs, inputs, dy):
    returned = core.jaxpr_as_fun(programs.forward)(*inputs)
    taken = (*programs.waiting(inputs, returned), *dy)
    return returned[: programs.outputs], core.jaxpr_as_fun(programs.backward)(*taken)


@several_rules
def test_what_jax_keeps_is_counted_to_the_byte(rule):
    small = Small(rule)
    inputs = tuple(map(jnp.asarray, small.inputs))
    for way in automatic(rule, small.positions):
        programs = programs_of(way, inputs)
        counted = [k.bytes for k in (*programs.kept, *programs.unread) if k.shape]
        leaves = jax.tree.leaves(way.forward(*inputs)[1])
        held = {id(a): a.nbytes for a in leaves if np.ndim(a)}  # numbers may be constants
        assert sum(counted) == sum(held.values())


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_no_rule_keeps_an_array_that_its_backward_does_not_read(rule):
    assert programs_of(rule, Small(rule).inputs).unread == ()


def test_an_array_that_is_never_read_is_found():
    rule = Rule(
        lambda x: (2 * x, (x, x * x, jnp.zeros((0, 3)))), lambda r, dy: (2 * dy + 0 * r[0],)
    )
    programs = programs_of(rule, [X])
    assert origins(programs.kept) == ["input"]
    assert [(k.origin, k.bytes) for k in programs.unread] == [("forward", X.nbytes)]
    assert primitives(programs.forward) == ["mul"]  # 2 x; not x², which nothing reads


def test_an_array_that_is_kept_twice_counts_once():
    def forward(x):
        y = jnp.exp(x)
        return y, (x, y, y, x, y * y)

    rule = Rule(forward, lambda r, dy: (dy * r[0] * r[1] * r[2] * r[3] * r[4],))
    programs = programs_of(rule, [X])
    assert sorted(origins(programs.kept)) == ["forward", "input", "output"]
    assert len(programs.forward.out_avals) == 2  # y and y²


def test_a_constant_is_not_kept():
    assert of_function(lambda x: x * 3.0, X).kept == ()


def test_dead_code_is_left_out_of_forward_and_of_backward():
    def forward(x):
        jnp.tanh(x)
        return -x, (x,)

    def backward(residuals, dy):
        jnp.cosh(residuals[0])
        return (-dy,)

    programs = programs_of(Rule(forward, backward), [X])
    assert primitives(programs.forward) == primitives(programs.backward) == ["neg"]
    assert programs.kept == ()


def test_calls_are_inlined():
    @jax.custom_vjp
    def sine(x):
        return jax.jit(jnp.sin)(x)

    sine.defvjp(lambda x: (sine(x), x), lambda x, dy: (jax.jit(jnp.cos)(x) * dy,))
    programs = of_function(jax.checkpoint(sine), X)
    assert primitives(programs.forward) == ["sin"]
    assert primitives(programs.backward) == ["cos", "mul"]
    assert origins(programs.kept) == ["input"]


def test_a_loop_stays_a_loop():
    programs = of_function(lambda x: lax.fori_loop(0, 7, lambda _, a: a * a, x), X)
    assert primitives(programs.forward).count("scan") == 1
    assert primitives(programs.backward).count("scan") == 1
    (kept,) = programs.kept
    assert kept.shape == (7, *X.shape)
