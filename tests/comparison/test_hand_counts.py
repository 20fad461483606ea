"""Five rules counted with pencil and paper: operations from their code, bytes from their shapes."""

import jax
import numpy as np
import pytest

from handgrad import Affine, BatchNorm, ReLU, Sigmoid, SoftmaxCrossEntropy
from handgrad.comparison.counting import arithmetic_and_moves, cost_of, operations_in
from handgrad.comparison.programs import ReverseMode, programs_of
from handgrad.comparison.running import Run
from handgrad.judge.oracles.jax import registered_reference

N, D, K = 5, 7, 3
FLOAT, BOOL = 8, 1  # bytes of a number, and of a truth value


def arrays(*shapes):
    rng = np.random.default_rng(3)
    return [rng.normal(size=shape) for shape in shapes]


def by_hand(rule, *inputs):
    return programs_of(rule, inputs)


def by_jax(rule, *inputs):
    """jax.vjp of the reference."""
    return programs_of(ReverseMode(registered_reference(rule), range(len(inputs))), inputs)


def arithmetic(program):
    return dict(arithmetic_and_moves(operations_in(program))[0])


def moves(program):
    return dict(arithmetic_and_moves(operations_in(program))[1])


def held(kept):
    """(origin, bytes) of each array, in order."""
    return sorted((k.origin, k.bytes) for k in kept)


def test_sigmoid():
    # forward   |x| and − and exp; x < 0, 1 + e, a ratio; 1 + e, its square, e / it
    # backward  dy times the slope
    programs = by_hand(Sigmoid(), *arrays((N, D)))
    assert arithmetic(programs.forward) == {
        "abs": 1, "neg": 1, "exp": 1, "lt": 1, "select_n": 1, "add": 2, "div": 2, "integer_pow": 1
    }  # fmt: skip
    assert moves(programs.forward) == {"broadcast_in_dim": 1}  # the 1 where x is not below 0
    assert arithmetic(programs.backward) == {"mul": 1}
    assert moves(programs.backward) == {}
    assert held(programs.kept) == [("forward", FLOAT * N * D)]  # the slope
    # y = e^−s, s = log(1 + e^z), z = −x: three links of the chain rule, two of them a sign
    programs = by_jax(Sigmoid(), *arrays((N, D)))
    assert arithmetic(programs.backward) == {"mul": 2, "neg": 2}
    assert held(programs.kept) == [("forward", FLOAT * N * D), ("output", FLOAT * N * D)]


def test_relu():
    # forward   the larger of x and 0; x > 0.   backward  dy where the mask is, else 0
    programs = by_hand(ReLU(), *arrays((N, D)))
    assert arithmetic(programs.forward) == {"max": 1, "gt": 1}
    assert arithmetic(programs.backward) == {"select_n": 1}
    assert held(programs.kept) == [("forward", BOOL * N * D)]
    # jax.nn.relu says the same
    programs = by_jax(ReLU(), *arrays((N, D)))
    assert arithmetic(programs.forward) == {"max": 1, "gt": 1}
    assert arithmetic(programs.backward) == {"select_n": 1}
    assert held(programs.kept) == [("forward", BOOL * N * D)]


@pytest.mark.parametrize("way", [by_hand, by_jax])
def test_affine(way):
    # forward   a product and a sum.   backward  dy Wᵀ, xᵀ dy, and the sum of dy over its rows
    programs = way(Affine(), *arrays((N, D), (D, K), K))
    assert arithmetic(programs.forward) == {"dot_general": 1, "add": 1}
    found = arithmetic(programs.backward)
    assert found.pop("reduce_sum") in {1, 2}  # JAX sums over an axis of size 1 too
    assert found == {"dot_general": 2}
    assert held(programs.kept) == [("input", FLOAT * D * K), ("input", FLOAT * N * D)]  # W, x
    assert programs.unread == ()


def test_softmax_cross_entropy():
    # forward   log p: the row's largest, minus, exp, sum, log, minus; t ≠ 0, choose log p or 0,
    #           t times it, summed; −; the mean: sum, divide
    # backward  dy / N; p = exp; Σt; where p ≤ ½ choose p or 0, its sum; where p > ½ choose
    #           Σt − t − Σt times that sum, or Σt times p, minus t; dl times; −dl, times log p
    x, t = arrays((N, D), (N, D))
    programs = by_hand(SoftmaxCrossEntropy(), x, t * t)
    assert arithmetic(programs.forward) == {
        "reduce_max": 1, "sub": 2, "exp": 1, "reduce_sum": 2, "log": 1,
        "ne": 1, "select_n": 1, "dot_general": 1, "neg": 1, "div": 1,
    }  # fmt: skip
    assert arithmetic(programs.backward) == {
        "div": 1, "exp": 1, "reduce_sum": 2, "le": 1, "gt": 1, "select_n": 2, "sub": 3, "mul": 4,
        "neg": 1,
    }  # fmt: skip
    assert held(programs.kept) == [("forward", FLOAT * N * D), ("input", FLOAT * N * D)]


def test_batch_norm():
    # forward   μ: sum, divide; c = x − μ; v: square, sum, divide; + ε, √, 1 / it; times c; γ x̂ + β
    # backward  dγ: times, sum; dβ: sum; 2 dv, / r, γ r, times dγ, minus; γ r; dβ / n, dm / n,
    #           along / n; dy −, γ r times; along times x̂; two sums
    programs = by_hand(BatchNorm(), *arrays((N, D), D, D))
    assert arithmetic(programs.forward) == {
        "reduce_sum": 2, "div": 3, "sub": 1, "mul": 3, "add": 2, "sqrt": 1
    }  # fmt: skip
    assert moves(programs.forward) == {"broadcast_in_dim": 4}  # μ, 1 / √, γ and β
    assert arithmetic(programs.backward) == {
        "mul": 7, "reduce_sum": 2, "div": 4, "sub": 2, "add": 2
    }  # fmt: skip
    kept = [("forward", FLOAT * D), ("forward", FLOAT * N * D), ("input", FLOAT * D)]
    assert held(programs.kept) == kept  # 1 / √, x̂ and γ


@pytest.mark.parametrize("way", [by_hand, by_jax])
def test_the_flops_of_affine(way):
    # a product of (N, D) and (D, K) takes N K D products and as many sums; the bias N K sums
    cost = costs(way(Affine(), *arrays((N, D), (D, K), K)), (N, K))
    assert cost["forward"].flops == 2 * N * D * K + N * K
    assert cost["backward"].flops == 2 * (2 * N * D * K) + (N - 1) * K


def test_the_cost_of_sigmoid():
    # forward: nine operations of each number, and an exponential;
    # backward: dy and the slope are read, dx is written
    cost = costs(by_hand(Sigmoid(), *arrays((N, D))), (N, D))
    assert (cost["forward"].flops, cost["forward"].transcendentals) == (9 * N * D, N * D)
    assert (cost["backward"].flops, cost["backward"].transcendentals) == (N * D, 0)
    assert cost["backward"].bytes_accessed == 3 * FLOAT * N * D


def costs(programs, shape):
    """XLA's count of forward and backward."""
    inputs = [np.ones(v.shape) for v in programs.forward.in_avals]
    with jax.enable_x64(True):
        run = Run(programs, inputs, [np.ones(shape)])
    return {half: cost_of(executable) for half, executable in run.executables.items()}
