"""Implicit definitions: what they define, and the implicit function theorem."""

import numpy as np
import pytest

from handgrad import check
from tests.derivation.test_entries import error_of, names_of

DEQ = "W : (N, N)\nx : (N)\nz : fixed_point(tanh(W @ z + x))\ng = 1 - z**2\nL = sum(z**2)\n"


def test_a_fixed_point_is_one():
    names = names_of(DEQ)
    residual = np.tanh(names["W"] @ names["z"] + names["x"]) - names["z"]
    assert np.max(np.abs(residual)) < 1e-14


def test_a_root_is_one_and_each_number_has_its_own():
    names = names_of("x : (N)\nz : root(z**3 + z - x)\ny = sum(z)\n")
    assert np.max(np.abs(names["z"] ** 3 + names["z"] - names["x"])) < 1e-13


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("dx = g * solve(eye(N) - (g[:, None] * W).T, 2 * dL * z)", False),
        ("dx = g * solve(eye(N) - g[:, None] * W, 2 * dL * z)", True),
        ("dx = g * 2 * dL * z", True),
    ],
)
def test_the_gradient_is_that_of_the_implicit_function_theorem(line, wrong, seed):
    assert bool(check(f"{DEQ}{line}\n", seed=seed)) != wrong


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x : (N)\nz : root(z**2 + 1 + x**2)\ny = z", "no root of z ** 2 + 1 + x ** 2 was found"),
        ("x : (N)\nz : fixed_point(sum(z * x))\ny = z", ""),
        ("x : (N)\nz : fixed_point(q * z)\ny = z", "q is not defined here"),
        ("x : (N, M)\nz : fixed_point(x @ z)\ny = z", "the shape of z does not show"),
    ],
)
def test_what_has_no_solution_is_one_sentence(text, says):
    assert says in error_of(f"{text}\n")
