"""Places × changes: an operation of the forward whose derivative is taken otherwise.

A place is a node or an edge of the tape: what arrives there is changed, and flows on to the inputs.
If what comes out is the wrong gradient, that place is where the error is. One loop tries them all.
"""

import itertools

import numpy as np

from handgrad.judge.explain import changes
from handgrad.judge.explain.again import formed_again, undivided
from handgrad.judge.explain.chunks import overwritten
from handgrad.judge.explain.factors import named
from handgrad.judge.explain.operations import rank
from handgrad.judge.explain.points import EXACT
from handgrad.judge.explain.sums import sums, sums_together
from handgrad.judge.explain.words import input_name
from handgrad.judge.trial import largest

WEIGHTS = {0.0: "dropped", -1.0: "of the wrong sign", 2.0: "counted twice", 0.5: "halved"}
PAIRS = 300  # of paths that are dropped together
PRODUCTS = {"dot_general", "mul", "div"}
CHOICES = {"select_n", "max", "min", "clamp"}
PICKS = {"gather", "dynamic_slice", "slice"}


def explain(flows, which, budget):
    """(guilty inputs, words) of the most telling place and change; ([], "") if none explains it."""
    flow, telling = flows[0], []
    parts = [flow.parts[i] for i in which]
    part = np.r_[tuple(parts)]
    for family in FAMILIES:
        for order, words, delta in family(flow, part):
            budget.spend()
            with np.errstate(all="ignore"):
                change = delta(flow)
            if change is not None and flow.left(change, part) <= EXACT:
                telling.append((order, len(telling), words, delta))
        for _, _, words, delta in sorted(telling, key=lambda t: t[:2]):
            if all(_holds(other, delta, part) for other in flows[1:]):
                return _touched(flow, delta(flow), which), words
        telling.clear()
    return [], ""


def _holds(flow, delta, part):
    with np.errstate(all="ignore"):
        change = delta(flow)
    return change is not None and flow.left(change, part) <= EXACT


def _touched(flow, change, which):
    return [i for i in which if largest(change[flow.parts[i]]) > flow.accuracy] or which


def weights(flow, part):
    """One path has another weight: it is dropped, counted twice, of the wrong sign, N times there."""
    for words, order, delta in _paths(flow.tape):
        c = flow.weight(delta(flow), part)
        if abs(c) > 1e-8:
            says = _weighed(1 + c, words, flow.point.trial)
            yield (abs(1 + c) > 1e-6, *order), says, lambda f, d=delta, c=c: c * d(f)


def _weighed(weight, words, trial):
    for known, word in WEIGHTS.items():
        if abs(weight - known) < 1e-6:
            lacks = "lacks a term" if known == 0 else "has a term that is wrong"
            return f"{lacks}: {words} is {word}"
    return f"has a term that is wrong: {words} is there {named(weight, trial)} times"


def _paths(tape):
    """(words, order, what the path adds) for every edge, and every node with several operands."""
    for k, edge in enumerate(tape.edges):
        target, source = tape.nodes[edge.target], tape.nodes[edge.source]
        alone = len(tape.into[edge.target]) == 1
        words = f"the path through {target.name}"
        words = words if alone else f"the path from {source.name} into {target.name}"
        yield words, (rank(target.kind), not alone), _through_edge(k)
    for b, node in enumerate(tape.nodes):
        if len(tape.into[b]) > 1:
            words = f"the path through {node.name}"
            yield words, (rank(node.kind), True), lambda f, b=b: f.tape.onwards[b] @ f.cts[b]


def _through_edge(k, change=None):
    """The change of the gradients when an edge pulls otherwise; what it pulls, for no change."""

    def delta(flow):
        edge = flow.tape.edges[k]
        pulled = edge.pull(flow.cts[edge.target])
        moved = pulled if change is None else change(flow, edge, pulled) - pulled
        return flow.tape.onwards[edge.source] @ moved

    return delta


def _reweighed(weights_of):
    def delta(flow):
        cts = flow.tape.gradients(flow.point.dy, weights_of)
        return flow.tape.of_inputs(cts) - flow.right

    return delta


