"""Sums: one that the forward takes and gives back to every number, and the backward takes otherwise.

A norm, a mean or a sum of exponentials is summed over some axes and then broadcast to its numbers
again. Its gradient is summed over the same axes. A backward may forget that, or sum over others.
"""

import itertools

import numpy as np

from handgrad.judge.explain.changes import some_axes
from handgrad.judge.explain.flow import together
from handgrad.judge.explain.operations import rank
from handgrad.judge.explain.tape import STRETCHED, SUMS
from handgrad.judge.explain.words import axes_named


def sums(flow, _):
    """The gradient of a sum is not summed up, or over other axes than its numbers were."""
    tape = flow.tape
    for s, b, axes in _sums_given_back(tape):
        first = tape.edges[s]
        scales = (None, *_scales(tape, tape.nodes[first.source].shape, axes))
        for order, (words, change) in enumerate(_otherwise(tape, first, axes, scales)):
            for way, beside in itertools.product(_ways(tape, b), (False, True)):
                delta = _changed((s, b, way), axes, change, beside=beside)
                yield (order, rank(tape.nodes[first.target].kind)), f"is wrong: {words}", delta


def sums_together(flow, _):
    """Two sums over the same axes, such as those of a mean and a variance, are both over others."""
    tape = flow.tape
    for one, other in itertools.combinations(_sums_given_back(tape), 2):
        edges = [tape.edges[s] for s, _, _ in (one, other)]
        shapes = [tape.nodes[edge.source].shape for edge in edges]
        if one[2] != other[2] or shapes[0] != shapes[1] or one[0] == other[0]:
            continue
        both = (_otherwise(tape, edge, one[2]) for edge in edges)
        for order, (first, second) in enumerate(zip(*both, strict=True)):
            says = f"is wrong: {first[0]}; and {second[0]}"
            for ways in itertools.product(_ways(tape, one[1]), _ways(tape, other[1])):
                deltas = [
                    _changed((s, b, way), axes, change, beside=True)
                    for (s, b, axes), (_, change), way in zip(
                        (one, other), (first, second), ways, strict=True
                    )
                ]
                yield (order,), says, together(deltas, (1, 1))


def _sums_given_back(tape):
    """(edge of a sum, edge by which it goes back to its numbers, axes) for every such sum."""
    for s, first in enumerate(tape.edges):
        axes = _summed(tape, first) if tape.nodes[first.target].kind in SUMS else ()
        for b in _given_back(tape, first) if axes else ():
            yield s, b, axes


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
    for axes in some_axes(len(source.shape)):
        kept = tuple(1 if a in axes else n for a, n in enumerate(source.shape))
        weight = edge.back[0, np.argmax(np.abs(edge.back[0]))]
        if np.prod(kept) == ct.size and np.allclose(pulled, weight * ct.reshape(kept)):
            return axes
    return ()


def _given_back(tape, first):
    """The edges that repeat something made of the sum in the shape of what was summed."""
    shape, size = tape.nodes[first.source].shape, tape.nodes[first.target].size
    for b, edge in enumerate(tape.edges):
        target, source = tape.nodes[edge.target], tape.nodes[edge.source]
        if (
            edge.back.ndim == 2
            and target.shape == shape
            and source.size == size
            and np.all(np.count_nonzero(edge.back, axis=0) <= 1)
            and np.any(_between(tape, first.target, edge.source))
        ):
            yield b


def _between(tape, start, stop):
    """The gradient of one node by another that is made of it, all rows at once."""
    cts = {stop: np.ones(tape.nodes[stop].size)}
    for b in range(stop, start, -1):
        for edge in tape.into[b] if b in cts else ():
            pulled = edge.pull(cts[b])
            cts[edge.source] = cts.get(edge.source, 0) + pulled
    return cts.get(start, np.zeros(tape.nodes[start].size))


def _otherwise(tape, first, axes, scales=(None,)):
    """(words, change of what would be summed, as an array) for other ways to sum it."""
    node, shape = tape.nodes[first.target], tape.nodes[first.source].shape
    over, count = axes_named(axes), np.prod([shape[a] for a in axes])
    for factor in (1.0, float(count)):
        words = f"the gradient of {node.name} is not summed over {over}"
        yield words, lambda flow, u, factor=factor: factor * u
    for others in some_axes(len(shape)):
        if others == axes:
            continue
        words = f"the gradient of {node.name} is summed over {axes_named(others)}, and not {over}"
        if {*axes} < {*others}:
            more = axes_named(tuple(a for a in others if a not in axes))
            words = f"the gradient of {node.name} is summed over {more} as well: a sum too many"
        share = count / np.prod([shape[a] for a in others])
        for factor in dict.fromkeys((1.0, float(share))):
            for v in scales:
                for power in (1, -1) if v is not None else (1,):
                    yield words, _summed_over(others, factor, v, power)


def _scales(tape, shape, axes):
    """The nodes that are alike along the axes: what is summed may be in units of them."""
    kept = tuple(1 if a in axes else n for a, n in enumerate(shape))
    for k, node in enumerate(tape.nodes):
        if node.value is not None and node.size == np.prod(kept) and np.all(node.value):
            yield k, kept


def _summed_over(axes, factor, scale, power):
    def change(flow, u):
        if scale is None:
            return factor * np.sum(u, axis=axes, keepdims=True)
        k, kept = scale
        v = flow.tape.nodes[k].value.reshape(kept) ** float(power)
        return factor * np.sum(u * v, axis=axes, keepdims=True) / v

    return change


def _changed(edges, axes, change, *, beside):
    """The change of the gradients, with what goes on through other sums, or without."""
    s, b, way = edges

    def delta(flow):
        tape = flow.tape
        first, last = tape.edges[s], tape.edges[b]
        shape = tape.nodes[first.source].shape
        slope = first.pull(_between(tape, first.target, last.source)).reshape(shape)
        ct = flow.cts[last.target]
        for k in way[::-1]:
            ct = tape.edges[k].pull(flow.cts[tape.edges[k].target] if k == way[-1] else ct)
        u = (last.back.sum(axis=0) * ct).reshape(shape)
        right = np.sum(u, axis=axes, keepdims=True)
        onwards = tape.beside_sums if beside else tape.onwards
        return onwards[first.source] @ (slope * (change(flow, u) - right)).ravel()

    return delta
