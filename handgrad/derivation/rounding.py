"""What rounding does: all numbers moved by about one unit, and steps in float64."""

import numpy as np

ULP = 2.0**-52


def is_real(value):
    """Whether a value is an array of floating-point numbers, which can have a gradient."""
    return hasattr(value, "dtype") and np.issubdtype(value.dtype, np.floating)


def in_float64(step, operands):
    """The results of one step of a program, in float64."""
    from handgrad.common.jaxpr import run_step

    return [x.astype(float) if is_real(x) else x for x in run_step(step, operands)]


def dithered(rng, arrays):
    """The arrays with every number moved by about one rounding."""
    return {
        name: x * (1 + ULP * rng.uniform(-1, 1, size=x.shape)) if is_real(x) else x
        for name, x in arrays.items()
    }
