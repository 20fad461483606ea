"""Sums: one that the forward takes and gives back to every number, and the backward takes otherwise.

A norm, a mean or a sum of exponentials is summed over some axes and then broadcast to its numbers
again. Its gradient is summed over the same axes. A backward may forget that, or sum over others.
"""

import itertools
from typing import NamedTuple

import numpy as np

from handgrad.judge.explain.changes import reduced, some_axes
from handgrad.judge.explain.flow import Change
from handgrad.judge.explain.operations import rank
from handgrad.judge.explain.tape import STRETCHED, SUMS
from handgrad.judge.explain.words import axes_named


class Trip(NamedTuple):
    """A sum over some axes that is given back to its numbers: the edges of both, by number."""

    sum: int
    back: int
    axes: tuple[int, ...]


def sums(flow, _):
    """The gradient of a sum, or of two, is not summed up, or over other axes than its numbers were."""
    tape = flow.tape
    trips = list(_trips(tape))
    for group in (*((trip,) for trip in trips), *_couples(tape, trips)):
        nodes = [tape.nodes[tape.edges[trip.sum].target] for trip in group]
        names = " and ".join(node.name for node in nodes)
        at = frozenset(tape.edges[trip.sum].source for trip in group)
        for order, (words, change) in enumerate(_otherwise(tape, group)):
            says = f"is wrong: the gradient of {names} is {words}"
            for beside in (False, True):
                for ways in itertools.product(*(_ways(tape, trip.back) for trip in group)):
                    delta = _changed(group, ways, change, beside=beside)
                    yield (len(group), order, rank(nodes[0].kind)), says, Change(delta, at)


def _trips(tape):
    for s, first in enumerate(tape.edges):
        axes = _summed(tape, first) if tape.nodes[first.target].kind in SUMS else ()
        for b in _given_back(tape, first) if axes else ():
            yield Trip(s, b, axes)


def _couples(tape, trips):
    """Two sums over the same axes, such as those of a mean and a variance."""
    for one, other in itertools.combinations(trips, 2):
        shapes = {tape.nodes[tape.edges[trip.sum].source].shape for trip in (one, other)}
        if one.axes == other.axes and len(shapes) == 1 and one.sum != other.sum:
            yield one, other


def _ways(tape, b):
    """The edges by which it comes back to what the sum was given back to: (), for all of it, or some."""
    first, out = (), _uses(tape, tape.edges[b].target)
    if len(out) == 1 and tape.nodes[tape.edges[b].target].kind == STRETCHED:
        first, out = (out[0],), _uses(tape, tape.edges[out[0]].target)
    return [(), *((*first, k) for k in (out if len(out) > 1 else ()))]


def _uses(tape, node):
    return [k for k, edge in enumerate(tape.edges) if edge.source == node]


def _summed(tape, edge):
    """The axes over which an edge sums, or () if it does something else."""
    source = tape.nodes[edge.source]
    if edge.back.ndim != 2 or edge.back.shape[1] * 2 > source.size:
        return ()
    ct = np.random.default_rng(0).normal(size=edge.back.shape[1])
    pulled = edge.pull(ct).reshape(source.shape)
    weight = edge.back[0, np.argmax(np.abs(edge.back[0]))]
    for axes in some_axes(len(source.shape)):
        left = reduced(source.shape, axes)
        if np.prod(left) == ct.size and np.allclose(pulled, weight * ct.reshape(left)):
            return axes
    return ()


def _given_back(tape, first):
    """The edges that repeat something made of the sum in the shape of what was summed."""
    shape, size = tape.nodes[first.source].shape, tape.nodes[first.target].size
    for b, edge in enumerate(tape.edges):
        repeats = edge.back.ndim == 2 and np.all(np.count_nonzero(edge.back, axis=0) <= 1)
        fits = tape.nodes[edge.target].shape == shape and tape.nodes[edge.source].size == size
        if repeats and fits and np.any(_between(tape, first.target, edge.source)):
            yield b


def _between(tape, start, stop):
    """The gradient of one node by another that is made of it, all rows at once."""
    cts = {stop: np.ones(tape.nodes[stop].size)}
    for b in range(stop, start, -1):
        for edge in tape.into[b] if b in cts else ():
            cts[edge.source] = cts.get(edge.source, 0) + edge.pull(cts[b])
    return cts.get(start, np.zeros(tape.nodes[start].size))


def _otherwise(tape, group):
    """(words, change of what would be summed, as an array) for other ways to sum it."""
    shape, axes = tape.nodes[tape.edges[group[0].sum].source].shape, group[0].axes
    over, count = axes_named(axes), np.prod([shape[a] for a in axes])
    for factor in (1.0, float(count)):
        yield f"not summed over {over}", lambda flow, u, factor=factor: factor * u
    scales = [None, *_scales(tape, reduced(shape, axes))] if len(group) == 1 else [None]
    for others in some_axes(len(shape)):
        words = f"summed over {axes_named(others)}, and not {over}"
        if {*axes} < {*others}:
            more = axes_named(tuple(a for a in others if a not in axes))
            words = f"summed over {more} as well: a sum too many"
        share = count / np.prod([shape[a] for a in others])
        choices = itertools.product(dict.fromkeys((1.0, float(share))), scales)
        for factor, scale in choices if others != axes else ():
            yield words, _summed_over(others, factor, scale)


def _scales(tape, kept):
    """(node, shape, power) of what is alike along the axes: what is summed may be in units of it."""
    for k, node in enumerate(tape.nodes):
        if node.size == np.prod(kept) and np.all(node.value):
            yield from ((k, kept, 1.0), (k, kept, -1.0))


def _summed_over(axes, factor, scale):
    def change(flow, u):
        if scale is None:
            return factor * np.sum(u, axis=axes, keepdims=True)
        k, kept, power = scale
        unit = flow.tape.nodes[k].value.reshape(kept) ** power
        return factor * np.sum(u * unit, axis=axes, keepdims=True) / unit

    return change


def _changed(group, ways, change, *, beside):
    """The change of the gradients, with what goes on through other sums, or without."""

    def delta(flow):
        pairs = zip(group, ways, strict=True)
        return sum(_of_one(flow, trip, way, change, beside) for trip, way in pairs)

    return delta


def _of_one(flow, trip, way, change, beside):
    tape = flow.tape
    first, last = tape.edges[trip.sum], tape.edges[trip.back]
    shape = tape.nodes[first.source].shape
    slope = first.pull(_between(tape, first.target, last.source)).reshape(shape)
    ct = flow.cts[last.target]
    for k in way[::-1]:
        ct = tape.edges[k].pull(flow.cts[tape.edges[k].target] if k == way[-1] else ct)
    u = (last.back.sum(axis=0) * ct).reshape(shape)
    right = np.sum(u, axis=trip.axes, keepdims=True)
    onwards = tape.beside_sums if beside else tape.onwards
    return onwards[first.source] @ (slope * (change(flow, u) - right)).ravel()
