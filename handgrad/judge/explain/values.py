"""Values: backward computes with another value than the forward's, where it needs one again."""

import itertools
from functools import partial

import numpy as np

from handgrad.judge.explain.factors import named
from handgrad.judge.explain.flow import Change, moved
from handgrad.judge.explain.operations import rank
from handgrad.judge.explain.pulls import nothing, other_factor, with_node
from handgrad.judge.explain.tape import EACH

PARTS = {"slice", "split", "gather", "dynamic_slice"}
STEP = 1e-6  # of a number, or of 1


def stand_ins(flow, part):
    """In what comes back through a product, another value, so many times, stands for its other factor."""
    tape = flow.tape
    for k, edge in enumerate(tape.edges):
        used, at = other_factor(tape, edge), frozenset([edge.source])
        if used is None or not flow.admits(at, part):
            continue
        left = flow.error[part] - flow.moved({k: nothing})[part]
        for n, other in enumerate(tape.nodes):
            if n == used or other.shape != tape.nodes[used].shape:
                continue
            added = _added(flow, k, n)[part]
            c = float(added @ left) / (float(added @ added) or 1.0)
            times = "" if abs(c - 1) < 1e-6 else f"{named(c, flow.point.trial)} times "
            says = f"in what comes back through {tape.nodes[edge.target].name}, {times}{other.name}"
            says = f"is wrong: {says} stands for {tape.nodes[used].name}"
            yield (times != "", rank(tape.nodes[edge.target].kind), n), says, _stand_in(k, n, c, at)


def _added(flow, k, n):
    """What an edge adds to the gradients with a node for its other factor."""
    return flow.moved({k: with_node(n)}) - flow.moved({k: nothing})


def _stand_in(k, n, c, at):
    return Change(lambda flow: flow.moved({k: nothing}) + c * _added(flow, k, n), at)


def elsewhere(flow, part):
    """The derivative of what is made of one value, each number by itself, is taken at another."""
    tape = flow.tape
    for b, node in enumerate(tape.nodes):
        for a, between in _makers(flow, b):
            at, source = frozenset([a]), tape.nodes[a]
            if not flow.admits(at, part):
                continue
            for n, other in enumerate(tape.nodes):
                if n != a and other.shape == source.shape:
                    says = (
                        f"the derivative of {node.name} by {source.name} is taken at {other.name}"
                    )
                    delta = partial(_taken_at, a=a, between=between, n=n)
                    yield (b - a, n), f"is wrong: {says}", Change(delta, at)


def _makers(flow, b):
    """(a node, the nodes from there) for each that makes node b alone, each number by itself."""
    between, left = [], {b}
    while left:
        last = max(left)
        node = flow.tape.nodes[last]
        if node.shape != flow.tape.nodes[b].shape:
            return
        if last != b and len(left) == 1:
            yield last, between[::-1]
        if last not in flow.recorder.made_by or node.kind not in EACH:
            return
        between.append(last)
        left = left - {last} | {n for n in node.operands if n is not None}


def _taken_at(flow, a, between, n):
    slopes = [_slope(flow, a, between, flow.tape.nodes[at].value) for at in (n, a)]
    return flow.tape.onwards[a] @ (np.ravel(slopes[0] - slopes[1]) * flow.cts[between[-1]])


def _slope(flow, a, between, x):
    """How the last of some nodes moves with the first value, where this is x."""
    h = STEP * np.maximum(1.0, np.abs(x))
    above, below = (flow.recorder.made_again(flow.slots, a, between, x + d) for d in (h, -h))
    return (above - below) / (2 * h)


def exchanged(flow, _):
    """What comes back from two parts of a value is put in each other's place, in every turn of a loop."""
    tape, parts, alike = flow.tape, {}, {}
    for k, edge in enumerate(tape.edges):
        if tape.nodes[edge.target].kind in PARTS:
            parts.setdefault((edge.source, edge.back.shape), []).append(k)
    for (source, shape), ks in parts.items():
        alike.setdefault((tape.nodes[source].shape, shape, len(ks)), []).append(ks)
    for turns in alike.values():
        for i, j in itertools.combinations(range(len(turns[0])), 2):
            others = {ks[i]: ks[j] for ks in turns} | {ks[j]: ks[i] for ks in turns}
            pulls = {k: partial(_by_edge, other=other) for k, other in others.items()}
            names = [tape.nodes[tape.edges[turns[-1][k]].target].name for k in (i, j)]
            more = f", and likewise {len(turns)} times in all" if len(turns) > 1 else ""
            says = f"is wrong: what comes back through {names[0]} and {names[1]} is swapped{more}"
            yield (i, j), says, moved(tape, pulls)


def _by_edge(flow, edge, ct, other):
    return edge.pull(ct, flow.tape.edges[other].whole)