def derivatives(flow, _):
    """The derivative of an elementwise operation is taken for another, or masked by another."""
    for k, edge in enumerate(flow.tape.edges):
        if edge.back.ndim > 1:
            continue
        node = flow.tape.nodes[edge.target]
        for order, (words, slope) in enumerate(_slopes(flow.tape, edge)):
            says = f"is wrong: the derivative of {node.name} is taken {words}"
            if node.kind in CHOICES and order == 0:
                says = f"is wrong: the mask of {node.name} is missing"
            yield (
                (order, rank(node.kind)),
                says,
                _through_edge(k, lambda f, e, _, s=slope: s(f.tape, e) * f.cts[e.target]),
            )
        if node.kind in CHOICES:
            for n, other in enumerate(flow.tape.nodes):
                if other.size == edge.back.size:
                    says = f"is wrong: the mask of {node.name} is taken as {other.name} > 0"
                    yield (
                        (99, n),
                        says,
                        _through_edge(
                            k,
                            lambda f, e, _, n=n: (
                                (f.tape.nodes[n].value.ravel() > 0) * f.cts[e.target]
                            ),
                        ),
                    )


def _slopes(tape, edge):
    """(words, slope of an edge) that may be taken for its own."""
    yield "as 1: a factor is missing", lambda t, e: np.ones_like(e.back)
    yield "twice: it is squared", lambda t, e: e.back**2
    yield "inversely", lambda t, e: 1 / e.back
    named_values = [("its input", edge.source), ("its output", edge.target)]
    operands_of = tape.nodes[edge.target].operands
    named_values += [("its other operand", o) for o in operands_of if o not in {None, edge.source}]
    for name, n in named_values:
        if tape.nodes[n].size not in (1, edge.back.size):
            continue
        for form, of in changes.FORMS.items():
            words = form.format(name)
            yield f"as {words}", lambda t, e, n=n, of=of: of(t.nodes[n].value.ravel())
            yield (
                f"with a factor {words} too many",
                lambda t, e, n=n, of=of: e.back * of(t.nodes[n].value.ravel()),
            )
            yield (
                f"with a factor {words} missing",
                lambda t, e, n=n, of=of: e.back / of(t.nodes[n].value.ravel()),
            )


def turned(flow, _):
    """An operation that moves numbers along is run in the same direction as in the forward."""
    for k, edge in enumerate(flow.tape.edges):
        if edge.back.ndim == 2 and edge.back.shape[0] == edge.back.shape[1]:
            name = flow.tape.nodes[edge.target].name
            words = (
                f"is wrong: {name} is run in the wrong direction, as in the forward: not reversed"
            )
            yield (k,), words, _through_edge(k, lambda f, e, _: e.back.T @ f.cts[e.target])


def contents(flow, _):
    """What arrives at a node, or goes along an edge, is rearranged, summed, masked or scaled."""
    tape = flow.tape
    for b, node in enumerate(tape.nodes):
        if node.size < 2:
            continue
        for order, (words, change) in enumerate(changes.every(node.shape)):
            says = f"is wrong: what arrives at {node.name} is {words}"
            yield (order, rank(node.kind)), says, _at_node(b, change)
        for i in tape.inputs:
            yield from _weighted_by(flow, b, node, i)
    for k, edge in enumerate(tape.edges):
        if len(tape.into[edge.target]) < 2:
            continue
        source, target = tape.nodes[edge.source], tape.nodes[edge.target]
        for order, (words, change) in enumerate(changes.every(source.shape)):
            says = f"is wrong: what goes from {target.name} back to {source.name} is {words}"
            shaped = _through_edge(
                k, lambda f, e, g, c=change, s=source.shape: np.ravel(c(g.reshape(s)))
            )
            yield (order, rank(target.kind)), says, shaped


def _at_node(b, change):
    def delta(flow):
        ct, node = flow.cts[b], flow.tape.nodes[b]
        changed = np.ravel(change(ct.reshape(node.shape)))
        return flow.tape.onwards[b] @ (changed - ct)

    return delta


def _weighted_by(flow, b, node, i):
    """An input is a factor too many, or missing, in what arrives at a node."""
    shape = flow.point.inputs[i].shape
    try:
        fits = len(shape) > 0 and np.broadcast_shapes(shape, node.shape) == node.shape
    except ValueError:
        return
    if not fits:
        return
    name = input_name(flow.point.trial, i)
    for power, word in ((1, "too many"), (-1, "missing")):
        words = f"is wrong: what arrives at {node.name} has a factor {name} {word}"
        yield (
            (9, rank(node.kind)),
            words,
            lambda f, p=power: (
                f.tape.onwards[b]
                @ (f.cts[b] * (np.broadcast_to(f.point.inputs[i], node.shape).ravel() ** p - 1))
            ),
        )


