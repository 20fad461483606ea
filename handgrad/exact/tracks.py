"""Tracks: numbers in one field with their derivatives, and what linear functions do to them."""

from typing import Any, NamedTuple

import numpy as np

from handgrad.exact import gauss
from handgrad.exact.gauss import Gauss


class Track(NamedTuple):
    """A value in one field, and how it moves along each direction: None for one along which it does not.

    There are no moves if it stands still along all.
    """

    value: Any
    moves: tuple[Any, ...] = ()


def linear_tracks(f, arrays, *, chooses=False):
    """A function that is linear in all arrays together, or chooses among their numbers, track by track."""
    made = []
    for tracks in _fields(arrays):
        if tracks is None:
            made.append(None)
            continue
        if len(tracks) == 1:
            own = tracks[0].moves
            moves = [None if move is None else _linear(f, (move,), chooses) for move in own]
        else:
            count = max([len(t.moves) for t in tracks])
            moves = [_along(f, tracks, k, chooses) for k in range(count)]
        made.append(Track(_linear(f, [t.value for t in tracks], chooses), tuple(moves)))
    return made


def _along(f, tracks, k, chooses):
    """How a linear function moves along one direction."""
    for t in tracks:
        if t.moves and t.moves[k] is not None:
            break
    else:
        return None
    moves = [zero(t.value) if not t.moves or (m := t.moves[k]) is None else m for t in tracks]
    return _linear(f, moves, chooses)


def multilinear_tracks(f, arrays):
    """A function that is linear in each array, track by track."""
    made = []
    for tracks in _fields(arrays):
        if tracks is None:
            made.append(None)
            continue
        values = [t.value for t in tracks]
        moves = [_moved(f, values, tracks, k) for k in range(max([len(t.moves) for t in tracks]))]
        made.append(Track(_multilinear(f, values), tuple(moves)))
    return made


def _moved(f, values, tracks, k):
    """The product rule: the sum over what moves, each in its own turn."""
    total = None
    for i, t in enumerate(tracks):
        if t.moves and t.moves[k] is not None:
            term = _multilinear(f, [*values[:i], t.moves[k], *values[i + 1 :]])
            total = term if total is None else total + term
    return total


def times(slope, moves):
    """How a function of one array with this slope moves."""
    return tuple(None if move is None else slope * move for move in moves)


def _linear(f, values, chooses):
    if isinstance(values[0], Gauss):
        return gauss.linear(f, *values, chooses=chooses)
    return np.asarray(f(*values), dtype=float)


def _multilinear(f, values):
    if isinstance(values[0], Gauss):
        return gauss.multilinear(f, values)
    return np.asarray(f(*values), dtype=float)


def zero(value):
    """Zeros in the place of a value."""
    if isinstance(value, Gauss):
        return gauss.zeros(value.shape, value.p)
    return np.zeros(value.shape)


def _fields(arrays):
    """The tracks of some arrays, field by field; None where one of them is not known."""
    for tracks in zip(*arrays, strict=True):
        yield None if any(t is None for t in tracks) else tracks
