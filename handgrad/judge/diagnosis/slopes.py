"""Slopes: an operation on single numbers whose derivative is taken for another, or masked by another."""

import numpy as np

from handgrad.judge.diagnosis.operations import rank

CHOICES = {"select_n", "where"}
MASKED = CHOICES | {"max", "relu", "clamp"}


def slopes(flow, *_):
    """The derivative of an operation on single numbers is taken for another."""
    for k, edge in enumerate(flow.tape.edges):
        if edge.back.ndim > 1:
            continue
        node = flow.tape.nodes[edge.target]
        for order, (words, slope) in enumerate(_slopes(flow.tape, edge)):
            says = f"is wrong: the derivative of {node.name} is taken {words}"
            if node.kind in CHOICES and order == 0:
                says = f"is wrong: the mask of {node.name} is missing"
            yield (order, rank(node.kind)), says, _sloped(k, slope)


def _slopes(tape, edge):
    """(words, slope of an edge) that may be taken for its own."""
    yield "as 1: a factor is missing", lambda t, e: np.ones_like(e.back)
    yield "twice: it is squared", lambda t, e: e.back**2
    yield "inversely", lambda t, e: 1 / e.back
    named = [("its input", edge.source), ("its output", edge.target)]
    named += [
        ("its other operand", o)
        for o in tape.nodes[edge.target].operands
        if o is not None and o != edge.source
    ]
    for name, node in named:
        if tape.nodes[node].value is None or tape.nodes[node].size not in (1, edge.back.size):
            continue
        for form, of in FORMS.items():
            words = form.format(name)
            yield f"as {words}", lambda t, e, n=node, of=of: of(t.nodes[n].value.ravel())
            yield (
                f"with a factor {words} too many",
                lambda t, e, n=node, of=of: e.back * of(t.nodes[n].value.ravel()),
            )
            yield (
                f"with a factor {words} missing",
                lambda t, e, n=node, of=of: e.back / of(t.nodes[n].value.ravel()),
            )


FORMS = {
    "{}": lambda v: v,
    "−{}": lambda v: -v,
    "1 − {}": lambda v: 1 - v,
    "{}²": lambda v: v * v,
    "1 − {}²": lambda v: 1 - v * v,
    "{0} (1 − {0})": lambda v: v * (1 - v),
    "√{}": np.sqrt,
    "the mask {} > 0": lambda v: (v > 0) * 1.0,
    "the sign of {}": np.sign,
}


def masks(flow, *_):
    """A mask is taken of another value than the one that the forward masks."""
    for k, edge in enumerate(flow.tape.edges):
        node = flow.tape.nodes[edge.target]
        if node.kind in MASKED and edge.back.ndim == 1:
            for n, other in enumerate(flow.tape.nodes):
                if other.value is not None and other.size == edge.back.size:
                    says = f"is wrong: the mask of {node.name} is taken as {other.name} > 0"
                    yield (n == edge.source, n), says, _sloped(k, _mask_of(n))


def _mask_of(n):
    return lambda tape, edge: (tape.nodes[n].value.ravel() > 0) * 1.0


def _sloped(k, slope):
    def delta(flow):
        edge = flow.tape.edges[k]
        with np.errstate(all="ignore"):
            changed = slope(flow.tape, edge) - edge.back
        if not np.all(np.isfinite(changed)):
            return None
        return flow.tape.onwards[edge.source] @ (changed * flow.cts[edge.target])

    return delta
