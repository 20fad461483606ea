"""Values: what the numbers of one input may be, in the shape it has. (words, array, reach)"""

import numpy as np

from handgrad.judge.domains import kept
from handgrad.judge.trial import rms

__all__ = ["discrete", "far_from_0", "kept", "of_domain", "real"]

SHIFT = 710.0  # e^710 is more than float64 holds
SHIFT_SINGLE = 89.0  # e^89 is more than float32 holds
FAR_OFF = 1e6  # ordinary numbers: a square of it has no digits left for an ordinary one
RANGES = (9.0,)  # past every bend that activations have
TAILS = (12.0, 25.0, 45.0, 95.0, 400.0)  # where exponentials have died out, one after the other
PARTS = 32  # of such a range
WHOLE = 6  # the largest number that activations bend or are clipped at
INDICES = 5  # of which all may be equal
DIGITS = 10  # binary; float16 has 11


def far_from_0(x):
    return x + FAR_OFF * (rms(x) or 1.0)


def real(x, trial):
    """What real numbers may be."""
    rng = trial.generator("regimes", x.shape)
    size = rms(x) or 1.0
    yield from _zeros_and_ties(x, rng, size)
    yield from _parts(x)
    for most in RANGES:
        yield from _in_turns(x, rng, _evenly(x, most), f"spread evenly up to {most:g}")
    yield from _in_turns(x, rng, _halves(x), f"of multiples of ½ up to {WHOLE}")
    for factor, reach in ((20, "extreme"), (-1, "special"), (1e-3, "special")):
        yield f"times {factor:g}", factor * x, reach
    for factor in (1e3, 1e6, 1e-6, 1e-9):
        yield f"times {factor:g}", factor * x, "extreme"
    yield "above 0", np.abs(x), "special"
    yield "below 0", -np.abs(x), "special"
    yield from _tails(x, rng)
    yield f"plus {SHIFT:g}", x + SHIFT, "extreme"
    yield f"minus {SHIFT:g}", x - SHIFT, "extreme"
    yield f"plus {SHIFT_SINGLE:g}", x + SHIFT_SINGLE, "extreme"
    yield "far from 0", far_from_0(x), "extreme"
    yield from _matrices(x, size)
    yield "with -1e30 here and there", _some(x, rng, -1e30), "extreme"
    yield "with a row of -inf", _in_row(x, 0, -np.inf), "extreme"
    yield "with -inf here and there", _some(x, rng, -np.inf), "extreme"
    yield "with one NaN", _one(x, rng, np.nan), "extreme"


def _zeros_and_ties(x, rng, size):
    few = _in_few_bits(x)
    ties = np.maximum(np.rint(np.abs(x) / size), 1) * np.where(x < 0, -1, 1)
    yield "with ties", _in_few_bits(np.asarray(size)) * ties, "special"
    yield "of small integers", np.rint(2 * x / size), "special"
    yield "of zeros", np.zeros_like(x), "special"
    yield "with zeros", np.where(rng.random(x.shape) < 0.5, 0, x), "special"
    yield "with one zero", _one(x, rng, 0), "special"
    yield "with a one", _one(x, rng, 1), "special"
    yield "with ones here and there", _some(x, rng, 1), "special"
    yield "with one large number", _one(x, rng, 1e3 * size), "extreme"
    yield "of one number", np.full_like(x, few.flat[0]), "special"
    if x.ndim:
        yield "with constant rows", np.broadcast_to(few[..., :1], x.shape), "special"
        yield "with one constant row", _in_row(x, 0, few.flat[0]), "special"


def _parts(x):
    """Zeros in one row, one column, one block alone."""
    if not x.ndim:
        return
    yield "with a first row of zeros", _in_row(x, 0, 0), "special"
    yield "with a last row of zeros", _in_row(x, -1, 0), "special"
    for k, word in ((0, "first"), (-1, "last")):
        column, plane = x.copy(), x.copy()
        column[..., k] = 0
        plane[k] = 0
        if x.ndim > 1:
            yield f"with a {word} column of zeros", column, "special"
        if x.ndim > 2:
            yield f"with a {word} block of zeros", plane, "special"


def _tails(x, rng):
    """All numbers beyond an ordinary range, on one side: there an ordinary one would hide them."""
    for start in TAILS:
        tail = start * rng.uniform(1, 1.2, size=x.shape)
        yield f"all about {start:g}", tail, "extreme"
        yield f"all about -{start:g}", -tail, "extreme"


def _in_few_bits(x):
    """x to about three digits: the mean of equal numbers is then the number itself, to the last bit."""
    mantissa, exponent = np.frexp(x.astype(float))
    return np.ldexp(np.rint(mantissa * 2**DIGITS), exponent - DIGITS)


def of_domain(x, domain):
    """What is special in a domain, and in it."""
    if not x.size or not x.ndim:
        return
    columns = x.shape[-1]
    if domain.name in {"probability", "one_hot"}:
        rows = np.arange(x.size // columns).reshape(x.shape[:-1])
        yield "of certainties", np.eye(columns)[rows % columns], "special"
        yield "of one class", np.eye(columns)[0 * rows], "special"
        yield "of the last class", np.eye(columns)[0 * rows - 1], "special"
    if domain.name == "probability":
        some = np.where(np.arange(x.size).reshape(x.shape) % 3 == 0, 0, x)
        yield "of equal probabilities", np.full(x.shape, 1 / columns), "special"
        yield "with zeros among them", kept(domain, some), "special"
    if domain.name == "positive":
        yield "near to 0", 1e-3 * np.abs(x) + 1e-9, "special"


def _matrices(x, size):
    """Square matrices for which a decomposition is not unique, or does not exist."""
    if x.ndim < 2 or x.shape[-1] != x.shape[-2] or x.shape[-1] < 2:
        return
    n = x.shape[-1]
    unit = np.broadcast_to(np.eye(n), x.shape)
    singular = x.copy()
    singular[..., -1, :] = singular[..., 0, :]
    yield "a multiple of the unit matrix", size * unit, "special"
    yield "diagonal", x * unit, "special"
    twice = x * unit * 0 + np.diag([size] * (n - 1) + [2 * size])
    yield "with one eigenvalue twice", twice, "special"
    yield "symmetric", x + np.swapaxes(x, -1, -2), "special"
    definite = x @ np.swapaxes(x, -1, -2) + n * size**2 * unit
    yield "positive definite", definite, "special"
    yield "a singular matrix", singular, "special"


def discrete(x, domain):
    """What masks, labels and indices may be."""
    if domain.name == "one_hot":
        return
    if x.dtype == bool:
        yield "all true", np.ones_like(x), "special"
        yield "all false", np.zeros_like(x), "special"
        return
    for index in dict.fromkeys((*np.unique(x)[:INDICES].tolist(), int(np.max(x)), 0)):
        yield f"of {index} alone", np.full_like(x, index), "special"
    further = np.where(x < 0, x, (x + 1) % (np.max(x) + 1))
    yield "one further", further, "special"  # those left out before


def _one(x, rng, value):
    x = x.copy()
    x.flat[rng.integers(x.size)] = value
    return x


def _some(x, rng, value):
    """x with every fourth number, or so, replaced."""
    x = x.copy()
    x.flat[rng.permutation(x.size)[: (x.size + 3) // 4]] = value
    return x


def _in_row(x, row, value):
    x = x.copy()
    if x.ndim:
        x.reshape(-1, x.shape[-1])[row] = value
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
        yield f"{words} (part {turn})", changed, "special"
