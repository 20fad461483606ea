"""The elementary functions by name: what they are made of, and the slopes of opaque ones."""

import math
from fractions import Fraction

import numpy as np

from handgrad.exact import ordering
from handgrad.exact.errors import InexactError
from handgrad.exact.functions import (
    cos,
    exp,
    log,
    number_pi,
    opaque,
    power,
    sin,
    sqrt,
    square,
    tan,
)
from handgrad.exact.numbers import inverse, lift


def tanh(a):
    e = exp(lift(a) * 2)
    return (e - 1) / (e + 1)


def cosh(a):
    e = exp(a)
    return (e + inverse(e)) / 2


def sinh(a):
    e = exp(a)
    return (e - inverse(e)) / 2


def sigmoid(a):
    return inverse(exp(-lift(a)) + 1)


def softplus(a):
    return log(exp(a) + 1)


def logaddexp(a, b):
    return log(exp(a) + exp(b))


def log1p(a):
    return log(lift(a) + 1)


def expm1(a):
    return exp(a) - 1


def log2(a):
    return log(a) / log(2)


def log10(a):
    return log(a) / log(10)


def exp2(a):
    return exp(lift(a) * log(2))


def hypot(a, b):
    return sqrt(square(lift(a)) + square(lift(b)))


def atan2(a, b):
    """The angle of (b, a), which is atan(a / b) but for half a turn."""
    turn = ordering.where(ordering.less(b, 0), number_pi() * ordering.sign(a), 0)
    return atan(lift(a) / b) + turn


def _by_jax(name, *before):
    """The values of a function that NumPy lacks."""

    def real(x):
        from jax.scipy import special

        return np.asarray(getattr(special, name)(*before, x), dtype=float)

    return real


def _root(c):
    """√π times a number."""
    return sqrt(number_pi()) * c


def _one_minus_square(a):
    return 1 - a * a


def _no_slope(name):
    def slope(_a):
        raise InexactError(f"the derivative of {name}")

    return slope


erf = opaque(
    "erf", np.vectorize(math.erf, otypes=[float]), lambda a: exp(-(a * a)) / _root(Fraction(1, 2))
)


def erfc(a):
    return 1 - erf(a)


erfinv = opaque(
    "erfinv", _by_jax("erfinv"), lambda a: exp(square(erfinv(a))) * _root(Fraction(1, 2))
)
trigamma = opaque("trigamma", _by_jax("polygamma", 1), _no_slope("trigamma"))
digamma = opaque("digamma", _by_jax("digamma"), trigamma)
lgamma = opaque("lgamma", np.vectorize(math.lgamma, otypes=[float]), digamma)
atan = opaque("atan", np.arctan, lambda a: inverse(a * a + 1))
asin = opaque("asin", np.arcsin, lambda a: inverse(sqrt(_one_minus_square(a))))
acos = opaque("acos", np.arccos, lambda a: -inverse(sqrt(_one_minus_square(a))))
atanh = opaque("atanh", np.arctanh, lambda a: inverse(_one_minus_square(a)))
asinh = opaque("asinh", np.arcsinh, lambda a: inverse(sqrt(a * a + 1)))
acosh = opaque("acosh", np.arccosh, lambda a: inverse(sqrt(a * a - 1)))
OWN = {
    "digamma": digamma,
    "erf": erf,
    "erfc": erfc,
    "erfinv": erfinv,
    "lgamma": lgamma,
    "sigmoid": sigmoid,
    "softplus": softplus,
}
TABLE = {
    "acos": acos,
    "acosh": acosh,
    "arccos": acos,
    "arccosh": acosh,
    "arcsin": asin,
    "arcsinh": asinh,
    "arctan": atan,
    "arctan2": atan2,
    "arctanh": atanh,
    "asin": asin,
    "asinh": asinh,
    "atan": atan,
    "atan2": atan2,
    "atanh": atanh,
    "cos": cos,
    "cosh": cosh,
    "exp": exp,
    "exp2": exp2,
    "expm1": expm1,
    "hypot": hypot,
    "log": log,
    "log10": log10,
    "log1p": log1p,
    "log2": log2,
    "logaddexp": logaddexp,
    "pow": power,
    "power": power,
    "number_pi": number_pi,
    "sin": sin,
    "sinh": sinh,
    "sqrt": sqrt,
    "square": square,
    "tan": tan,
    "tanh": tanh,
}
