"""Values that backward forms again, as kernels do that keep sums alone: with another mask.

The sums of the forward stay as they were; what is formed of the inputs beside them is formed anew.
"""

from functools import partial

import numpy as np

from handgrad.judge.explain.changes import shifted
from handgrad.judge.explain.flow import Change

SUMS = {"dot_general", "reduce_max", "reduce_sum"}  # what is kept of the forward
CHOICE = "select_n"


def formed_again(flow, _):
    """A mask is not applied again, or is another one by a place."""
    for n, mask in enumerate(_masks(flow)):
        for order, (words, change) in enumerate(_other_masks(mask)):
            says = f"is wrong: where the values are formed again, a mask {words}"
            yield (order, n), says, Change(partial(_delta, n=n, change=change))


def _other_masks(mask):
    """(words, change) for each mask that may be taken for another."""
    yield "is not applied", np.ones_like
    for axis in range(mask.ndim):
        for steps, side in (((1, -1), ""), ((1,), " on one side"), ((-1,), " on one side")):
            for words, together in (("wide", np.logical_or), ("narrow", np.logical_and)):
                says = f"is a place too {words}{side} along axis {axis}"
                yield says, partial(_moved, together, steps, axis)


def _moved(together, steps, axis, mask):
    return together.reduce([mask, *(shifted(mask, step, axis) for step in steps)])


def _masks(flow):
    """The masks by which a program chooses, each once: those that are true here and false there."""
    found, values = [], flow.slots
    for step in flow.recorder.steps:
        mask = values[step.inputs[0]] if step.kind == CHOICE else np.zeros(())
        mixed = mask.dtype == bool and np.any(mask) and not np.all(mask)
        if mixed and not any(np.array_equal(mask, other) for other in found):
            found.append(mask)
    return found


def _delta(flow, n, change):
    """The change of the gradients when everything but sums is formed again with another mask."""
    steps, kept, mask = flow.recorder.steps, flow.slots, _masks(flow)[n]

    def forming(number, operands):
        step = steps[number]
        if step.kind in SUMS:
            return operands, [kept[slot] for slot in step.outputs]
        if step.kind == CHOICE and np.array_equal(operands[0], mask):
            operands = [change(mask), *operands[1:]]
        return operands, step.run(operands)

    tape = flow.recorder.tape(flow.point.inputs, forming)
    for edge, own in zip(tape.edges, flow.tape.edges, strict=True):
        edge.back = edge.back if np.any(own.back) else own.back
    return tape.of_inputs(tape.gradients(flow.point.dy)) - flow.right
