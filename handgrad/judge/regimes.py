"""Regimes: the special inputs at which gradients are wrong, made from ordinary ones.

Ties, zeros, constant rows, large and small numbers, infinities, repeated indices, singular
matrices, axes of size 1 and of size 0. A subject need not take them all: where its forward raises or
gives no finite number, nothing is asked of its backward.
"""

import itertools

import numpy as np

from handgrad.judge.small import are_probabilities, resized, reversed_axes, sizes_of
from handgrad.judge.trial import rms, spread

SHIFT = 710.0  # e^710 is more than float64 holds
SHIFT_SINGLE = 89.0  # e^89 is more than float32 holds
FAR_OFF = 1e6  # ordinary numbers: a square of it has no digits left for an ordinary one
RANGES = (4.0, 9.0)  # past every bend that activations have
PARTS = 32  # of such a range
WHOLE = 6  # the largest number that activations bend or are clipped at
INDICES = 5  # of which all may be equal
DIGITS = 10  # binary; float16 has 11


def _far_from_0(x):
    return x + FAR_OFF * (rms(x) or 1.0)


CHANGES = (
    ("of small integers", lambda x: np.rint(2 * x / (rms(x) or 1.0))),
    ("times 1e-3", lambda x: 1e-3 * x),
    ("times 20", lambda x: 20 * x),
    ("times -1", np.negative),
    ("far from 0", _far_from_0),
)


def regimes(trial):
    """(description, inputs) for every regime of the trial's inputs, from ordinary to strange."""
    for i, x in enumerate(trial.inputs):
        if _is_option(trial, i):
            continue
        manners = _values(x, trial) if i in trial.real else _discrete(x)
        for description, changed in manners:
            if changed.shape == x.shape:
                inputs = list(trial.inputs)
                inputs[i] = changed.astype(x.dtype)
                yield f"input {i} {description}", tuple(inputs)
    if len(trial.inputs) > 1:
        yield from _together(trial)


def others(trial):
    """(description, inputs) that are as ordinary: where the given ones tell nothing."""
    rng = trial.generator("others")
    yield "with their signs turned", trial.with_real([-x for x in trial.real_inputs])
    for size, words in ((1.0, "drawn again"), (0.1, "drawn smaller")):
        drawn = [size * spread(x) * rng.normal(size=x.shape) for x in trial.real_inputs]
        yield words, trial.with_real(drawn)


def shapes(trial, free):
    """(description, inputs) with axes of size 1, and no rows at all.

    `free` are the sizes that the subject lets one choose.
    """
    for size in free:
        yield f"axes of {size} cut to 1", resized(trial.inputs, {size: 1})
    if len(free) > 1:
        yield "these axes cut to 1", resized(trial.inputs, dict.fromkeys(free, 1))
    if {*sizes_of(trial.inputs)} <= {*free}:
        yield "axes in reverse", reversed_axes(trial.inputs)
    first = next((x.shape[0] for x in trial.real_inputs if x.ndim), None)
    if first in free:
        yield "no rows", resized(trial.inputs, {first: 0})


def _is_option(trial, i):
    """Whether an input is a number that has no gradient, such as an ε."""
    return i in trial.subject.numbers and i not in trial.real


def _values(x, trial):
    """What real numbers may be."""
    if not x.size:
        return
    rng = trial.generator("regimes", x.shape)
    if are_probabilities(x):
        yield from _probabilities(x, rng)
        return
    size = rms(x) or 1.0
    ties = np.maximum(np.rint(np.abs(x) / size), 1) * np.where(x < 0, -1, 1)
    yield "with ties", _in_few_bits(np.asarray(size)) * ties
    yield "of small integers", np.rint(2 * x / size)
    yield "of zeros", np.zeros_like(x)
    yield "with zeros", np.where(rng.random(x.shape) < 0.5, 0, x)
    yield "with one zero", _one(x, rng, 0)
    yield "with a one", _one(x, rng, 1)
    yield "with ones here and there", _some(x, rng, 1)
    yield "with one large number", _one(x, rng, 1e3 * size)
    for most in RANGES:
        yield from _in_turns(x, rng, _evenly(x, most), f"spread evenly up to {most:g}")
    yield from _in_turns(x, rng, _halves(x), f"of multiples of ½ up to {WHOLE}")
    few = _in_few_bits(x)
    yield "of one number", np.full_like(x, few.flat[0])
    if x.ndim:
        yield "with constant rows", np.broadcast_to(few[..., :1], x.shape)
        yield "with one constant row", _first_row(x, few.flat[0])
        yield "with a row of zeros", _first_row(x, 0)
    for factor in (20, 1e3, 1e6, 1e-3, 1e-6, 1e-9, -1):
        yield f"times {factor:g}", factor * x
    yield "above 0", np.abs(x)
    yield "below 0", -np.abs(x)
    yield f"plus {SHIFT:g}", x + SHIFT
    yield f"minus {SHIFT:g}", x - SHIFT
    yield f"plus {SHIFT_SINGLE:g}", x + SHIFT_SINGLE
    yield "far from 0", _far_from_0(x)
    yield from _matrices(x, size)
    yield from _not_finite(x, rng)


