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
from handgrad.judge.explain.flow import together
from handgrad.judge.explain.operations import rank
from handgrad.judge.explain.points import EXACT
from handgrad.judge.explain.pulls import (
    CHOICES,
    other_factor,
    other_slopes,
    turned_factors,
    with_factor,
)
from handgrad.judge.explain.sums import sums, sums_together
from handgrad.judge.explain.words import input_name
from handgrad.judge.trial import largest

WEIGHTS = {0.0: "dropped", -1.0: "of the wrong sign", 2.0: "counted twice", 0.5: "halved"}
PAIRS = 300  # of paths that are dropped together
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
    lacks = "lacks a term" if abs(weight) < 1e-6 else "has a term that is wrong"
    return f"{lacks}: {words} is {_there(weight, trial)}"


def _there(weight, trial):
    """A weight in words that go on from *the path is*."""
    known = (word for value, word in WEIGHTS.items() if abs(weight - value) < 1e-6)
    return next(known, f"there {named(weight, trial)} times")


def _weighed_by(times):
    return _rerouted({k: lambda _, e, ct, w=w: w * e.pull(ct) for k, w in times.items()})


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
        moved = pulled if change is None else change(flow, edge, flow.cts[edge.target]) - pulled
        return flow.tape.onwards[edge.source] @ moved

    return delta


def _rerouted(changes_of):
    """The change of the gradients when some edges, by number, pull otherwise, all at once."""

    def delta(flow):
        def pull(change):
            return lambda edge, ct: change(flow, edge, ct)

        pulls = {k: pull(change) for k, change in changes_of.items()}
        return flow.tape.of_inputs(flow.tape.gradients(flow.point.dy, pulls)) - flow.right

    return delta


def derivatives(flow, _):
    """The derivative of an elementwise operation is taken for another, or masked by another."""
    for k, edge in enumerate(flow.tape.edges):
        node = flow.tape.nodes[edge.target]
        for order, words, pull in other_slopes(flow.tape, edge):
            says = f"is wrong: {words}"
            yield (order, rank(node.kind)), says, _through_edge(k, pull)
        if edge.back.ndim == 1 and node.kind in CHOICES:
            for n, other in enumerate(flow.tape.nodes):
                if other.size == edge.back.size:
                    says = f"is wrong: the mask of {node.name} is taken as {other.name} > 0"
                    yield (
                        (99, n),
                        says,
                        _through_edge(
                            k, lambda f, _, ct, n=n: (f.tape.nodes[n].value.ravel() > 0) * ct
                        ),
                    )


def turned(flow, _):
    """An operation that moves numbers along is run in the same direction as in the forward."""
    for k, edge in enumerate(flow.tape.edges):
        if edge.back.ndim == 2 and edge.back.shape[0] == edge.back.shape[1]:
            name = flow.tape.nodes[edge.target].name
            words = (
                f"is wrong: {name} is run in the wrong direction, as in the forward: not reversed"
            )
            yield (k,), words, _through_edge(k, lambda _, e, ct: e.back.T @ ct)


def contents(flow, _):
    """What arrives at a node, or goes along an edge, is rearranged, summed, masked or scaled."""
    tape = flow.tape
    for b, node in enumerate(tape.nodes):
        if node.size < 2:
            continue
        for order, (words, change) in enumerate(changes.every(node.shape)):
            says = f"is wrong: what arrives at {node.name} is {words}"
            yield (order, rank(node.kind)), says, _at_node(b, change)
        for words, factor in _factors_of_inputs(flow, node.shape):
            says = f"is wrong: what arrives at {node.name} {words}"
            yield (9, rank(node.kind)), says, _scaled_at(b, factor)
    for k, edge in enumerate(tape.edges):
        if len(tape.into[edge.target]) < 2:
            continue
        source, target = tape.nodes[edge.source], tape.nodes[edge.target]
        for order, (words, change) in enumerate(changes.every(source.shape)):
            says = f"is wrong: what goes from {target.name} back to {source.name} is {words}"
            yield (order, rank(target.kind)), says, _through_edge(k, _shaped(source.shape, change))
        for words, factor in _factors_of_inputs(flow, source.shape):
            says = f"is wrong: what goes from {target.name} back to {source.name} {words}"
            pull = _shaped(source.shape, lambda g, f, factor=factor: g * factor(f), given=True)
            yield (9, rank(target.kind)), says, _through_edge(k, pull)


def _shaped(shape, change, *, given=False):
    """The pull of an edge whose result is changed as an array."""

    def pull(flow, edge, ct):
        pulled = edge.pull(ct).reshape(shape)
        return np.ravel(change(pulled, flow) if given else change(pulled))

    return pull


def _at_node(b, change):
    def delta(flow):
        ct, node = flow.cts[b], flow.tape.nodes[b]
        changed = np.ravel(change(ct.reshape(node.shape)))
        return flow.tape.onwards[b] @ (changed - ct)

    return delta


def _scaled_at(b, factor):
    return lambda flow: _at_node(b, lambda g: g * factor(flow))(flow)


def _factors_of_inputs(flow, shape):
    """(words, factor at a flow) for each input that may be a factor too many, or missing."""
    for i in flow.tape.inputs:
        inner = flow.point.inputs[i].shape
        try:
            fits = len(inner) > 0 and np.broadcast_shapes(inner, shape) == shape
        except ValueError:
            continue
        name = input_name(flow.point.trial, i)
        for power, word in ((1.0, "too many"), (-1.0, "missing")) if fits else ():
            yield f"has a factor {name} {word}", lambda f, i=i, p=power: f.point.inputs[i] ** p


