"""The noise floor: how far one rounding of every argument moves a result, number by number.

No code can do better than the arguments it is given. A formula is run at arguments that are moved
by about one rounding, several times; the spread of its results is the noise that the problem
itself has at that precision (Parker, Monte Carlo arithmetic, 1997; the arguments alone are moved).
"""

import numpy as np

from handgrad.common.precision import highest
from handgrad.common.random import generator

RUNS = 8
MOVED = 3 / 4  # of two roundings: a number that is special, as 1 is, is not so after that
POOLED = 0.25  # a number's noise is at least this share of the noise of its whole array


def is_moderate(x, dtype):
    """Whether a type holds the fourth powers of all numbers of x but 0, and 1 over them."""
    most, size = highest(dtype) ** 0.25, np.abs(x[x != 0])
    return bool(np.all((size <= most) & (size * most >= 1)))


def dithered(arrays, unit, seed, runs=RUNS, least=0.0):
    """The arrays, several times, every real number of them moved by up to two roundings.

    By no less than `least` of that: with MOVED, no number but 0 stays what it was.
    """
    for run in range(runs):
        rng = generator(seed, "dither", run)
        yield [_moved(rng, np.asarray(x), 2 * unit, least) for x in arrays]


def noise_floor(evaluate, arrays, unit, seed, least=0.0):
    """The noise of each result of `evaluate(arrays)`, a tuple of float64 arrays.

    Of each number: the spread of its values at arrays that are moved by about one rounding, not
    below a share of the array's average noise, and half of its own last place.
    """
    with np.errstate(all="ignore"):
        return tuple(map(_pooled, noise_alone(evaluate, arrays, unit, seed, least)))


def noise_alone(evaluate, arrays, unit, seed, least=0.0):
    """The same of each number by itself, whatever the noise of its array is."""
    values = [evaluate(moved) for moved in dithered(arrays, unit, seed, least=least)]
    return tuple(_spread(runs, unit) for runs in zip(*values, strict=True))


def _moved(rng, x, by, least):
    if not np.issubdtype(x.dtype, np.floating):
        return x
    share = rng.uniform(-1, 1, size=x.shape)
    return x * (1 + by * np.copysign(least + (1 - least) * np.abs(share), share))


def _spread(runs, unit):
    """The noise of one result, from its values in several runs."""
    with np.errstate(all="ignore"):
        return np.std(np.stack(runs), axis=0) + unit * np.abs(runs[0])


def _pooled(noise):
    return noise + POOLED * (np.sqrt(np.mean(noise * noise)) if noise.size else 0.0)
