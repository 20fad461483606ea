"""Values: what the numbers of one input may be, in the shape it has. (words, array, reach)"""

import numpy as np

from handgrad.judge.domains import kept
from handgrad.judge.trial import rms

FAR_OFF = 1e6  # ordinary numbers: a square of it has no digits left for an ordinary one
REACHED = 9.0  # past every bend that activations have
PARTS = 32  # of such a range
WHOLE = 6  # the largest number that activations bend or are clipped at
INDICES = 5  # of which all may be equal
DIGITS = 10  # binary; float16 has 11
TAILS = (12.0, 25.0, 45.0, 95.0, 400.0)  # where exponentials have died out, one after the other
SHIFTS = (710.0, -710.0, 89.0)  # e^710 is more than float64 holds, e^89 more than float32 does
FACTORS = (1e-3, 20, 1e3, 1e6, 1e-6, 1e-9)

# (words, of x, a random generator and the size of an ordinary number)
SPECIAL = (
    ("with ties", lambda x, _rng, size: _tied(x, size)),
    ("of small integers", lambda x, _rng, size: np.rint(2 * x / size)),
    ("of zeros", lambda x, *_: np.zeros_like(x)),
    ("with zeros", lambda x, rng, _: np.where(rng.random(x.shape) < 0.5, 0, x)),
    ("with one zero", lambda x, rng, _: _some(x, rng, 0, 1)),
    ("with a one", lambda x, rng, _: _some(x, rng, 1, 1)),
    ("with ones here and there", lambda x, rng, _: _some(x, rng, 1)),
    ("of one number", lambda x, *_: np.full_like(x, _in_few_bits(x).flat[0])),
    ("times -1", lambda x, *_: -x),
    ("above 0", lambda x, *_: np.abs(x)),
    ("below 0", lambda x, *_: -np.abs(x)),
)
OF_ROWS = (
    ("with constant rows", lambda x: np.broadcast_to(_in_few_bits(x)[..., :1], x.shape)),
    ("with one constant row", lambda x: _at(x, _row(0), _in_few_bits(x).flat[0])),
    ("with a first row of zeros", lambda x: _at(x, _row(0), 0)),
    ("with a last row of zeros", lambda x: _at(x, _row(-1), 0)),
)
OF_COLUMNS = (
    ("with a first column of zeros", lambda x: _at(x, lambda a: a[..., :1], 0)),
    ("with a last column of zeros", lambda x: _at(x, lambda a: a[..., -1:], 0)),
)
OF_BLOCKS = (
    ("with a first block of zeros", lambda x: _at(x, lambda a: a[:1], 0)),
    ("with a last block of zeros", lambda x: _at(x, lambda a: a[-1:], 0)),
)
EXTREME = (
    ("with one large number", lambda x, rng, size: _some(x, rng, 1e3 * size, 1)),
    ("far from 0", lambda x, *_: far_from_0(x)),
    ("with -1e30 here and there", lambda x, rng, _: _some(x, rng, -1e30)),
    ("with a row of -inf", lambda x, *_: _at(x, _row(0), -np.inf)),
    ("with -inf here and there", lambda x, rng, _: _some(x, rng, -np.inf)),
    ("with one NaN", lambda x, rng, _: _some(x, rng, np.nan, 1)),
)


def real(x, trial):
    """What real numbers may be."""
    rng, size = trial.generator("regimes", x.shape), rms(x) or 1.0
    for words, change in SPECIAL:
        yield words, change(x, rng, size), "special"
    for words, change in (*OF_ROWS, *OF_COLUMNS * (x.ndim > 1), *OF_BLOCKS * (x.ndim > 2)):
        if x.ndim:
            yield words, change(x), "special"
    yield from _matrices(x, size)
    positive = np.all(x > 0)
    count = max(PARTS, _half(x))
    evenly = np.linspace(REACHED / count if positive else -REACHED, REACHED, count)
    yield from _in_turns(x, rng, evenly, f"spread evenly up to {REACHED:g}")
    halves = np.arange(1 if positive else -2 * WHOLE, 2 * WHOLE + 1) / 2
    yield from _in_turns(x, rng, halves, f"of multiples of ½ up to {WHOLE}")
    for factor in FACTORS:
        yield f"times {factor:g}", factor * x, "special" if factor == 1e-3 else "extreme"
    for start in TAILS:  # all numbers: an ordinary one would hide them
        tail = start * rng.uniform(1, 1.2, size=x.shape)
        yield f"all about {start:g}", tail, "extreme"
        yield f"all about -{start:g}", -tail, "extreme"
    for shift in SHIFTS:
        yield f"{'plus' if shift > 0 else 'minus'} {abs(shift):g}", x + shift, "extreme"
    for words, change in EXTREME:
        yield words, change(x, rng, size), "extreme"


def far_from_0(x):
    return x + FAR_OFF * (rms(x) or 1.0)


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


def _matrices(x, size):
    """Square matrices for which a decomposition is not unique, or does not exist."""
    if x.ndim < 2 or x.shape[-1] != x.shape[-2] or x.shape[-1] < 2:
        return
    n, turned = x.shape[-1], np.swapaxes(x, -1, -2)
    unit = np.broadcast_to(np.eye(n), x.shape)
    twice = x * unit * 0 + np.diag([size] * (n - 1) + [2 * size])
    singular = x.copy()
    singular[..., -1, :] = singular[..., 0, :]
    yield "a multiple of the unit matrix", size * unit, "special"
    yield "diagonal", x * unit, "special"
    yield "with one eigenvalue twice", twice, "special"
    yield "symmetric", x + turned, "special"
    yield "positive definite", x @ turned + n * size**2 * unit, "special"
    yield "a singular matrix", singular, "special"


def _tied(x, size):
    ties = np.maximum(np.rint(np.abs(x) / size), 1) * np.where(x < 0, -1, 1)
    return _in_few_bits(np.asarray(size)) * ties


def _in_few_bits(x):
    """x to about three digits: the mean of equal numbers is then the number itself, to the last bit."""
    mantissa, exponent = np.frexp(x.astype(float))
    return np.ldexp(np.rint(mantissa * 2**DIGITS), exponent - DIGITS)


def _some(x, rng, value, count=None):
    """x with so many numbers, or about every fourth, replaced."""
    x = x.copy()
    x.flat[rng.permutation(x.size)[: count or (x.size + 3) // 4]] = value
    return x


def _at(x, part, value):
    """x with another value in a part of it, which is a view."""
    x = x.copy()
    part(x)[...] = value
    return x


def _row(k):
    return lambda x: x.reshape(-1, x.shape[-1])[k] if x.ndim else x[None][:0]


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
