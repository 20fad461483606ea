"""Operands: a product whose gradient is computed with another value than the one that was multiplied."""

from dataclasses import replace

import numpy as np

from handgrad.judge.diagnosis.operations import rank

PRODUCTS = {"dot_general", "mul"}


def operands(flow, _, point):
    """In the gradient of one factor, another value of the same shape stands for the other factor."""
    program, tape = point.truth.program, flow.tape
    if not hasattr(program, "back"):
        return
    for k, edge in enumerate(tape.edges):
        node = tape.nodes[edge.target]
        if node.kind not in PRODUCTS or len(node.operands) != 2:
            continue
        used = node.operands[1 - edge.place]
        if used is None:
            continue
        where, name = f"is wrong: in what comes back through {node.name}", tape.nodes[used].name
        if _is_square(tape.nodes[used].value):
            says = f"{where}, {name} is not transposed, or once too often"
            yield (rank(node.kind), -1), says, _with(program, k, used, None)
        for other in _like(tape, used):
            says = f"{where}, {tape.nodes[other].name} stands for {name}"
            yield (rank(node.kind), other), says, _with(program, k, used, other)


def _is_square(x):
    return x is not None and x.ndim == 2 and x.shape[0] == x.shape[1]


def _like(tape, used):
    """The other nodes of this shape."""
    shape, value = tape.nodes[used].shape, tape.nodes[used].value
    for k, node in enumerate(tape.nodes):
        if k != used and node.shape == shape and not np.array_equal(node.value, value):
            yield k


def _with(program, k, used, other):
    def delta(flow):
        edge, nodes = flow.tape.edges[k], flow.tape.nodes
        value = nodes[used].value.T if other is None else nodes[other].value
        back = program.back(flow.tape, edge, {used: value})
        ct = flow.cts[edge.target]
        changed = replace(edge, back=back).pull(ct)
        return flow.tape.onwards[edge.source] @ (changed - edge.pull(ct))

    return delta
