"""Values that backward forms again, as kernels do that keep sums alone: a mask is left out there.

The sums of the forward stay as they were, and what is formed of the inputs beside them is formed
with another mask.
"""

from functools import partial

import numpy as np

from handgrad.judge.explain.changes import shifted

SUMS = {"dot_general", "reduce_max", "reduce_sum"}  # what is kept of the forward
CHOICE = "select_n"


def formed_again(flow, _):
    """A mask is not applied again, or is another one by a place."""
    kept = flow.recorder.results(flow.point.inputs)
    for n, mask in enumerate(_masks(flow.recorder.steps, kept)):
        for order, (words, change) in enumerate(_other_masks(mask)):
            says = f"is wrong: where the values are formed again, a mask {words}"
            yield (order, n), says, _delta(n, change)


def undivided(flow, _):
    """What arrives at a quotient is not divided."""
    for b, node in enumerate(flow.tape.nodes):
        if node.kind == "div" and len(node.operands) == 2 and node.operands[1] is not None:
            divisor = flow.tape.nodes[node.operands[1]]
            says = f"is wrong: what arrives at {node.name} is not divided by {divisor.name}"
            yield (b,), says, _times_divisor(b, node.operands[1])


def _times_divisor(b, divisor):
    def delta(flow):
        node, value = flow.tape.nodes[b], flow.tape.nodes[divisor].value
        times = np.broadcast_to(value, node.shape).ravel() - 1
        return flow.tape.onwards[b] @ (flow.cts[b] * times)

    return delta


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


def _masks(steps, results):
    """The masks by which a program chooses, each once: those that are true here and false there."""
    found = []
    for step, (operands, _) in zip(steps, results, strict=True):
        if step.kind == CHOICE and operands[0].ndim and operands[0].dtype == bool:
            mixed = np.any(operands[0]) and not np.all(operands[0])
            if mixed and not any(np.array_equal(operands[0], mask) for mask in found):
                found.append(operands[0])
    return found


def _delta(n, change):
    """The change of the gradients when everything but sums is formed again with another mask."""

    def delta(flow):
        steps, kept = flow.recorder.steps, flow.recorder.results(flow.point.inputs)
        mask = _masks(steps, kept)[n]

        def forming(number, operands):
            step = steps[number]
            if step.kind in SUMS:
                return operands, kept[number][1]
            if step.kind == CHOICE and np.array_equal(operands[0], mask):
                operands = [change(mask), *operands[1:]]
            return operands, step.run(operands)

        tape = flow.recorder.tape(flow.point.inputs, forming)
        for edge, own in zip(tape.edges, flow.tape.edges, strict=True):
            edge.back = edge.back if np.any(own.back) else own.back
        return tape.of_inputs(tape.gradients(flow.point.dy)) - flow.right

    return delta
