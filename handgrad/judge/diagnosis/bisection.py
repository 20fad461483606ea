"""Bisection: in which block of a large gradient does the error lie?

Directions that move one block alone show whether its gradient is wrong, and a block is halved until
it is small: about 2 log₂ n evaluations of the forward (group testing, Dorfman, 1943).
"""

import numpy as np

from handgrad.judge.numbers import direction, project

SMALL = 8  # numbers


def guilty_block(trial):
    """A sentence on the smallest block that shows the error, or ""."""
    for i in trial.real:
        block = [slice(0, size) for size in trial.inputs[i].shape]
        if _is_wrong(trial, i, block):
            block = _halved_down(trial, i, block)
            shown = ", ".join(f"{s.start}:{s.stop}" for s in block)
            return f"the gradient of input {i} is wrong in the block [{shown}]"
    return ""


def _halved_down(trial, i, block):
    while np.prod([s.stop - s.start for s in block]) > SMALL:
        axis = int(np.argmax([s.stop - s.start for s in block]))
        for half in _halves(block, axis):
            if _is_wrong(trial, i, half):
                block = half
                break
        else:
            return block  # both halves together show what neither does alone
    return block


def _halves(block, axis):
    start, stop = block[axis].start, block[axis].stop
    middle = (start + stop) // 2
    for part in (slice(start, middle), slice(middle, stop)):
        yield [part if a == axis else s for a, s in enumerate(block)]


def _is_wrong(trial, i, block):
    u = direction(trial, "block", only=i)
    place = trial.real.index(i)
    masked = np.zeros_like(u[place])
    masked[tuple(block)] = u[place][tuple(block)]
    u[place] = masked
    found = project(trial, trial.grads, u)
    return found.known and not found.agrees
