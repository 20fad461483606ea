"""Exact numbers obey the laws of the numbers that they stand for, and no others."""

import math
from fractions import Fraction

import numpy as np
import pytest

from handgrad.exact import namespace as xp
from handgrad.exact.errors import InexactError
from handgrad.exact.moves import move_of, random_array
from handgrad.exact.numbers import lift
from handgrad.exact.ordering import same
from tests.exact.numbers import a_draw, moved, numbers

LAWS = {
    "exp of a sum": lambda a, b: (xp.exp(a + b), xp.exp(a) * xp.exp(b)),
    "exp of a difference": lambda a, b: (xp.exp(a - b), xp.exp(a) / xp.exp(b)),
    "exp of half": lambda a, _: (xp.exp(a / 2) ** 2, xp.exp(a)),
    "log of exp": lambda a, _: (xp.log(xp.exp(a)), a),
    "log of an inverse": lambda a, b: (xp.log(1 / (a * b)), -xp.log(a * b)),
    "log of a product with exp": lambda a, b: (
        xp.log(b + b * xp.exp(a)),
        a + xp.log(b * xp.exp(-a) + b),
    ),
    "exp of log": lambda a, b: (xp.exp(2 * xp.log(a + b) - xp.log(b)), (a + b) ** 2 / b),
    "softmax by logsumexp": lambda a, _: (xp.softmax(a), xp.exp(a - xp.logsumexp(a, -1, True))),
    "cos and sin": lambda a, _: (xp.cos(a) ** 2 + xp.sin(a) ** 2, xp.ones_like(a)),
    "sin of twice": lambda a, _: (xp.sin(2 * a), 2 * xp.sin(a) * xp.cos(a)),
    "tanh of twice": lambda a, _: (xp.tanh(2 * a), 2 * xp.tanh(a) / (1 + xp.tanh(a) ** 2)),
    "square of a root": lambda a, _: (xp.sqrt(a) ** 2, a),
    "root of an inverse": lambda a, _: (xp.sqrt(1 / a), 1 / xp.sqrt(a)),
    "power of a half": lambda a, _: (a**1.5, a * xp.sqrt(a)),
    "powers of a base": lambda a, b: (a**b * a ** (b + 1), a ** (2 * b + 1)),
    "inverse": lambda a, _: (a @ xp.linalg.inv(a), np.eye(3)),
    "determinant": lambda a, b: (xp.linalg.det(a @ b), xp.linalg.det(a) * xp.linalg.det(b)),
    "orthonormal columns": lambda a, _: (xp.linalg.qr(a)[0].T @ xp.linalg.qr(a)[0], np.eye(3)),
    "factors": lambda a, _: (xp.linalg.qr(a)[0] @ xp.linalg.qr(a)[1], a),
    "largest": lambda a, b: (xp.maximum(a, b) + xp.minimum(a, b), a + b),
    "sorted sum": lambda a, _: (xp.sum(xp.sort(a, axis=0), axis=0), xp.sum(a, axis=0)),
    "products": lambda a, _: (xp.cumprod(a, axis=1)[:, -1], xp.prod(a, axis=1)),
}
FALSE = {
    "exp of a product": lambda a, b: (xp.exp(a * b), xp.exp(a) * xp.exp(b)),
    "exp of a double": lambda a, _: (xp.exp(2 * a), 2 * xp.exp(a)),
    "exp as itself": lambda a, _: (xp.exp(xp.exp(a)), xp.exp(a)),
    "log of a sum": lambda a, b: (xp.log(a + b), xp.log(a) + xp.log(b)),
    "root of a sum": lambda a, b: (xp.sqrt(a + b), xp.sqrt(a) + xp.sqrt(b)),
    "sin as angle": lambda a, _: (xp.sin(a), a),
    "product in turn": lambda a, b: (a @ b, b @ a),
    "third": lambda a, _: (a / 3, a * 0.333333333333),
    "almost one": lambda a, _: (a, a * (lift(1) + 1e-17)),
    "exp of log, halved": lambda a, _: (xp.exp(xp.log(a) / 2), a),
}


@pytest.mark.parametrize("law", LAWS)
def test_a_law_holds(law):
    with a_draw(levels=3):
        assert same(*LAWS[law](numbers(3, 3, positive=True), numbers(3, 3, seed=1, positive=True)))


@pytest.mark.parametrize("name", FALSE)
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_what_is_no_law_does_not_hold(name, levels):
    with a_draw(levels):
        a, b = numbers(3, 3, positive=True), numbers(3, 3, seed=1, positive=True)
        assert not same(*FALSE[name](a, b))


