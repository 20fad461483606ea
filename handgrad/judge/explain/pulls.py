"""Pulls: what an edge may be taken to give back, in the place of its own Jacobian's product.

Each is (order, words, pull), where pull(flow, edge, ct) is what comes back for a gradient ct.
"""

import itertools
import math

import numpy as np

from handgrad.judge.explain import changes

PRODUCTS = {"conv_general_dilated", "dot_general", "mul", "div"}
CHOOSING = {"reduce_max", "reduce_min", "gather"}
CHOICES = {"select_n", "max", "min", "clamp"}


def slopes(tape, edge):
    """The derivative of an elementwise operation is taken for another, or masked by another."""
    if edge.back.ndim > 1:
        return
    node = tape.nodes[edge.target]
    for order, (words, slope) in enumerate(_slopes(tape, edge)):
        says = f"the derivative of {node.name} is taken {words}"
        if node.kind in CHOICES and order == 0:
            says = f"the mask of {node.name} is missing"
        yield order, says, lambda f, e, ct, s=slope: s(f.tape, e) * ct
    for n, other in enumerate(tape.nodes) if node.kind in CHOICES else ():
        if other.size == edge.back.size:
            says = f"the mask of {node.name} is taken as {other.name} > 0"
            yield 99 + n, says, lambda f, e, ct, n=n: (f.tape.nodes[n].value.ravel() > 0) * ct


def plain_slopes(tape, edge):
    """Those of them that no other value is needed for."""
    return itertools.islice(slopes(tape, edge), 3)


def _slopes(tape, edge):
    """(words, slope of an edge) that may be taken for its own."""
    yield "as 1: a factor is missing", lambda t, e: np.ones_like(e.back)
    yield "twice: it is squared", lambda t, e: e.back**2
    yield "inversely", lambda t, e: 1 / e.back
    for name, find in NEAR.items():
        n = find(tape, edge)
        if n is None or tape.nodes[n].size not in {1, edge.back.size}:
            continue
        for form, of in changes.FORMS.items():
            words = form.format(f"its {name}")

            def value(t, e, find=find, of=of):  # of each turn of a loop, its own
                n = find(t, e)
                return np.nan if n is None else of(t.nodes[n].value.ravel())

            yield f"as {words}", value
            yield f"with a factor {words} too many", lambda t, e, v=value: e.back * v(t, e)
            yield f"with a factor {words} missing", lambda t, e, v=value: e.back / v(t, e)


def _other_operand(tape, edge):
    others = (o for o in tape.nodes[edge.target].operands if o not in {None, edge.source})
    return next(others, None)


NEAR = {
    "input": lambda tape, edge: edge.source,
    "output": lambda tape, edge: edge.target,
    "other operand": _other_operand,
}


def chunks(tape, edge):
    """Through a product, only the last rows come back, or only the first."""
    node = tape.nodes[edge.target]
    for axis, size in enumerate(node.shape if node.kind == "dot_general" else ()):
        spots = np.indices(node.shape)[axis].ravel()
        for count in range(1, size):
            for word, part in (("last", spots >= size - count), ("first", spots < count)):
                says = (
                    f"of what comes back through {node.name}, the {word} {count} of {size} along "
                    f"axis {axis} count alone: is the part of a chunk assigned, and not added?"
                )
                order = node.size * axis + count
                yield order, says, lambda f, e, ct, part=part: e.pull(np.where(part, ct, 0))


def turned_factors(tape, edge):
    """The other factor of a product is transposed or flipped."""
    used = other_factor(tape, edge)
    if used is None:
        return
    name, shape = tape.nodes[used].name, tape.nodes[used].shape
    if len(shape) == 2 and shape[0] == shape[1]:
        yield -1, f"{name} is not transposed, or once too often", with_factor(np.transpose)
    several = [(axis,) for axis in range(len(shape))] + ([(-2, -1)] if len(shape) > 2 else [])
    for order, axes in enumerate(several):
        along = "the last two axes" if axes[1:] else f"axis {axes[0]}"
        pull = with_factor(lambda value, axes=axes: np.flip(value, axes))
        yield 50 + order, f"{name} is flipped along {along}", pull


def nothing(_, edge, ct):
    """Nothing comes back."""
    return 0 * edge.pull(ct)


def chosen(tape, edge):
    """What goes to the largest of some numbers, or to one that is looked up, goes to others."""
    source, node = tape.nodes[edge.source], tape.nodes[edge.target]
    if node.kind not in CHOOSING or edge.back.ndim < 2:
        return
    for axes in changes.some_axes(len(source.shape)):
        left = changes.reduced(source.shape, axes)
        if math.prod(left) == node.size < source.size:
            places = np.broadcast_to(np.arange(node.size).reshape(left), source.shape)
            among = places.reshape(-1, 1) == np.arange(node.size)
            if not np.any(edge.back[~among]):
                says = f"what comes back through {node.name} goes to"
                yield 0, f"{says} all but the right ones: is a mask inverted?", _to_others(among)
                yield 1, f"{says} every one: is a mask missing?", lambda f, e, ct, m=among: m @ ct


def _to_others(among):
    return lambda _, edge, ct: (among & (edge.back == 0)) @ ct


def transposed(tape, edge):
    """An operation that moves numbers along is run in the same direction as in the forward."""
    if edge.back.ndim == 2 and edge.back.shape[0] == edge.back.shape[1]:
        name = tape.nodes[edge.target].name
        says = f"{name} is run in the wrong direction, as in the forward: not reversed"
        yield 0, says, lambda f, e, ct: e.back.T @ ct


def other_factor(tape, edge):
    """The node that is the other factor of an edge's product, or None."""
    node = tape.nodes[edge.target]
    whole = node.kind in PRODUCTS and len(node.operands) == 2 and None not in node.operands
    return node.operands[1 - edge.place] if whole else None


def with_factor(change):
    """The pull of an edge whose product takes its other factor changed."""

    def pull(flow, edge, ct):
        values = [flow.tape.nodes[n].value for n in flow.tape.nodes[edge.target].operands]
        values[1 - edge.place] = change(values[1 - edge.place])
        number = flow.recorder.made_by[edge.target]
        return edge.pull(ct, flow.recorder.back(number, edge.place, 0, values))

    return pull


def with_node(n):
    """The pull of an edge whose product takes the value of a node for its other factor."""
    return lambda f, e, ct: with_factor(lambda _: f.tape.nodes[n].value)(f, e, ct)
