"""Shrinking: the smallest shapes and the roundest numbers at which the same thing is still wrong."""

import numpy as np

from handgrad.judge.domains import recognized
from handgrad.judge.explain.budget import OutOfTimeError
from handgrad.judge.explain.literals import LONG, drawing, drawings
from handgrad.judge.libraries import is_floating
from handgrad.judge.sizes import resized, sizes_of

TRIES = 40


def shrunk(inputs, fails, budget):
    """Smaller and rounder inputs for which `fails(inputs)` still holds (Zeller and Hildebrandt, 2002)."""
    ask = _Asked(fails, budget)
    for change in (_smaller_sizes, _rounder_numbers, _drawn_numbers):
        inputs = change(inputs, ask)
    return inputs


class _Asked:
    """The question whether inputs fail, which may be asked so often, so long, and no more."""

    def __init__(self, fails, budget):
        self.fails, self.budget, self.left = fails, budget, TRIES

    def __call__(self, inputs):
        try:
            self.budget.spend()
        except OutOfTimeError:
            self.left = 0
        if self.left == 0:
            return False
        self.left -= 1
        return self.fails(inputs)


def _smaller_sizes(inputs, fails):
    """Every size as small as it may be, the largest first."""
    for size in reversed(sizes_of(inputs)):
        for new in (1, 2, 3):
            if new < size and fails(smaller := resized(inputs, {size: new})):
                inputs = smaller
                break
    return inputs


def _rounder_numbers(inputs, fails):
    """Every input as simple as it may be: one number, integers, or few digits."""
    for i, x in enumerate(inputs):
        for simple in _simpler(x) if x.size <= LONG else ():
            changed = (*inputs[:i], simple.astype(x.dtype), *inputs[i + 1 :])
            if not np.array_equal(simple, x) and fails(changed):
                inputs = changed
                break
    return inputs


def _simpler(x):
    if not is_floating(x.dtype):
        yield np.zeros_like(x)
        return
    if recognized(x).name != "real":
        return
    wide = x.astype(float)
    yield np.ones(x.shape)
    yield 1.0 + np.arange(x.size).reshape(x.shape)
    yield np.zeros(x.shape)
    yield np.rint(wide)
    yield np.rint(2 * wide) / 2
    yield np.round(wide, 1)
    yield np.round(wide, 3)


def _drawn_numbers(inputs, fails):
    """Large arrays that a short expression draws, each in its first, second or third way."""
    if all(x.size <= LONG or drawing(x) for x in inputs):
        return inputs
    ways = [[array for _, array in drawings(x)] if x.size > LONG else [x] for x in inputs]
    for which in range(3):
        changed = tuple(arrays[min(which, len(arrays) - 1)] for arrays in ways)
        if fails(changed):
            return changed
    return inputs
