"""The flow of the gradients along a tape, beside gradients that are wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from handgrad.judge.calls import CodeError
from handgrad.judge.explain.operations import name_nodes
from handgrad.judge.explain.points import EXACT
from handgrad.judge.explain.tape import Recorder
from handgrad.judge.explain.words import input_name
from handgrad.judge.trial import largest

STILL = 1e-11  # of the largest gradient of a node


@dataclass(frozen=True)
class Change:
    """A change of the gradients of the inputs, of any flow; it comes in at these nodes, or anywhere."""

    of: Callable
    at: frozenset[int] | None = None

    def __call__(self, flow):
        return self.of(flow)


def moved(tape, pulls):
    """The change by some edges, by number, that pull otherwise."""
    sources = frozenset(tape.edges[k].source for k in pulls)
    return Change(lambda flow: flow.moved(pulls), sources)


class Flow:
    """The gradients on a tape at one point, beside the wrong ones."""

    def __init__(self, recorder, point):
        trial = point.trial
        self.recorder, self.point = recorder, point
        self.tape = recorder.tape(point.inputs)
        name_nodes(self.tape, {i: input_name(trial, i) for i in recorder.real})
        self.cts = self.tape.gradients(point.dy)
        self._still()
        wrong = [point.wrong.get(i, point.right.get(i)) for i in self.tape.inputs]
        right = [point.right[i] for i in self.tape.inputs]
        self.parts, start = {}, 0
        for i, dx in zip(self.tape.inputs, right, strict=True):
            self.parts[i] = slice(start, start + dx.size)
            start += dx.size
        self.right = np.concatenate([dx.ravel() for dx in right])
        self.error = np.concatenate([dx.ravel() for dx in wrong]) - self.right
        self._admitted = {}
        self.accuracy = point.truth.accuracy * max(map(point.size, self.tape.inputs))

    @cached_property
    def slots(self):
        """The value of every slot of the program."""
        return self.recorder.values(self.point.inputs)

    def part(self, which):
        """The places of some inputs' gradients among all."""
        return np.r_[tuple(self.parts[i] for i in which)]

    def _still(self):
        """Cut the paths through which nothing flows in the end, as through a maximum that only shifts."""
        at_inputs = set(self.tape.inputs.values())
        most = max(map(largest, self.cts), default=0.0)
        for b, ct in enumerate(self.cts):
            if b not in at_inputs and largest(ct) <= STILL * most:
                for edge in self.tape.into[b]:
                    edge.back = 0 * edge.back
        self.cts = self.tape.gradients(self.point.dy)

    def left(self, delta, part):
        """The share of the squared error in a part that a change of the gradients leaves."""
        error = self.error[part]
        off = error - delta[part]
        if not np.all(np.isfinite(off)):
            return np.inf
        if np.all(np.abs(error) <= self.accuracy):
            return 0.0 if np.all(np.abs(off) <= 10 * self.accuracy) else np.inf
        return float(off @ off) / float(error @ error)

    def moved(self, pulls):
        """How the gradients of the inputs change when some edges, by number, pull otherwise."""
        if len(pulls) > 1:
            others = {k: partial(pull, self) for k, pull in pulls.items()}
            return self.tape.of_inputs(self.tape.gradients(self.point.dy, others)) - self.right
        ((k, pull),) = pulls.items()
        edge = self.tape.edges[k]
        ct = self.cts[edge.target]
        return self.tape.onwards[edge.source] @ (pull(self, edge, ct) - edge.pull(ct))

    def admits(self, nodes, part):
        """Whether the error may come in at some nodes: it lies in what other gradients there would add."""
        key = nodes, part.tobytes()
        if nodes is not None and key not in self._admitted:
            onwards = [self.tape.onwards[n] for n in nodes]
            count = sum(matrix.shape[1] for matrix in onwards)
            self._admitted[key] = count >= len(part) or self._spans(np.hstack(onwards)[part], part)
        return nodes is None or self._admitted[key]

    def _spans(self, matrix, part):
        """Whether the error in a part is a sum of columns."""
        error, (basis, _) = self.error[part], np.linalg.qr(matrix)
        off = error - basis @ (basis.T @ error)
        return not off @ off > EXACT * (error @ error)

    def weight(self, delta, part):
        """How many times a change of the gradients is there."""
        square = float(delta[part] @ delta[part])
        return float(delta[part] @ self.error[part]) / square if square else 0.0


def flows_of(points, oracle):
    """The flow at every point that has the first one's integers; [] where there is no tape."""
    first = points[0]
    try:
        recorder = Recorder(oracle, first.inputs, list(first.trial.grads))
        found = [Flow(recorder, first)]
        if not np.allclose(found[0].tape.of_inputs(found[0].cts), found[0].right, rtol=1e-6):
            scale = largest(found[0].right)
            if largest(found[0].tape.of_inputs(found[0].cts) - found[0].right) > 1e-6 * scale:
                return []
        for point in points[1:]:
            fixed = [i for i in range(len(point.inputs)) if i not in recorder.real]
            if all(np.array_equal(point.inputs[i], first.inputs[i]) for i in fixed):
                found.append(Flow(recorder, point))
    except CodeError:
        return []
    return found
