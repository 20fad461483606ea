"""Points: where a gradient was computed, what came out, and what should have.

A hypothesis is (sentence, guess): guess(point) is the wrong gradient if the hypothesis is true. It
must explain the error at the first point, and hold at the others, where inputs and dy are new.
"""

from dataclasses import dataclass

import numpy as np

from handgrad.judge.diagnosis.truth import Truth
from handgrad.judge.libraries import is_floating
from handgrad.judge.regimes import regimes
from handgrad.judge.small import are_probabilities
from handgrad.judge.special import trial_at
from handgrad.judge.trial import Trial, largest

EXACT = 1e-6  # of the squared error may be left by a hypothesis that is right
NEARLY = 1e-3  # and by one that is simple
KINDS = ("with ties", "with one zero", "with a row of zeros", "with one constant row")
DRAWS = 3  # of new inputs; integers are new from the second on


@dataclass
class Point:
    """The inputs and dy of a trial, the gradients it gave, and the right ones."""

    trial: Trial
    right: dict[int, np.ndarray]
    truth: Truth
    elsewhere: bool = False  # at inputs of another kind than those that failed

    @property
    def inputs(self):
        return self.trial.inputs

    @property
    def dy(self):
        return self.trial.dy

    @property
    def y(self):
        return self.trial.y

    @property
    def wrong(self):
        return {i: np.asarray(dx, dtype=float) for i, dx in self.trial.grads.items()}

    def size(self, i):
        """The natural size of input i's gradient."""
        return max(largest(self.right[i]), self.trial.scale(i))

    def is_right(self, i):
        """Whether the gradient of input i is what it should be, as far as one can tell."""
        a, b = self.wrong[i], self.right[i]
        bar = self.truth.accuracy * self.size(i)
        return a.shape == b.shape and bool(np.all(np.abs(a - b) <= bar))


def points_of(trial, truth, description=""):
    """The trial, and others at new inputs of the same kind, as far as they can be had."""
    right = truth()
    if right is None:
        return []
    found = [Point(trial, right, truth)]
    for draw in range(DRAWS):
        try:
            other = _redrawn(trial, draw, description)
            right = truth(other.inputs, other.dy)
            if right is not None and set(other.grads) == set(trial.grads):
                found.append(Point(other, right, truth))
        except Exception:
            continue  # not in the domain
    found += _elsewhere(trial, truth)
    return found


def _elsewhere(trial, truth):
    """The ordinary inputs, of which special ones were made, and other special ones.

    There a gradient is right, or wrong for the same reason: a place has to fit them all.
    """
    at = trial.origin
    if at is None or [x.shape for x in at.inputs] != [x.shape for x in trial.inputs]:
        return
    kinds = [trial_at(at, inputs) for words, inputs in regimes(at) if words.endswith(KINDS)]
    for other in (at, *(trial for trial in kinds if trial is not None)):
        try:
            right = truth(other.inputs, other.dy)
            if right is not None and set(other.grads) == set(trial.grads):
                yield Point(other, right, truth, elsewhere=True)
        except Exception:
            continue  # not in the domain


def left_over(points, i, guess):
    """The largest share of the squared error of input i's gradient that a guess leaves."""
    return max(_left(point, i, guess) for point in points)


def _left(point, i, guess):
    wrong, right = point.wrong[i], point.right[i]
    guessed = np.asarray(guess(point), dtype=float)
    if guessed.shape != wrong.shape or not np.all(np.isfinite(wrong)):
        return np.inf
    if wrong.shape != right.shape:
        return 0.0 if np.all(np.abs(wrong - guessed) <= 1e-8 * largest(wrong)) else np.inf
    left = float(np.sum((wrong - guessed) ** 2))
    if point.is_right(i):
        bar = 10 * point.truth.accuracy * point.size(i)
        return 0.0 if np.all(np.abs(wrong - guessed) <= bar) else np.inf
    return left / float(np.sum((wrong - right) ** 2))


def best(points, i, hypotheses, allowed=NEARLY):
    """(sentence, left) of the first hypothesis that explains all of the error, or nearly all."""
    nearly = None
    for sentence, guess in hypotheses:
        try:
            left = left_over(points[:1], i, guess)
            if left <= allowed:
                left = left_over(points, i, guess)
        except Exception:
            continue  # it cannot be computed, and explains nothing
        if left <= EXACT:
            return sentence, left
        if left <= allowed and nearly is None:
            nearly = sentence, left
    return nearly


def _redrawn(trial, draw, description):
    """A trial at new inputs of the same kind; for special inputs, at special ones of the kind."""
    ordinary = trial.origin or trial
    rng = trial.generator("again", str(draw))
    inputs = tuple(
        redrawn(x, rng) if i in trial.real or draw else x for i, x in enumerate(ordinary.inputs)
    )
    if trial.origin is not None:
        again = ordinary.at(inputs)
        inputs = dict(regimes(again)).get(description, trial.inputs)
    dy = [rng.normal(size=d.shape).astype(d.dtype) * (largest(d) or 1.0) for d in trial.dy]
    other = trial.at(inputs, dy)
    other.origin = trial.origin
    return other


def redrawn(x, rng):
    """Other numbers of the same kind: in another order, and a little larger or smaller."""
    if not x.size or not is_floating(x.dtype):
        return rng.choice(x.ravel(), x.shape) if x.size else x
    if are_probabilities(x):
        return rng.permuted(x.astype(float), axis=-1).astype(x.dtype)
    wide = x.astype(float)
    if x.ndim > 1 and x.shape[-1] == x.shape[-2] and np.array_equal(x, np.swapaxes(x, -1, -2)):
        return (wide * rng.uniform(0.8, 1.2)).astype(x.dtype)
    mixed = rng.permutation(wide.ravel()).reshape(x.shape)
    return (mixed * rng.uniform(0.8, 1.2, size=x.shape)).astype(x.dtype)
