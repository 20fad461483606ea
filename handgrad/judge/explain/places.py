"""Places × changes: an operation of the forward whose derivative is taken otherwise.

A place is a node or some edges of the tape: what arrives there is changed, and flows on to the
inputs. If what comes out is the wrong gradient, that place is where the error is. Each family gives
(order, words, change of the gradients at a flow); one loop tries them all.
"""

import itertools

import numpy as np

from handgrad.judge.explain import changes
from handgrad.judge.explain.again import formed_again
from handgrad.judge.explain.factors import named
from handgrad.judge.explain.flow import Change, moved
from handgrad.judge.explain.operations import rank
from handgrad.judge.explain.points import EXACT
from handgrad.judge.explain.pulls import (
    chosen,
    chunks,
    nothing,
    other_factor,
    plain_slopes,
    slopes,
    transposed,
    turned_factors,
    with_node,
)
from handgrad.judge.explain.sums import sums
from handgrad.judge.explain.values import elsewhere, exchanged, stand_ins
from handgrad.judge.explain.words import input_name
from handgrad.judge.trial import largest

WEIGHTS = {0.0: "dropped", -1.0: "of the wrong sign", 2.0: "counted twice", 0.5: "halved"}
PAIRS = 300  # of paths that are dropped together
PICKS = {"gather", "dynamic_slice", "slice"}


def explain(flows, which, budget):
    """(guilty inputs, words) of the most telling place and change; ([], "") if none explains it."""
    flow, telling = flows[0], []
    part = flow.part(which)
    for family in FAMILIES:
        for order, words, delta in family(flow, part):
            budget.spend()
            if flow.admits(delta.at, part) and _fits(flow, delta, part):
                telling.append((order, len(telling), words, delta))
        for _, _, words, delta in sorted(telling, key=lambda t: t[:2]):
            if all(_fits(other, delta, part) for other in flows[1:]):
                change = delta(flow)
                touched = [i for i in which if largest(change[flow.parts[i]]) > flow.accuracy]
                return touched or which, words
        telling.clear()
    return [], ""


def entry(flows, which):
    """The name of the smallest value where gradients that arrive may be wrong, of no more; or ""."""
    part, nodes = flows[0].part(which), flows[0].tape.nodes
    few = [n for n, node in enumerate(nodes) if node.operands and 2 * node.size <= len(part)]
    few.sort(key=lambda n: (nodes[n].size, -n))
    found = (n for n in few if all(flow.admits(frozenset([n]), part) for flow in flows))
    return next((nodes[n].name for n in found), "")


def _fits(flow, delta, part):
    with np.errstate(all="ignore"):
        return flow.left(delta(flow), part) <= EXACT


def weights(flow, part):
    """One path has another weight: it is dropped, counted twice, of the wrong sign, N times there."""
    for words, order, delta in _paths(flow.tape):
        c = flow.weight(delta(flow), part) if flow.admits(delta.at, part) else 0.0
        if abs(c) > 1e-8:
            lacks = "lacks a term" if abs(1 + c) < 1e-6 else "has a term that is wrong"
            says = f"{lacks}: {words} is {_there(1 + c, flow.point.trial)}"
            yield (
                (abs(1 + c) > 1e-6, *order),
                says,
                Change(lambda f, d=delta, c=c: c * d(f), delta.at),
            )


def _there(weight, trial):
    """A weight in words that go on from *the path is*."""
    known = (word for value, word in WEIGHTS.items() if abs(weight - value) < 1e-6)
    return next(known, f"there {named(weight, trial)} times")


def _paths(tape):
    """(words, order, what the path adds) for every edge, and every node with several operands."""
    for k, edge in enumerate(tape.edges):
        target, source = tape.nodes[edge.target], tape.nodes[edge.source]
        alone = len(tape.into[edge.target]) == 1
        way = "" if alone else f"from {source.name} into "
        words = f"the path {way or 'through '}{target.name}"
        yield words, (rank(target.kind), not alone), _through(tape, k)
    for b, node in enumerate(tape.nodes):
        if len(tape.into[b]) > 1:
            whole = f"the path through {node.name}"
            change = Change(lambda f, b=b: f.tape.onwards[b] @ f.cts[b], frozenset([b]))
            yield whole, (rank(node.kind), True), change


def _through(tape, k):
    """What goes through an edge: the gradients without it, turned."""
    return Change(lambda flow: -flow.moved({k: nothing}), frozenset([tape.edges[k].source]))


