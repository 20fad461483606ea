"""Units change no verdict: a function, or its inputs, a billion times larger or smaller."""

import numpy as np
import pytest

from handgrad import verify
from tests.judge import zoo
from tests.judge.zoo.operation import is_real
from tests.judge.zoo.specimen import quiet
from tests.judge.zoo.witnesses import cast

RIGHT = (
    "sin",
    "tanh",
    "relu",
    "huber",
    "multiply",
    "affine",
    "softmax",
    "logsumexp",
    "layer_norm",
    "cross_entropy",
)
WRONG = {
    "sin": "zero",
    "sigmoid": "doubled",
    "gelu_tanh": "halved",
    "mish": "off by 1e-3",
    "sqrt": "off by 1e-9",
    "huber": "never clipped",
    "affine": "averaged over rows",
    "softmax": "sum over the whole batch",
    "layer_norm": "variance forgotten",
    "max_with_ties": "all of it to each tie",
}
# of the function, and of its inputs
UNITS = {
    "float64": [(1e-9, 1.0), (1e9, 1.0), (1.0, 1e-6), (1.0, 1e6)],
    "float32": [(1e-9, 1e6), (1e9, 1e-6)],
}


def named(specimens):
    return {specimen.name: specimen for specimen in specimens}


def in_units(pair, function, inputs):
    """The pair (f, vjp), of a function so many times larger, of inputs so many times larger."""
    f, vjp = pair

    def times(x, size):
        return x * x.dtype.type(size)

    def small(xs):
        return [times(x, 1 / inputs) if is_real(x) else x for x in xs]

    def scaled(*xs):
        return times(f(*small(xs)), function)

    def scaled_vjp(dy, *xs):
        grads = vjp(times(dy, function), *small(xs))
        return tuple(dx if dx is None else times(dx, 1 / inputs) for dx in grads)

    return scaled, scaled_vjp


def status(specimen, precision, function, inputs):
    xs = cast(specimen.draw(np.random.default_rng(0)), np.dtype(precision))
    xs = [x * x.dtype.type(inputs) if is_real(x) else x for x in xs]
    with quiet():
        return verify(in_units(specimen.make(), function, inputs), *xs).status


@pytest.mark.parametrize("precision", UNITS)
@pytest.mark.parametrize("name", RIGHT)
def test_right_passes_in_all_units(name, precision):
    specimen = named(zoo.right())[f"{name}, right"]
    found = {units: status(specimen, precision, *units) for units in UNITS[precision]}
    assert set(found.values()) == {"PASS"}, found


@pytest.mark.parametrize("precision", UNITS)
@pytest.mark.parametrize("name", WRONG)
def test_wrong_is_wrong_in_all_units(name, precision):
    specimen = named(zoo.wrong())[f"{name}, {WRONG[name]}"]
    found = {units: status(specimen, precision, *units) for units in UNITS[precision]}
    assert set(found.values()) == {"WRONG"}, found
