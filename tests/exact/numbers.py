"""Random exact numbers for tests."""

import contextlib

import numpy as np

from handgrad.common.random import generator
from handgrad.exact.draw import Draw
from handgrad.exact.moves import moving, random_array


@contextlib.contextmanager
def a_draw(levels=2, seed=0):
    """A draw with some fields, running."""
    with Draw(generator(seed, "test"), levels).running() as draw:
        yield draw


def numbers(*shape, seed=0, positive=False):
    """Random exact numbers beside normal ones, or positive ones."""
    real = np.random.default_rng(seed).normal(size=shape)
    return random_array(np.abs(real) + 0.5 if positive else real)


def moved(*shape, seed=0, positive=False):
    """The same, moving along a random direction."""
    return moving(numbers(*shape, seed=seed, positive=positive), numbers(*shape, seed=seed + 100))