def _in_few_bits(x):
    """x to about three digits: the mean of equal numbers is then the number itself, to the last bit."""
    mantissa, exponent = np.frexp(x.astype(float))
    return np.ldexp(np.rint(mantissa * 2**DIGITS), exponent - DIGITS)


def _probabilities(x, rng):
    """Rows that sum to 1 go on to sum to 1: a gradient may rely on it."""
    yield "of certainties", np.eye(x.shape[-1])[rng.integers(x.shape[-1], size=x.shape[:-1])]
    yield "of equal probabilities", np.full_like(x, 1 / x.shape[-1])
    some = np.where(rng.random(x.shape) < 0.5, 0, x)
    yield "with zeros", some / np.maximum(np.sum(some, axis=-1, keepdims=True), 1e-300)


def _matrices(x, size):
    """Square matrices for which a decomposition is not unique, or does not exist."""
    if x.ndim < 2 or x.shape[-1] != x.shape[-2] or x.shape[-1] < 2:
        return
    n = x.shape[-1]
    unit = np.broadcast_to(np.eye(n), x.shape)
    singular = x.copy()
    singular[..., -1, :] = singular[..., 0, :]
    yield "a multiple of the unit matrix", size * unit
    yield "diagonal", x * unit
    yield "with one eigenvalue twice", x * unit * 0 + np.diag([size] * (n - 1) + [2 * size])
    yield "symmetric", x + np.swapaxes(x, -1, -2)
    yield "positive definite", x @ np.swapaxes(x, -1, -2) + n * size**2 * unit
    yield "a singular matrix", singular


def _not_finite(x, rng):
    yield "with -1e30 here and there", _some(x, rng, -1e30)
    yield "with a row of -inf", _first_row(x, -np.inf)
    yield "with -inf here and there", _some(x, rng, -np.inf)
    yield "with one NaN", _one(x, rng, np.nan)


def _discrete(x):
    """What masks, labels and indices may be."""
    if not x.size:
        return
    if x.dtype == bool:
        yield "all true", np.ones_like(x)
        yield "all false", np.zeros_like(x)
    else:
        for index in dict.fromkeys((*np.unique(x)[:INDICES], np.max(x), 0)):
            yield f"of {index} alone", np.full_like(x, index)
        yield "one further", np.where(x < 0, x, (x + 1) % (np.max(x) + 1))  # those left out before


def _together(trial):
    """The same happens to every real input; or all are 0, labels and indices too."""
    real = trial.real
    for description, change in CHANGES if len(real) > 1 else ():
        changed = [
            change(x).astype(x.dtype) if i in real and not are_probabilities(x) else x
            for i, x in enumerate(trial.inputs)
        ]
        yield f"all inputs {description}", tuple(changed)
    kept = [_is_option(trial, i) or x.dtype == bool for i, x in enumerate(trial.inputs)]
    pairs = zip(trial.inputs, kept, strict=True)
    nothing = (x if stays or are_probabilities(x) else 0 * x for x, stays in pairs)
    yield "all inputs of zeros", tuple(nothing)
    for i, j in itertools.pairwise(real):
        both = trial.inputs[i], trial.inputs[j]
        if both[0].shape == both[1].shape and not any(map(are_probabilities, both)):
            same = list(trial.inputs)
            same[j] = same[i]
            yield f"inputs {i} and {j} equal", tuple(same)
            mixed = list(trial.inputs)
            every_other = np.arange(both[0].size).reshape(both[0].shape) % 2
            mixed[j] = np.where(every_other, *both)
            yield f"inputs {i} and {j} equal here and there", tuple(mixed)


def _one(x, rng, value):
    x = x.copy()
    x.flat[rng.integers(x.size)] = value
    return x


def _evenly(x, most):
    """Numbers from -most to most, or from near 0 to it where all are positive."""
    count = max(PARTS, _half(x))
    return np.linspace(most / count if np.all(x > 0) else -most, most, count)


def _halves(x):
    """What limits and bends are often at."""
    return np.arange(1 if np.all(x > 0) else -2 * WHOLE, 2 * WHOLE + 1) / 2


def _half(x):
    return (x.size + 1) // 2


def _in_turns(x, rng, numbers, words):
    """Half of x replaced, in as many turns as it takes to place all these numbers.

    The others stay ordinary, lest a sum of exponentials see one number alone.
    """
    half = _half(x)
    turns = -(-len(numbers) // half)
    placed = rng.permutation(np.resize(numbers, turns * half))
    for turn, some in enumerate(np.split(placed, turns), 1):
        changed = x.copy()
        changed.flat[rng.permutation(x.size)[:half]] = some
        yield f"{words} (part {turn})", changed


def _some(x, rng, value):
    """x with every fourth number, or so, replaced."""
    x = x.copy()
    x.flat[rng.permutation(x.size)[: (x.size + 3) // 4]] = value
    return x


def _first_row(x, value):
    x = x.copy()
    if x.ndim:
        x.reshape(-1, x.shape[-1])[0] = value
    return x
