"""The flow of the gradients along a tape, beside gradients that are wrong."""

import numpy as np

from handgrad.judge.diagnosis.naming import input_name
from handgrad.judge.diagnosis.operations import name_nodes
from handgrad.judge.trial import largest


class Flow:
    """The gradients on a tape at one point, beside the wrong ones."""

    def __init__(self, point):
        trial = point.trial
        self.tape = point.truth.tape(point.inputs)
        name_nodes(self.tape, {i: input_name(trial, i) for i in trial.real})
        self.dy, self.given = point.dy, point.inputs
        self.cts = self.tape.gradients(point.dy)
        self._still()
        self.right = self.tape.of_inputs(self.cts)
        self.error = np.concatenate(
            [np.ravel(point.wrong[i] - point.right[i]) for i in self.tape.inputs]
        )
        self.accuracy = point.truth.accuracy * max(point.size(i) for i in self.tape.inputs)

    def _still(self):
        """Cut the paths through which nothing flows in the end, as through a maximum that only shifts."""
        at_inputs = set(self.tape.inputs.values())
        most = max(map(largest, self.cts), default=0.0)
        for b, ct in enumerate(self.cts):
            if b not in at_inputs and largest(ct) <= 1e-11 * most:
                for edge in self.tape.into[b]:
                    edge.back = 0 * edge.back
        self.cts = self.tape.gradients(self.dy)

    def left(self, delta, part):
        """The share of the squared error in a part that a change of the gradients leaves."""
        error = self.error[part]
        size = float(error @ error)
        off = error - delta[part]
        if np.all(np.abs(error) <= self.accuracy):
            return 0.0 if np.all(np.abs(off) <= 10 * self.accuracy) else np.inf
        return float(off @ off) / size

    def parts(self):
        """(positions, slice) for all inputs together, and for each whose gradient is wrong."""
        if not np.any(np.abs(self.error) > self.accuracy):
            return
        yield list(self.tape.inputs), slice(None)
        start = 0
        for i, node in self.tape.inputs.items():
            part = slice(start, start + self.tape.nodes[node].size)
            start = part.stop
            if len(self.tape.inputs) > 1 and np.any(np.abs(self.error[part]) > self.accuracy):
                yield [i], part

    def weight(self, delta, part):
        """How many times a change of the gradients is there."""
        square = float(delta[part] @ delta[part])
        return float(delta[part] @ self.error[part]) / square if square else 0.0
