"""Values that are written down: numbers and arrays, which must fit their shape and domain."""

import numpy as np
import pytest

from handgrad import check
from handgrad.derivation.points import Runner
from handgrad.derivation.sources import scopes_in_text


def point_of(text):
    """The names of a derivation at the point that its values make."""
    (scope,) = scopes_in_text(text, "text")
    return Runner(scope.derivation()).points()[0]


def test_an_array_stands_where_it_is_written():
    point = point_of("x : (2, 2) = [[1.0, -0.5], [-2.0, 3.0]]\ny = x\n")
    assert point.at_values
    np.testing.assert_array_equal(point.names["x"], [[1, -0.5], [-2, 3]])


def test_a_mask_and_labels_keep_their_types():
    names = point_of("t : (3) label(3) = (0, 2, 1)\nm : (2) mask = (1, 0)\ny = 1.0 * t\n").names
    assert names["t"].dtype.kind == "i"
    assert names["m"].dtype == bool
    assert "dt" not in names


def test_a_letter_gets_its_size_from_the_array():
    text = "W : (D, K)\nx : (N, D) = [[1, 2, 3]]\ny = x @ W\n"
    names = point_of(text).names
    assert (names["N"], names["D"]) == (1, 3)


def test_one_number_fills_any_shape():
    np.testing.assert_array_equal(
        point_of("x : (2, 3) = 1.5\ny = x\n").names["x"], np.full((2, 3), 1.5)
    )


def test_numbers_in_a_chain_are_held_against_the_arrays():
    text = "x : (2) = (3, 4)\ny = sqrt(sum(x**2)) = {}\ndx = dy * x / y\n"
    assert check(text.format(5))
    assert not check(text.format(6))


def test_values_may_be_computed():
    assert check("x : (2) = (pi / 2, -pi)\ny = sum(sin(x)) = 1\ndx = dy * cos(x)\n")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("x : (2) = ((1, 2), 3)", "rows differ in length"),
        ("x : (2) = x", "x is not defined"),
        ("x : (2) = (1, True, None)", "None is not a number"),
        ("x : (3) = (1, 2)", "x has the shape (3,), and its value (2,)"),
        ("x : (N, N) = ((1, 2, 3), (4, 5, 6))", "its value (2, 3)"),
        ("x : (1) = inf", "inf is not in real"),
        ("t : () label(2.5) = 1", "label needs the number of classes"),
        ("x : (2) nowhere = 1", "there is no domain 'nowhere'"),
    ],
)
def test_what_does_not_fit_is_one_sentence(given, says):
    (derivation,) = check(f"{given}\ny = 1.0 * {given[0]}\n").derivations
    assert says in derivation.error
