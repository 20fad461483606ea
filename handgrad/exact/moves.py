"""Random arrays, and how arrays move."""

import numpy as np

from handgrad.exact.degrees import VARIABLE, largest
from handgrad.exact.draw import current
from handgrad.exact.gauss import Gauss
from handgrad.exact.numbers import Exact
from handgrad.exact.primes import integer
from handgrad.exact.tracks import Track, zero


def random_array(real, *, degree=VARIABLE):
    """Random numbers in each field, beside these real ones."""
    draw = current()
    tracks = [Track(np.asarray(real, dtype=float))]
    for field in draw.fields:
        values = np.empty(tracks[0].value.size, dtype=object)
        values[:] = [integer(draw.rng, field.p) for _ in range(values.size)]
        tracks.append(Track(Gauss(values.reshape(tracks[0].value.shape), None, field.p)))
    return Exact(tracks, degree)


def moving(a, *directions):
    """The array, moving along each of these directions: arrays of its shape, or None."""
    tracks = [
        Track(t.value, tuple(None if d is None else d.tracks[place].value for d in directions))
        for place, t in enumerate(a.tracks[:2])
    ]
    degree = largest(d.degree for d in directions if d is not None)
    return Exact([*tracks, *a.tracks[2:]], a.degree, a.logs, degree)


def still(a):
    """The array without its moves."""
    return Exact([t if t is None else Track(t.value) for t in a.tracks], a.degree, a.logs)


def move_of(a, k=0):
    """How an array moves along its k-th direction, as an array that stands still."""
    moves = [t.moves[k] if t.moves else None for t in a.tracks[:2]]
    pairs = zip(a.tracks[:2], moves, strict=True)
    found = [Track(zero(t.value) if move is None else move) for t, move in pairs]
    return Exact([*found, *(None for _ in a.tracks[2:])], a.moved)
