"""Domains: what is drawn lies in them, and what a gradient means on them."""

import numpy as np
import pytest

from handgrad import check
from handgrad.derivation.domains import DOMAINS, draw, stated
from tests.derivation.test_entries import error_of

ARGUMENTS = {"label": 3, "interval": (-2, 5)}
SHAPES = {"orthonormal": (2, 5, 3)}


@pytest.mark.parametrize("name", DOMAINS)
def test_what_is_drawn_lies_in_its_domain(name):
    rng = np.random.default_rng(4)
    x = draw(rng, name, SHAPES.get(name, (2, 4, 4)), ARGUMENTS.get(name))
    assert np.all(stated(name, x.astype(float), ARGUMENTS.get(name)) == x)
    assert not np.array_equal(x, draw(rng, name, x.shape, ARGUMENTS.get(name)))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x : (N) interval(2, 1)\ny = x", "interval needs its ends"),
        ("x : (N) interval\ny = x", "interval needs its ends"),
        ("x : (N) interval(0, inf)\ny = x", "interval needs its ends"),
        (
            "A : (2, 3) symmetric\ny = A",
            "symmetric is for square matrices, not for the shape (2, 3)",
        ),
        ("A : (2, 3) orthonormal\ny = A", "at least as many rows"),
        ("A : (N) lower\ny = A", "lower is for square matrices"),
        ("t : () one_hot\ny = t", "one_hot is for rows"),
        ("A : (2, 2) symmetric = [[1, 2], [3, 4]]\ny = A", "is not in symmetric"),
        ("u : (2) unit = (1, 1)\ny = u", "is not in unit"),
        ("x : (2) interval(0, 1) = (0.5, 2)\ny = x", "2 is not in interval"),
        ("A : (D) const\nx : (D)\ny = A * x\ndA = dy * x", "A has no gradient: it is const"),
        ("A : (D) const\nx : (D)\ny = A * x\nδy = A * δx + δA * x", "δA is not defined"),
    ],
)
def test_what_does_not_fit_is_one_sentence(text, says):
    assert says in error_of(f"{text}\n")


@pytest.mark.parametrize(
    ("given", "line", "read_as"),
    [
        ("A : (D, D) symmetric", "dA = dy * outer(x, z)", ""),
        (
            "A : (D, D) symmetric",
            "dA = dy * (outer(x, z) + outer(z, x)) / 2",
            "read for symmetric moves",
        ),
        (
            "A : (D, D) spd",
            "dA = dy * (outer(x, z) + outer(z, x) - diag(x * z))",
            "read with each entry and its mirror as one",
        ),
        ("A : (D, D) lower", "dA = tril(dy * outer(x, z))", "read for moves of the lower triangle"),
        ("A : (D, D) spd", "dx = dy * z @ A", "holds for symmetric matrices alone"),
        ("A : (D, D) spd", "dx = dy * A @ z", ""),
    ],
)
def test_the_gradient_of_a_structured_matrix_says_how_it_was_read(given, line, read_as):
    text = f"{given}\nx : (D)\nz : (D)\ny = x @ A @ z\n{line}\n"
    (link,) = check(text).derivations[0].links
    assert link.ok, str(link)
    assert link.read_as == read_as


def test_the_transpose_of_an_outer_product_is_wrong_for_symmetric_matrices_too():
    text = "A : (D, D) symmetric\nx : (D)\nz : (D)\ny = x @ A @ z\ndA = dy * outer(z, x)\n"
    assert not check(text)


def test_a_missing_move_is_named():
    (link,) = check("A : (N, D)\nx : (D)\ny = A @ x\nδy = A @ δx\n").derivations[0].links
    assert link.hint == "δA does not appear: is its term missing?"


def test_a_symmetric_matrix_moves_as_one():
    text = "A : (D, D) spd\nC = cholesky(A)\nM = inv(C) @ δA @ inv(C).T\n"
    right = f"{text}δC = C @ (tril(M) - diag(diagonal(M)) / 2)\n"
    assert check(right)
    assert not check(right.replace(" / 2", ""))
