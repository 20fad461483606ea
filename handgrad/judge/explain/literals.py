"""Arrays as a script writes them: in as few characters as they take."""

import re

import numpy as np

NOT_FINITE = r"\b(nan|inf)\b"
LONG = 64  # numbers: more are drawn, and not written out
RNG = "np.random.default_rng(0)"


def written(x):
    """An expression for an array, which eval turns into the same one."""
    kind = x.dtype.name
    if kind == "bfloat16":
        return f"{written(x.astype(float))}.astype('bfloat16')"
    text = drawing(x) or _plain(x)
    return text if kind in {"float64", "int64", "bool"} else f"{text}.astype(np.{kind})"


def _plain(x):
    """Zeros, ones, 1, 2, 3 and so on, or every number."""
    wide = _in_few_digits(x) if x.dtype.kind == "f" else x
    shape = tuple(x.shape)
    if x.dtype.kind == "f" and x.size > 1:
        for name, value in (("zeros", 0), ("ones", 1)):
            if np.all(wide == value) and not np.any(np.signbit(wide)):
                return f"np.{name}({shape})"
        if np.array_equal(wide.ravel(), 1.0 + np.arange(x.size)):
            counted = f"np.arange(1.0, {x.size + 1})"
            return counted if x.ndim == 1 else f"{counted}.reshape{shape}"
    if not x.size:
        return f"np.zeros({shape}, np.{wide.dtype.name.replace('bool', 'bool_')})"
    numbers = re.sub(NOT_FINITE, r"np.\1", repr(wide.tolist()))
    return f"np.array({numbers})"


def _in_few_digits(x):
    """The numbers of float64 with the fewest digits that are x in its own precision."""
    return np.array([float(str(number)) for number in x.ravel()]).reshape(x.shape)


def drawing(x):
    """The expression that draws a large array, if one of ours does; else ""."""
    ways = drawings(x) if x.size > LONG else []
    return next((text for text, array in ways if np.array_equal(array, x)), "")


def drawings(x):
    """(expression, array) of random arrays of this shape and type."""
    ways = [("normal", ()), ("uniform", (0.5, 2)), ("uniform", ())]
    if x.dtype == bool or x.dtype.kind in "iu":
        ways = [("integers", (int(np.max(x)) + 1,))]
    for name, limits in ways:
        array = getattr(np.random.default_rng(0), name)(*limits, size=x.shape)
        said = ", ".join([*map(str, limits), f"size={tuple(x.shape)}"])
        typed = ".astype(bool)" if x.dtype == bool else ""
        yield f"{RNG}.{name}({said}){typed}", array.astype(x.dtype)
