"""Half precision in NumPy: a rule computes in float32, and rounds what it gives once.

NumPy adds the rows of a matrix in float16 one by one, so that a sum of ones ends at 2048, and it has
no factorizations in it. Of bfloat16, which ml_dtypes brings, it makes float32 or float64 at every @
and at every number of Python's. JAX and torch do without: they add in float32, and keep the dtype.
"""

from functools import wraps

import numpy as np


def round_once(*rules):
    """Let forward and backward of these classes take half precision from NumPy."""
    for rule in rules:
        for name, wrapped in (("forward", _forward), ("backward", _backward)):
            setattr(rule, name, wrapped(getattr(rule, name)))


def _forward(forward):
    @wraps(forward)
    def rounded(self, *inputs):
        half = _half_of(inputs)
        if half is None:
            return forward(self, *inputs)
        y, residuals = forward(self, *_each(inputs, np.float32))
        return _each(y, half), (*residuals, np.empty(0, half))  # which remembers the dtype

    return rounded


def _backward(backward):
    @wraps(backward)
    def rounded(self, residuals, dy, **needs):
        if not residuals or not _is_half(residuals[-1]):
            return backward(self, residuals, dy, **needs)
        *residuals, empty = residuals
        grads = backward(self, tuple(residuals), _each(dy, np.float32), **needs)
        return _each(grads, empty.dtype)

    return rounded


def _half_of(inputs):
    """float16 or bfloat16, if all floating inputs are of it; else None."""
    for x in inputs:
        if getattr(x, "itemsize", 0) == 2:  # seldom so, and every call asks
            floats = list({part.dtype for part in inputs if _is_float(part)})
            return floats[0] if len(floats) == 1 and floats[0].itemsize == 2 else None
    return None


def _is_half(residual):
    return _is_float(residual) and residual.itemsize == 2 and residual.shape == (0,)


def _is_float(x):
    """Whether x is a floating array or number of NumPy's; its kind of bfloat16 is V."""
    return isinstance(x, np.ndarray | np.generic) and x.dtype.kind in "fV"


def _each(x, dtype):
    """Floating numbers in this dtype, and all else as it is."""
    if isinstance(x, tuple):
        return tuple(_each(part, dtype) for part in x)
    return x.astype(dtype) if _is_float(x) else x