SLOPES = {
    "exp": xp.exp,
    "log": lambda x: 1 / x,
    "sqrt": lambda x: 1 / (2 * xp.sqrt(x)),
    "sin": xp.cos,
    "cos": lambda x: -xp.sin(x),
    "tan": lambda x: 1 / xp.cos(x) ** 2,
    "tanh": lambda x: 1 - xp.tanh(x) ** 2,
    "cosh": xp.sinh,
    "sigmoid": lambda x: xp.sigmoid(x) * xp.sigmoid(-x),
    "softplus": xp.sigmoid,
    "erf": lambda x: 2 * xp.exp(-(x**2)) / xp.sqrt(xp.number_pi()),
    "erfc": lambda x: -2 * xp.exp(-(x**2)) / xp.sqrt(xp.number_pi()),
    "atan": lambda x: 1 / (1 + x**2),
    "asinh": lambda x: 1 / xp.sqrt(x**2 + 1),
    "lgamma": xp.digamma,
    "log1p": lambda x: 1 / (1 + x),
    "log2": lambda x: 1 / (x * xp.log(2)),
    "abs": xp.sign,
    "square": lambda x: 2 * x,
    "reciprocal": lambda x: -1 / x**2,
}


@pytest.mark.parametrize("name", SLOPES)
def test_a_function_moves_with_its_slope(name):
    with a_draw():
        x = moved(4, positive=True)
        assert same(move_of(getattr(xp, name)(x)), SLOPES[name](x) * move_of(x))


def test_an_inverse_moves_as_its_differential_says():
    with a_draw():
        A = moved(3, 3)
        inverse = xp.linalg.inv(A)
        assert same(move_of(inverse), -inverse @ move_of(A) @ inverse)


def test_ties_share_the_gradient_of_their_maximum():
    with a_draw():
        x = moved(3)
        y = xp.max(xp.stack([x, x + 0, x - 1]), axis=0)
        assert same(move_of(y), move_of(x))


@pytest.mark.parametrize(
    ("x", "meant"),
    [
        (0.1, Fraction(1, 10)),
        (1e-12, Fraction(1, 10**12)),
        (1 / 7, Fraction(1, 7)),
        (0.1 + 0.2, Fraction(3, 10)),
        (2 / 3, Fraction(2, 3)),
        (-1.702, Fraction(-1702, 1000)),
        (6.02e23, 602 * 10**21),
    ],
)
def test_a_float_is_the_simplest_number_near_it(x, meant):
    with a_draw() as draw:
        assert same(lift(x), lift(meant))
        assert not draw.reasons


def test_a_float_that_is_a_logarithm_is_that_of_a_whole_number():
    with a_draw() as draw:
        (a,) = numbers(1)
        assert same(xp.exp(lift(math.log(2))), lift(2))
        assert same(xp.exp(a - math.log(7)), xp.exp(a) / 7)
        assert same(lift(-math.log(10)), xp.log(lift(Fraction(1, 10))))
        assert not same(lift(math.log(2)), lift(math.log(3)))
        assert not any("rounded" in reason for reason in draw.reasons)


def test_any_other_float_is_itself_and_raises_a_doubt():
    x = 0.1234567890123456
    with a_draw() as draw:
        assert same(lift(x), lift(Fraction(x)))
        assert draw.reasons == {f"{x!r} is a rounded number"}


def test_roots_of_numbers_and_of_pi_are_one_product():
    with a_draw():
        gauss = lift(1 / math.sqrt(2 * math.pi))
        assert same(gauss * xp.sqrt(xp.number_pi()) * xp.sqrt(lift(2)), 1)
        assert same(lift(math.sqrt(0.5)) * lift(math.sqrt(2)), 1)


def test_numpy_takes_exact_arrays_for_its_own():
    with a_draw():
        x = numbers(3, 4)
        assert same(np.mean(x, axis=0), x.sum(0) / 3)
        assert same(np.concatenate([x, x]).reshape(2, 3, 4)[1], x)
        assert same(2.0 * x - np.ones((3, 4)), x + x - 1)
        assert same(np.einsum("ij,kj->ik", x, x), x @ x.T)
        assert np.argmax(x, axis=1).tolist() == np.argmax(x.real, axis=1).tolist()


def test_an_array_is_changed_in_place_as_numpy_does():
    with a_draw():
        x = numbers(3, 4)
        plain, y = x.copy(), x.copy()
        y[0] += 1
        row = y[1]
        row *= 2
        np.add.at(y, ([2, 2], [0, 0]), 1)
        assert same(
            y - plain, np.stack([np.ones(4), np.zeros(4), [2, 0, 0, 0]]) + [[0], [1], [0]] * plain
        )


@pytest.mark.parametrize(
    ("words", "does"),
    [
        ("buffer of floats", lambda x: np.zeros(3).__setitem__(slice(None), x)),
        ("buffer of floats", np.asarray),
        ("turned into a float", lambda x: float(x[0])),
        ("truth of an array", bool),
        ("no exact form", np.fft.fft),
        ("another shape", lambda x: x.reshape(1, 3).__setitem__(0, 1)),
        ("too close", lambda x: x < x + lift(1e-15)),
        ("no inverse|without an inverse", lambda x: xp.linalg.inv(xp.outer(x, x))),
    ],
)
def test_what_cannot_be_exact_says_why(words, does):
    with a_draw(), pytest.raises(InexactError, match=words):
        does(numbers(3))


def test_no_number_made_by_a_division_by_zero_is_compared():
    with a_draw():
        x = numbers(3)
        with pytest.raises(InexactError, match="not finite"):
            same((x - x) / (x - x), random_array(np.ones(3)))
