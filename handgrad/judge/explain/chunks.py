"""Chunks: a gradient that adds up over rows hears of some of them alone.

Kernels take rows so many at a time. What a chunk gives for a matrix that all rows share is to be
added to what the others gave, and not to be put in its place.
"""

import numpy as np

from handgrad.judge.explain.operations import rank

PRODUCTS = {"dot_general"}


def overwritten(flow, _):
    """Through a product, only the last rows come back, or only the first."""
    for k, edge in enumerate(flow.tape.edges):
        node = flow.tape.nodes[edge.target]
        if node.kind not in PRODUCTS or edge.back.ndim < 2:
            continue
        for axis, size in enumerate(node.shape):
            spots = np.indices(node.shape)[axis].ravel()
            for count in range(1, size):
                for word, part in (("last", spots >= size - count), ("first", spots < count)):
                    says = (
                        f"is wrong: of what comes back through {node.name}, the {word} {count} of "
                        f"{size} along axis {axis} count alone: is the part of a chunk assigned, "
                        "and not added?"
                    )
                    yield (rank(node.kind), axis, count), says, _of_some(k, part)


def _of_some(k, part):
    """The change of the gradients when an edge pulls a part of what arrives alone."""

    def delta(flow):
        edge = flow.tape.edges[k]
        ct = flow.cts[edge.target]
        return flow.tape.onwards[edge.source] @ edge.pull(np.where(part, 0, -ct))

    return delta
