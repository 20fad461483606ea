"""Pulls: what an edge may be taken to give back, in the place of its own Jacobian.

Each is (order, words, pull), where pull(flow, edge, ct) is what comes back for a gradient ct.
"""

import numpy as np

from handgrad.judge.explain import changes

PRODUCTS = {"conv_general_dilated", "dot_general", "mul", "div"}
CHOICES = {"select_n", "max", "min", "clamp"}


def other_slopes(tape, edge):
    """(order, words, pull) of the derivatives for which that of an edge may be taken."""
    if edge.back.ndim > 1:
        return
    node = tape.nodes[edge.target]
    for order, (words, slope) in enumerate(_slopes(tape, edge)):
        says = f"the derivative of {node.name} is taken {words}"
        if node.kind in CHOICES and order == 0:
            says = f"the mask of {node.name} is missing"
        yield order, says, lambda f, e, ct, s=slope: s(f.tape, e) * ct


def _slopes(tape, edge):
    """(words, slope of an edge) that may be taken for its own."""
    yield "as 1: a factor is missing", lambda t, e: np.ones_like(e.back)
    yield "twice: it is squared", lambda t, e: e.back**2
    yield "inversely", lambda t, e: 1 / e.back
    for name, near in (("input", _source), ("output", _target), ("other operand", _other)):
        n = near(tape, edge)
        if n is None or tape.nodes[n].size not in (1, edge.back.size):
            continue
        for form, of in changes.FORMS.items():
            words = form.format(f"its {name}")

            def value(t, e, of=of, near=near):
                return of(t.nodes[near(t, e)].value.ravel())

            yield f"as {words}", value
            yield f"with a factor {words} too many", lambda t, e, v=value: e.back * v(t, e)
            yield f"with a factor {words} missing", lambda t, e, v=value: e.back / v(t, e)


def _source(_, edge):
    return edge.source


def _target(_, edge):
    return edge.target


def _other(tape, edge):
    """The node that is the other operand of an edge's operation, or None."""
    others = (o for o in tape.nodes[edge.target].operands if o not in {None, edge.source})
    return next(others, None)


def other_factor(tape, edge):
    """The node that is the other factor of an edge's product, or None."""
    node = tape.nodes[edge.target]
    whole = node.kind in PRODUCTS and len(node.operands) == 2 and None not in node.operands
    return node.operands[1 - edge.place] if whole else None


def turned_factors(tape, edge):
    """(order, words, pull) for the other factor of an edge's product, transposed or flipped."""
    used = other_factor(tape, edge)
    if used is None:
        return
    name, shape = tape.nodes[used].name, tape.nodes[used].shape
    if len(shape) == 2 and shape[0] == shape[1]:
        words = f"{name} is not transposed, or once too often"
        yield -1, words, with_factor(lambda t, e: t.nodes[other_factor(t, e)].value.T)
    several = [(axis,) for axis in range(len(shape))] + ([(-2, -1)] if len(shape) > 2 else [])
    for order, axes in enumerate(several):
        words = f"{name} is flipped along " + (
            "the last two axes" if axes[1:] else f"axis {axes[0]}"
        )
        flipped = with_factor(lambda t, e, a=axes: np.flip(t.nodes[other_factor(t, e)].value, a))
        yield 50 + order, words, flipped


def with_factor(taken):
    """The pull of an edge whose product takes another value for its other factor."""

    def pull(flow, edge, ct):
        values = [flow.tape.nodes[n].value for n in flow.tape.nodes[edge.target].operands]
        values[1 - edge.place] = taken(flow.tape, edge)
        number = flow.recorder.made_by[edge.target]
        return edge.pull(ct, flow.recorder.back(number, edge.place, 0, values))

    return pull
