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
    if x.size <= LONG:
        return ""
    drawn = drawings(x)
    return next((text for text, array in drawn if np.array_equal(array.astype(x.dtype), x)), "")


def drawings(x):
    """(expression, array) of random arrays of this shape and type."""
    shape, rng = tuple(x.shape), lambda: np.random.default_rng(0)
    if x.dtype == bool:
        yield f"({RNG}.random({shape}) < 0.5)", rng().random(shape) < 0.5
    elif x.dtype.kind in "iu":
        stop = int(np.max(x)) + 1
        yield f"{RNG}.integers({stop}, size={shape})", rng().integers(stop, size=shape)
    else:
        yield f"{RNG}.normal(size={shape})", rng().normal(size=shape)
        yield f"{RNG}.uniform(0.5, 2, size={shape})", rng().uniform(0.5, 2, size=shape)
        yield f"{RNG}.uniform(size={shape})", rng().uniform(size=shape)


def redrawn(inputs, which):
    """The inputs with the large ones drawn, each in its first, second or third manner."""
    changed = []
    for x in inputs:
        manners = list(drawings(x)) if x.size > LONG else []
        changed.append(manners[min(which, len(manners) - 1)][1].astype(x.dtype) if manners else x)
    return tuple(changed)