def operands(flow, _):
    """In the gradient of one factor, another value stands for the other factor, or it is transposed."""
    tape = flow.tape
    for k, edge in enumerate(tape.edges):
        node = tape.nodes[edge.target]
        if node.kind not in PRODUCTS or len(node.operands) != 2:
            continue
        used = node.operands[1 - edge.place]
        if used is None:
            continue
        where, name = f"is wrong: in what comes back through {node.name}", tape.nodes[used].name
        shape = tape.nodes[used].shape
        if len(shape) == 2 and shape[0] == shape[1]:
            words = f"{where}, {name} is not transposed, or once too often"
            yield (rank(node.kind), -1), words, _with_operand(k, used, used, np.transpose)
        for axis in range(len(shape)):
            words = f"{where}, {name} is flipped along axis {axis}"
            flip = _with_operand(k, used, used, lambda v, a=axis: np.flip(v, a))
            yield (rank(node.kind), 50 + axis), words, flip
        for n, other in enumerate(tape.nodes):
            if n != used and other.shape == shape:
                words = f"{where}, {other.name} stands for {name}"
                yield (rank(node.kind), n), words, _with_operand(k, used, n, lambda v: v)


def _with_operand(k, used, other, change):
    def delta(flow):
        tape, edge = flow.tape, flow.tape.edges[k]
        node = tape.nodes[edge.target]
        if None in node.operands:
            return None
        values = [tape.nodes[n].value for n in node.operands]
        values[1 - edge.place] = change(tape.nodes[other].value)
        number = flow.recorder.number_of(edge.target)
        back = flow.recorder.back(number, edge.place, 0, values)
        ct = flow.cts[edge.target]
        return tape.onwards[edge.source] @ (edge.pull(ct, back) - edge.pull(ct))

    return delta


def assigned(flow, _):
    """Where a number is taken several times, its gradients are not added up."""
    taken = {}
    for k, edge in enumerate(flow.tape.edges):
        if flow.tape.nodes[edge.target].kind in PICKS and edge.back.ndim > 1:
            taken.setdefault(edge.source, []).append(k)
    for source, ks in taken.items():
        target = flow.tape.nodes[flow.tape.edges[ks[0]].target]
        way = f"from {target.name} back to {flow.tape.nodes[source].name}"
        for which, last in (("last", True), ("first", False)):
            words = f"is wrong: what goes {way} is assigned, and not added: the {which} one stays"
            yield (rank(target.kind), not last), words, _alone(ks, last=last)


def _alone(ks, *, last):
    """The change of the gradients when each number of a source hears from one of its uses alone."""

    def delta(flow):
        edges = [flow.tape.edges[k] for k in ks]
        back = np.concatenate([edge.back for edge in edges], axis=1)
        places = np.arange(back.shape[1])
        used = np.where(back != 0, places, -1 if last else len(places))
        chosen = np.max(used, axis=1) if last else np.min(used, axis=1)
        others = back * (places != chosen[:, None])
        ct = np.concatenate([flow.cts[edge.target] for edge in edges])
        return -flow.tape.onwards[edges[0].source] @ (others @ ct)

    return delta


def pairs(flow, part):
    """Two paths are dropped together, or of the wrong sign."""
    distinct = []
    for k in range(len(flow.tape.edges)):
        term = _through_edge(k)(flow)[part]
        if np.any(term) and not any(np.allclose(term, other, rtol=1e-9) for _, other in distinct):
            distinct.append((k, term))
    for (a, _), (b, _) in itertools.islice(itertools.combinations(distinct, 2), PAIRS):
        nodes = [flow.tape.nodes[flow.tape.edges[k].target] for k in (a, b)]
        where = "the paths through " + " and ".join(n.name for n in nodes)
        order = (sum(rank(n.kind) for n in nodes),)
        yield order, f"lacks terms: {where} are dropped", _reweighed({a: 0.0, b: 0.0})
        words = f"has terms that are wrong: {where} are of the wrong sign"
        yield order, words, _reweighed({a: -1.0, b: -1.0})


FAMILIES = (
    weights,
    derivatives,
    assigned,
    overwritten,
    sums,
    undivided,
    formed_again,
    pairs,
    operands,
    turned,
    contents,
    sums_together,
)