def operands(flow, _):
    """In the gradient of one factor, another value stands for the other factor, or it is transposed."""
    tape = flow.tape
    for k, edge in enumerate(tape.edges):
        node = tape.nodes[edge.target]
        for order, words, pull in turned_factors(tape, edge):
            says = f"is wrong: in what comes back through {node.name}, {words}"
            yield (rank(node.kind), order), says, _through_edge(k, pull)
        used = other_factor(tape, edge)
        for n, other in enumerate(tape.nodes) if used is not None else ():
            if n != used and other.shape == tape.nodes[used].shape:
                says = f"in what comes back through {node.name}, {other.name} stands for "
                says = f"is wrong: {says}{tape.nodes[used].name}"
                pull = with_factor(lambda t, _, n=n: t.nodes[n].value)
                yield (rank(node.kind), n), says, _through_edge(k, pull)


def loops(flow, _):
    """All turns of a loop are wrong in the same way, or take each other's factors."""
    tape = flow.tape
    for turns in _turns(tape):
        edge = tape.edges[turns[0]]
        node = tape.nodes[edge.target]
        for order, words, pull in (*other_slopes(tape, edge), *turned_factors(tape, edge)):
            says = f"is wrong: {words}, and likewise {len(turns)} times in all"
            yield (order, rank(node.kind)), says, _rerouted(dict.fromkeys(turns, pull))
        factors = [other_factor(tape, tape.edges[k]) for k in turns[::-1]]
        if None not in factors:
            says = f"in what comes back through {node.name} and {len(turns) - 1} others like it"
            says = f"is wrong: {says}, their factors are taken in reverse: is it flipped?"
            taken = [with_factor(lambda t, _, n=n: t.nodes[n].value) for n in factors]
            reverse = dict(zip(turns, taken, strict=True))
            yield (60, rank(node.kind)), says, _rerouted(reverse)


def _turns(tape):
    """The edges, by number, of operations that are alike: those of a loop that was unrolled."""
    alike = {}
    for k, edge in enumerate(tape.edges):
        node, source = tape.nodes[edge.target], tape.nodes[edge.source]
        whole = tuple(o is None for o in node.operands)
        key = node.kind, edge.place, node.shape, source.shape, edge.back.shape, whole
        alike.setdefault(key, []).append(k)
    return [turns for turns in alike.values() if len(turns) > 1]


def one_use(flow, _):
    """Of several uses of a value, one alone counts."""
    tape = flow.tape
    for n, node in enumerate(tape.nodes):
        ks = [k for k, edge in enumerate(tape.edges) if edge.source == n]
        for turn, k in enumerate(ks) if len(ks) > 2 else ():
            which = {0: "first", len(ks) - 1: "last"}.get(turn, f"{turn + 1}.")
            says = (
                f"is wrong: of the {len(ks)} uses of {node.name}, the {which} one alone counts: "
                "is the gradient of each assigned, and not added to the others?"
            )
            others = [_through_edge(other) for other in ks if other != k]
            without = together(others, [-1] * len(others))
            yield (turn not in {0, len(ks) - 1}, turn), says, without


def assigned(flow, _):
    """Where a number is taken several times, its gradients are not added up."""
    taken = {}
    for k, edge in enumerate(flow.tape.edges):
        if flow.tape.nodes[edge.target].kind in PICKS and edge.back.ndim > 1:
            taken.setdefault(edge.source, []).append(k)
    for source, ks in taken.items():
        target = flow.tape.nodes[flow.tape.edges[ks[0]].target]
        way = f"from {target.name} back to {flow.tape.nodes[source].name}"
        for uses in (ks, *([[k] for k in ks] if len(ks) > 1 else ())):
            for which, last in (("last", True), ("first", False)):
                words = f"what goes {way} is assigned, and not added: the {which} one stays"
                yield (rank(target.kind), not last), f"is wrong: {words}", _alone(uses, last=last)


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
    """Two paths are dropped together, or have other weights, each its own."""
    distinct = []
    for k in range(len(flow.tape.edges)):
        term = _through_edge(k)(flow)[part]
        if np.any(term) and not any(np.allclose(term, other, rtol=1e-9) for _, other in distinct):
            distinct.append((k, term))
    for (a, s), (b, t) in itertools.islice(itertools.combinations(distinct, 2), PAIRS):
        nodes = [flow.tape.nodes[flow.tape.edges[k].target] for k in (a, b)]
        where = "the paths through " + " and ".join(n.name for n in nodes)
        order = (sum(rank(n.kind) for n in nodes),)
        yield order, f"lacks terms: {where} are dropped", _weighed_by({a: 0.0, b: 0.0})
        words = f"has terms that are wrong: {where} are of the wrong sign"
        yield order, words, _weighed_by({a: -1.0, b: -1.0})
        one, other = _two_weights(s, t, flow.error[part])
        if min(abs(one), abs(other)) > 1e-8:
            said = [_there(1 + w, flow.point.trial) for w in (one, other)]
            which = [
                f"the path through {n.name} is {word}" for n, word in zip(nodes, said, strict=True)
            ]
            words = f"has terms that are wrong: {' and '.join(which)}"
            both = _through_edge(a), _through_edge(b)
            yield (9, *order), words, together(both, (one, other))


def _two_weights(s, t, error):
    """The multiples of two changes whose sum is nearest to an error."""
    matrix = np.array([[s @ s, s @ t], [s @ t, t @ t]])
    if abs(np.linalg.det(matrix)) <= 1e-9 * matrix[0, 0] * matrix[1, 1]:
        return 0.0, 0.0
    return np.linalg.solve(matrix, [s @ error, t @ error])


FAMILIES = (
    weights,
    derivatives,
    one_use,
    assigned,
    overwritten,
    sums,
    undivided,
    formed_again,
    pairs,
    operands,
    loops,
    turned,
    contents,
    sums_together,
)
