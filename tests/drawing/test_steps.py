"""The steps: the numbers of the board, and local rules that JAX agrees with."""

import ast

import numpy as np
import pytest

from handgrad.derivation.shapes import numpy_value
from handgrad.drawing.graph import walk
from handgrad.drawing.slopes import slope, summed, whole_gradient
from handgrad.drawing.steps import steps
from tests.drawing.graphs import APPLE, BATCH_NORM, NET, SAMPLES, SQUARE, derivation_of, walk_of


def lines_of(text):
    return [line.strip() for line in steps(walk_of(text)).splitlines()]


def test_the_steps_of_two_apples_are_those_of_the_board():
    lines = lines_of(APPLE)
    assert "2. price = total × tax = 200 × 1.1 = 220" in lines
    assert "1. dprice = ∂price/∂price = 1" in lines
    assert "3. ∂price/∂tax = total = 200, so dtax = dprice × 200 = 1 × 200 = 200" in lines
    assert "4. ∂total/∂apple = n = 2, so dapple = dtotal × 2 = 1.1 × 2 = 2.2" in lines
    assert lines[-1].endswith("dn = dtotal × 100 = 1.1 × 100 = 110")


def test_a_power_is_written_above():
    lines = lines_of(SQUARE)
    assert "2. z = u1² = 7² = 49" in lines
    assert "2. ∂z/∂u1 = 2 × u1 = 2 × 7 = 14, so du1 = dz × 14 = 1 × 14 = 14" in lines


def test_a_value_that_went_several_ways_adds_up():
    lines = steps(walk(derivation_of("x : () = 2\ny = x * x")))
    assert "x went 2 ways, and its gradients add up: dx = 2 + 2 = 4" in lines


def test_a_product_of_matrices_goes_back_transposed():
    text = steps(walk_of(NET))
    assert "dW1 = x.T @ du1  (D, H)" in text
    assert "dx = du1 @ W1.T  (N, D)" in text
    assert "db1 = sum(dh, axis=0)  (H)" in text


def test_a_mean_divides_by_the_letter_of_its_axis():
    assert "dv / N * ones_like(u1)  (N, D)" in steps(walk_of(BATCH_NORM))


@pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES)
def test_every_operation_has_a_step_forward(text):
    lines = lines_of(text)
    for operation in walk_of(text).operations:
        assert (
            sum(line.partition(". ")[2].startswith(f"{operation.targets[0]} = ") for line in lines)
            == 1
        )


def test_an_operation_without_a_rule_says_so_in_words():
    text = steps(walk(derivation_of("x : (M, N)\ny = einsum('ij->ji', x[:, ::-1])")))
    assert "du1: dy times the slopes of einsum" in text
    assert "dx: the numbers of du1 go back to where they were taken" in text


POINTWISE = "abs cos cosh erf exp expm1 negative relu sigmoid sin sinh"
OPERATIONS = [
    *(f"{op}(a)" for op in POINTWISE.split()),
    *("softplus(a)", "square(a)", "tan(a)", "tanh(a)", "+a", "-a", "a**2", "a**3", "1 / a"),
    *("log(exp(a))", "sqrt(exp(a))", "log1p(exp(a))", "exp(a) ** b", "a + b", "a - b", "a * b"),
    *("a / b", "hypot(a, b)", "logaddexp(a, b)", "maximum(a, b)", "minimum(a, b)", "inner(a, b)"),
    *("where(a > 0, a, b)", "a @ b.T", "a.T @ b", "a[0] @ b.T", "a @ b[0]", "a[0] @ b[0]"),
    *("outer(a[0], b[1])", "trace(a @ b.T)", "reshape(a, (N, M))", "a + b[0]", "a * b[:, :1]"),
    *(
        f"{op}(a{axis})"
        for op in ("sum", "mean", "max", "min", "prod", "logsumexp", "norm")
        for axis in ("", ", axis=0", ", axis=1", ", axis=-1", ", axis=1, keepdims=True")
    ),
    *(f"{op}(a{axis})" for op in ("softmax", "log_softmax") for axis in ("", ", axis=0")),
]


@pytest.mark.parametrize("expression", OPERATIONS)
def test_local_rules_give_the_gradient_that_jax_gives(expression):
    found = walk(derivation_of(f"a : (M, N)\nb : (M, N)\ny = {expression}"))
    for operation in found.operations:
        values = [found.value(operand) for operand in operation.operands]
        target = operation.targets[0]
        names = dict(zip("abc", values, strict=False))
        names |= {"y": found.point.names[target], "dy": found.gradient(target)}
        names |= {n: v for n, v in found.point.names.items() if n not in names}
        if operation.symbol.startswith("^") and len(values) == 1:
            names["b"] = int(operation.symbol[1:])
        for position, operand in enumerate(operation.operands):
            if found.flows(operand) and found.gradient(operand.id, operation.through) is not None:
                _agrees(found, operation, position, values, names)


def _agrees(found, operation, position, values, names):
    operand = operation.operands[position]
    right = found.gradient(operand.id, operation.through)
    local = slope(operation.node, position)
    if local is None:
        rule = whole_gradient(operation.node, position, values)
        assert rule is not None or operation.symbol.startswith("[")
    else:
        product = ast.BinOp(ast.Name("dy"), ast.Mult(), local)
        rule = summed(product, np.shape(values[position]), np.shape(names["y"]))
    if rule is not None:
        actual = numpy_value(rule, names)
        np.testing.assert_allclose(
            np.broadcast_to(actual, right.shape), right, rtol=1e-9, atol=1e-12
        )
