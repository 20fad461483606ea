"""Counting operations, and what XLA counts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from handgrad.comparison.counting import arithmetic_and_moves, cost_of, largest_in, operations_in

A = np.eye(4) + 0.1


def traced(function, *inputs):
    return jax.make_jaxpr(function)(*inputs)


def cost(function, *inputs):
    return cost_of(jax.jit(function).lower(*inputs).compile())


def test_every_line_counts_once_whatever_its_size():
    program = traced(lambda x: jnp.exp(x) * x + x, A)
    assert operations_in(program) == {"exp": 1, "mul": 1, "add": 1}


def test_a_call_is_what_it_calls():
    program = traced(lambda x: jax.jit(jax.jit(jnp.sin))(x) + jax.jit(jnp.sin)(x), A)
    assert operations_in(program) == {"sin": 2, "add": 1}


def test_the_body_of_a_loop_counts_once():
    program = traced(lambda x: lax.scan(lambda c, _: (c * c + x, None), x, length=7)[0], A)
    assert operations_in(program) == {"mul": 1, "add": 1}


def test_each_branch_of_a_choice_counts():
    program = traced(lambda x: lax.cond(jnp.any(x), jnp.sin, jnp.cos, x), A)
    assert operations_in(program)["sin"] == operations_in(program)["cos"] == 1


def test_moves_are_no_arithmetic():
    program = traced(lambda x: jnp.reshape(x.T, (2, 8))[:, 1:] + 1, A)
    arithmetic, moves = arithmetic_and_moves(operations_in(program))
    assert arithmetic == {"add": 1}
    assert {"transpose", "reshape"} < moves.keys()


def test_the_largest_array_is_found_where_it_is_made():
    assert largest_in(traced(lambda x: x[:, None] * x, A)) == 64


@pytest.mark.parametrize("function", [lambda x: x.T, lambda x: x[1:], lambda x: jnp.tile(x, 3)])
def test_xla_counts_no_flop_in_a_move(function):
    found = cost(function, A)
    assert found.flops == found.transcendentals == 0
    assert found.bytes_accessed > 0


def test_xla_counts_a_comparison_as_a_flop_and_an_exponential_as_none():
    assert cost(lambda x: x > 0.5, A).flops == A.size
    assert cost(jnp.exp, A).flops == 0
    assert cost(jnp.exp, A).transcendentals == A.size


def test_xla_s_count_is_a_bound_where_a_library_or_a_loop_works():
    assert not cost(lambda x: x @ x, A).at_least
    assert cost(jnp.linalg.cholesky, A).at_least
    assert cost(lambda x: lax.fori_loop(0, 7, lambda _, a: a @ x, x), A).at_least
