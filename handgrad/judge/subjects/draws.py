"""Draws of random numbers: a layer that draws anew at each call is judged with the same draws."""

import copy
import random

import numpy as np

from handgrad.judge.libraries import random_states
from handgrad.judge.subjects.parameters import paths_to


class Draws:
    """The random states at one moment: those that are global, and of the generators in an object."""

    def __init__(self, root):
        self.everywhere = [restore for _, restore in random_states()]
        self.own = [(path, _state(g)) for path, g in paths_to(root, _is_generator)]

    def restore(self, root):
        """Put them back, in the object or in a copy of it."""
        for restore in self.everywhere:
            restore()
        for path, state in self.own:
            _put(path.found(root), state)


def _is_generator(value):
    return isinstance(value, np.random.Generator | np.random.RandomState | random.Random) or (
        type(value).__module__ == "torch._C" and type(value).__name__ == "Generator"
    )


def _state(generator):
    if isinstance(generator, np.random.Generator):
        return copy.deepcopy(generator.bit_generator.state)
    read = getattr(generator, "get_state", None) or generator.getstate
    return read()


def _put(generator, state):
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = copy.deepcopy(state)
    elif generator is not None:
        write = getattr(generator, "set_state", None) or generator.setstate
        write(state)