def changed(places, *kinds):
    """The family in which the edges of some places pull otherwise, in ways of these kinds."""

    def family(flow, _):
        for ks, more in places(flow.tape):
            edge = flow.tape.edges[ks[0]]
            for kind in kinds:
                for order, words, pull in kind(flow.tape, edge):
                    at = order, rank(flow.tape.nodes[edge.target].kind)
                    yield at, f"is wrong: {words}{more}", moved(flow.tape, dict.fromkeys(ks, pull))

    return family


def each(tape):
    """Every edge alone."""
    return (((k,), "") for k in range(len(tape.edges)))


def loops(tape):
    """The edges of an operation that was unrolled, one of each turn of its loop.

    Those of one kind and shape are counted from the last: every so many of them is one role.
    """
    alike = {}
    for k, edge in enumerate(tape.edges):
        node, source = tape.nodes[edge.target], tape.nodes[edge.source]
        whole = tuple(o is None for o in node.operands)
        key = node.kind, edge.place, node.shape, source.shape, edge.back.shape, whole
        alike.setdefault(key, []).append(k)
    sizes = {size for n in tape.inputs.values() for size in tape.nodes[n].shape}
    for turns in alike.values():
        for roles in sorted({1, *(-(-len(turns) // size) for size in sizes if size > 1)}):
            for role in range(roles):
                own = turns[::-1][role::roles]
                if len(own) > 1:
                    yield own, f", and likewise {len(own)} times in all"


def weights_in_loops(flow, _):
    """In every turn of a loop, one path has another weight."""
    tape = flow.tape
    for turns, more in loops(tape):
        edge = tape.edges[turns[0]]
        node, source = tape.nodes[edge.target], tape.nodes[edge.source]
        for weight, words in WEIGHTS.items():
            says = f"is wrong: the path from {source.name} into {node.name} is {words}{more}"
            yield (
                (weight, rank(node.kind)),
                says,
                moved(flow.tape, dict.fromkeys(turns, _times(weight))),
            )


def other_turns(flow, _):
    """The turns of a loop take each other's factors: in reverse, or of the next turn."""
    tape = flow.tape
    for turns, _more in loops(tape):
        node = tape.nodes[tape.edges[turns[0]].target]
        found = (other_factor(tape, tape.edges[k]) for k in turns)
        used = [n for n in found if n is not None]
        if len(used) < len(turns):
            continue
        come = f"is wrong: in what comes back through {node.name} and {len(turns) - 1} others like it, "
        after = [2 * used[0] - used[1], *used[:-1]]  # the last turn comes first
        for nodes, words in (
            (used[::-1], "their factors are taken in reverse: is it flipped?"),
            (
                after,
                "each takes the factor of the next: the state after a step, and not before it?",
            ),
        ):
            shapes = {tape.nodes[n].shape for n in nodes if n < len(tape.nodes)}
            if max(nodes) < len(tape.nodes) and len(shapes) == 1:
                pulls = dict(zip(turns, map(with_node, nodes), strict=True))
                yield (rank(node.kind),), come + words, moved(flow.tape, pulls)


def one_use(flow, _):
    """Of several uses of a value, the first or the last alone counts."""
    for n, node in enumerate(flow.tape.nodes):
        ks = [k for k, edge in enumerate(flow.tape.edges) if edge.source == n]
        for word, left in (("first", ks[1:]), ("last", ks[:-1])) if len(ks) > 2 else ():
            says = (
                f"is wrong: of the {len(ks)} uses of {node.name}, the {word} one alone counts: "
                "is the gradient of each assigned, and not added to the others?"
            )
            yield (n,), says, moved(flow.tape, dict.fromkeys(left, nothing))


def assigned(flow, _):
    """Where a number is taken several times, its gradients are not added up."""
    taken = {}
    for k, edge in enumerate(flow.tape.edges):
        if flow.tape.nodes[edge.target].kind in PICKS and edge.back.ndim > 1:
            taken.setdefault(edge.source, []).append(k)
    for source, ks in taken.items():
        target = flow.tape.nodes[flow.tape.edges[ks[0]].target]
        way = f"from {target.name} back to {flow.tape.nodes[source].name}"
        single = [[k] for k in ks] if len(ks) > 1 else []
        for uses, which in itertools.product((ks, *single), ("last", "first")):
            words = f"what goes {way} is assigned, and not added: the {which} one stays"
            delta = _alone(uses, last=which == "last")
            yield (rank(target.kind),), f"is wrong: {words}", Change(delta, frozenset([source]))


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
    """Two paths have other weights, each its own; or both are dropped, or of the wrong sign."""
    distinct = []
    for k in range(len(flow.tape.edges)):
        term = _through(flow.tape, k)(flow)[part]
        if np.any(term) and not any(np.allclose(term, other, rtol=1e-9) for _, other in distinct):
            distinct.append((k, term))
    for (a, s), (b, t) in itertools.islice(itertools.combinations(distinct, 2), PAIRS):
        nodes = [flow.tape.nodes[flow.tape.edges[k].target] for k in (a, b)]
        where = f"the paths through {nodes[0].name} and {nodes[1].name}"
        order = sum(rank(node.kind) for node in nodes)
        for weight, words in ((0.0, "lacks terms"), (-1.0, "has terms that are wrong")):
            pull = _times(weight)
            change = moved(flow.tape, {a: pull, b: pull})
            yield (0, order), f"{words}: {where} are {WEIGHTS[weight]}", change
        one, other = _two_weights(s, t, flow.error[part])
        if min(abs(one), abs(other)) > 1e-8:
            said = zip(nodes, (one, other), strict=True)
            says = [f"through {n.name} is {_there(1 + w, flow.point.trial)}" for n, w in said]
            words = f"has terms that are wrong: the path {' and the path '.join(says)}"
            yield (9, order), words, _both(a, b, one, other)


def _times(weight):
    return lambda _, edge, ct: weight * edge.pull(ct)


def _both(a, b, one, other):
    def delta(flow):
        return one * _through(flow.tape, a)(flow) + other * _through(flow.tape, b)(flow)

    return Change(delta)


def _two_weights(s, t, error):
    """The multiples of two changes whose sum is nearest to an error."""
    matrix = np.array([[s @ s, s @ t], [s @ t, t @ t]])
    if abs(np.linalg.det(matrix)) <= 1e-9 * matrix[0, 0] * matrix[1, 1]:
        return 0.0, 0.0
    return np.linalg.solve(matrix, [s @ error, t @ error])


def contents(flow, _):
    """What arrives at a node, or goes along an edge, is rearranged, summed, masked or scaled."""
    for words, shape, kind, at in _sites(flow.tape):
        for order, (says, change) in enumerate(changes.every(shape)):
            yield (order, rank(kind)), f"is wrong: {words} is {says}", at(_plain(change))
        for says, factor in _factors(flow, shape):
            yield (9, rank(kind)), f"is wrong: {words} {says}", at(_scaled(factor))
    for b, node in enumerate(flow.tape.nodes):
        if node.kind == "div" and None not in node.operands[1:]:
            divisor = flow.tape.nodes[node.operands[1]]
            says = f"is wrong: what arrives at {node.name} is not divided by {divisor.name}"
            at = _at_node(b)
            yield (0, 0), says, at(lambda f, g, n=node.operands[1]: g * f.tape.nodes[n].value)


def _plain(change):
    return lambda flow, g: change(g)


def _scaled(factor):
    return lambda flow, g: g * factor(flow)


def _sites(tape):
    """(words, shape, kind, delta of a change) for every node, and every edge beside another."""
    for b, node in enumerate(tape.nodes):
        if node.size > 1:
            yield f"what arrives at {node.name}", node.shape, node.kind, _at_node(b)
    for k, edge in enumerate(tape.edges):
        target, source = tape.nodes[edge.target], tape.nodes[edge.source]
        if len(tape.into[edge.target]) > 1:
            words = f"what goes from {target.name} back to {source.name}"
            yield words, source.shape, target.kind, _along_edge(tape, k, source.shape)


def _at_node(b):
    def at(change):
        def delta(flow):
            ct, node = flow.cts[b], flow.tape.nodes[b]
            return flow.tape.onwards[b] @ (np.ravel(change(flow, ct.reshape(node.shape))) - ct)

        return Change(delta, frozenset([b]))

    return at


def _along_edge(tape, k, shape):
    def at(change):
        def pull(flow, edge, ct):
            return np.ravel(change(flow, edge.pull(ct).reshape(shape)))

        return moved(tape, {k: pull})

    return at


def _factors(flow, shape):
    """(words, factor at a flow) for each input that may be a factor too many, or missing."""
    for i in flow.tape.inputs:
        inner = flow.point.inputs[i].shape
        if len(inner) > 0 and shape[len(shape) - len(inner) :] == inner:
            name = input_name(flow.point.trial, i)
            yield f"has a factor {name} too many", lambda f, i=i: f.point.inputs[i]
            yield f"has a factor {name} missing", lambda f, i=i: 1.0 / f.point.inputs[i]


FAMILIES = (
    weights,
    changed(each, slopes),
    one_use,
    assigned,
    changed(each, chunks),
    sums,
    formed_again,
    weights_in_loops,
    other_turns,
    changed(loops, plain_slopes),
    changed(loops, turned_factors),
    changed(each, turned_factors),
    exchanged,
    changed(each, chosen),
    stand_ins,
    elsewhere,
    pairs,
    changed(loops, slopes),
    changed(each, transposed),
    contents,
)
