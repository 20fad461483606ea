"""Places: where a gradient is wrong, if it is right elsewhere, and what it is there."""

import numpy as np

CLOSE = 1e-12  # of the gradient's size
CLEAR = 1e-3  # of the largest error


def wrong_places(i, wrong, right, trial):
    """A sentence on the places at which the gradient of input i is wrong, or ""."""
    size = float(np.max(np.abs(right), initial=0.0)) or 1.0
    error = np.abs(wrong - right)
    finite = error[np.isfinite(error)]
    largest = float(np.max(finite, initial=0.0))
    off = ~(error <= max(CLOSE * size, CLEAR * largest))
    if not off.any():
        return ""
    if off.all() and off.size > 1:
        return "is NaN" if np.all(np.isnan(wrong)) else ""
    counted = (right != 0) | off
    for name, where in _named_places(i, trial, off.shape):
        if np.array_equal(off, np.broadcast_to(where, off.shape) & counted):
            return f"{_what(wrong[off], right[off])} {name}"
    if np.count_nonzero(off) == 1:
        index = ", ".join(str(int(k)) for k in np.argwhere(off)[0])
        return f"{_what(wrong[off], right[off])} at a single place, [{index}]"
    return _threshold(i, wrong, right, off, trial)


def _what(wrong, right):
    """What the wrong numbers are."""
    if np.any(np.isnan(wrong)):
        return "is NaN"
    if not np.any(wrong):
        return "is masked: it is 0"
    if not np.any(right):
        return "is not 0, as it should be: a mask is missing,"
    ratio = wrong[right != 0] / right[right != 0]
    if np.ptp(ratio) <= 1e-6 * np.max(np.abs(ratio)):
        return f"is {ratio.mean():.10g} times the right one"
    return "is wrong"


def _named_places(i, trial, shape):
    """(name, mask) of the places that have a name; the commonest first."""
    x = trial.inputs[i]
    for axis, size in enumerate(shape):
        spots = np.arange(size).reshape([-1 if a == axis else 1 for a in range(len(shape))])
        what = {0: "row", len(shape) - 1: "column"}.get(axis, f"place along axis {axis}")
        what = "place" if len(shape) == 1 else what
        yield f"in the last {what}", spots == size - 1
        yield f"in the first {what}", spots == 0
        yield f"in every second {what}", spots % 2 == 1
        for k in range(1, size - 1):
            yield f"in {what} {k}", spots == k
    yield "where x is 0", x == 0
    yield "where x > 0", x > 0
    yield "where x < 0", x < 0
    yield "where x ≥ 0", x >= 0
    yield "where x ≤ 0", x <= 0
    yield "where numbers of x tie", _ties(x)
    yield from _of_others(i, trial, shape)


def _of_others(i, trial, shape):
    """Places that the other inputs, dy or y mark."""
    arrays = [(f"input {j}", a) for j, a in enumerate(trial.inputs) if j != i]
    arrays += [("dy", d) for d in trial.dy] + [("y", y) for y in trial.y]
    for name, array in arrays:
        try:
            a = np.broadcast_to(array, shape)
        except ValueError:
            continue
        if a.dtype == bool:
            yield f"where {name} is true (a mask)", a
            yield f"where {name} is false (a mask)", ~a
        else:
            yield f"where {name} > 0", a > 0
            yield f"where {name} < 0", a < 0
            yield f"where {name} is 0", a == 0
    for j, a in enumerate(trial.inputs):
        if np.issubdtype(a.dtype, np.integer) and shape and a.size:
            counts = np.bincount(np.clip(a.ravel(), 0, shape[0] - 1), minlength=shape[0])[
                : shape[0]
            ]
            column = counts.reshape([-1] + [1] * (len(shape) - 1))
            yield f"where an index of input {j} is repeated", column > 1
            yield f"where no index of input {j} points", column == 0


def _ties(x):
    """Whether a number stands elsewhere in its row as well."""
    rows = x.reshape(-1, x.shape[-1]) if x.ndim else x.reshape(1, 1)
    same = rows[:, :, None] == rows[:, None, :]
    return (same.sum(axis=-1) > 1).reshape(x.shape)


def _threshold(i, wrong, right, off, trial):
    """Whether the wrong places are those above, or below, a size of x, dy or y."""
    arrays = [("x", trial.inputs[i])]
    arrays += [("dy", d) for d in trial.dy] + [("y", y) for y in trial.y]
    what = _what(wrong[off], right[off])
    for name, a in arrays:
        if a.shape != off.shape:
            continue
        for label, b in ((f"|{name}|", np.abs(a)), (name, a)):
            if b[off].min() > b[~off].max():
                return f"{what} where {label} is above {b[~off].max():.4g}"
            if b[off].max() < b[~off].min():
                return f"{what} where {label} is below {b[~off].min():.4g}"
    return f"{what} at {np.count_nonzero(off)} of {off.size} places"
