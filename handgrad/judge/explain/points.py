"""Points: where a gradient was computed, what came out, and what should have.

A hypothesis is (words, guess): guess(point) is the wrong gradient if the hypothesis is true. It must
explain the error at the first point, and hold at the others, where inputs and dy are new.
"""

from dataclasses import dataclass, field
from itertools import islice
from types import SimpleNamespace
from typing import Any

import numpy as np

from handgrad.common.precision import unit_of
from handgrad.judge import probes, values
from handgrad.judge.calls import CodeError
from handgrad.judge.domains import recognized
from handgrad.judge.evidence import trial_at
from handgrad.judge.explain.of_torch import Recorded
from handgrad.judge.explain.retrace import retraced
from handgrad.judge.libraries import is_floating
from handgrad.judge.oracles.directions import direction, project
from handgrad.judge.oracles.jax import Automatic
from handgrad.judge.trial import Trial, is_finite, largest, rms

EXACT = 1e-6  # of the squared error may be left by a hypothesis that is right
DRAWS = 3  # of new inputs; integers are new from the second on
KINDS = ("with ties", "with one zero", "row of zeros", "with one constant row")
STEP = 2.0**-12
FEW = 400  # numbers, whose derivatives are taken one by one


@dataclass
class Point:
    """The inputs and dy of a trial, the gradients it gave, and the right ones."""

    trial: Trial
    right: dict[int, np.ndarray]
    truth: "Truth"
    wrong: dict[int, np.ndarray] = field(default_factory=dict)

    def __post_init__(self):
        self.wrong = {i: np.asarray(dx, dtype=float) for i, dx in self.trial.grads.items()}
        self.inputs, self.dy, self.y = self.trial.inputs, self.trial.dy, self.trial.y

    def size(self, i):
        """The natural size of input i's gradient."""
        return max(largest(self.right[i]), self.trial.scale(i))

    def is_right(self, i):
        """Whether the gradient of input i is what it should be, as far as one can tell."""
        a, b = self.wrong[i], self.right[i]
        bar = self.truth.accuracy * self.size(i)
        return a.shape == b.shape and bool(np.all(np.abs(a - b) <= bar))

    def left(self, i, guess):
        """The share of the squared error of input i's gradient that a guess leaves."""
        wrong, right = self.wrong[i], self.right[i]
        guessed = np.asarray(guess(self), dtype=float)
        if guessed.shape != wrong.shape or not np.all(np.isfinite(wrong)):
            return np.inf
        off = np.abs(wrong - guessed)
        if wrong.shape != right.shape:
            return 0.0 if np.all(off <= 1e-8 * largest(wrong)) else np.inf
        if self.is_right(i):
            return 0.0 if np.all(off <= 10 * self.truth.accuracy * self.size(i)) else np.inf
        return float(np.sum(off**2)) / float(np.sum((wrong - right) ** 2))


def left_over(points, i, guess):
    """The largest share that a guess leaves at any point; infinity where it cannot be made."""
    found = 0.0
    for point in points:
        try:
            with np.errstate(all="ignore"):
                found = max(found, point.left(i, guess))
        except (ValueError, IndexError, CodeError, FloatingPointError, np.linalg.LinAlgError):
            return np.inf  # a change that this shape does not allow
        if not found <= EXACT:
            return np.inf
    return found


def best(points, i, hypotheses):
    """The words of the first hypothesis that explains the error, or ""."""
    return next((words for words, guess in hypotheses if left_over(points, i, guess) <= EXACT), "")


class Truth:
    """The right gradients: by the oracle, by the forward traced again, or by numbers."""

    def __init__(self, trial, oracle):
        self.trial = trial
        self.accuracy = 1e-13
        self.given = oracle
        self._others = filter(self._is_plausible, self._oracles(oracle))
        self.oracle: Any = next(self._others, None)
        if self.oracle is None:
            self.accuracy = 1e-7
        unit = max((unit_of(y.dtype) for y in trial.y if is_floating(y.dtype)), default=0.0)
        if unit > 1e-15:
            self.accuracy = unit**0.5

    def __call__(self, inputs, dy):
        """The gradients of the real inputs by position, or None if they cannot be had."""
        try:
            if self.oracle is not None:
                grads = self.oracle(inputs, dy)[1]
            else:
                grads = self._by_numbers(inputs, dy)
        except CodeError:
            return None
        found = {i: grads[i] for i in self.trial.grads}
        return found if is_finite(found.values()) else None

    def known(self):
        """The oracle, and where that is a reference, the forward itself."""
        if self.oracle is not None:
            yield self.oracle
        if self.oracle is self.given:
            yield from islice(self._others, 1)

    def _oracles(self, oracle):
        """The judge's own; the forward as JAX traces it, or NumPy's calls made again by JAX."""
        trial = self.trial
        if oracle is not None:
            yield oracle
        if trial.subject.fed:
            return
        if trial.library == "torch":
            yield Recorded(trial.subject)
        for make in (_as_it_is, retraced) if trial.library == "numpy" else ():
            try:
                function = make(trial.subject, trial.inputs)
            except CodeError:
                continue  # it cannot be copied
            yield Automatic(function, BARE, own=False)

    def _is_plausible(self, oracle):
        trial = self.trial
        try:
            ys, grads = oracle(trial.inputs, trial.dy)
        except CodeError:
            return False
        if len(ys) != len(trial.y):
            return False
        alike = all(np.allclose(a, b, 1e-4, 1e-7) for a, b in zip(ys, trial.y, strict=True))
        if not alike or not is_finite(grads.values()):
            return False
        found = project(trial, {i: grads[i] for i in trial.real}, direction(trial, "truth"))
        return found.agrees or found.at_a_kink or not found.known

    def _by_numbers(self, inputs, dy):
        """Central differences, extrapolated once, for every number."""
        if sum(inputs[i].size for i in self.trial.grads) > FEW:
            raise CodeError("too many numbers")
        return {i: self._column(inputs, i, dy) for i in self.trial.grads}

    def _column(self, inputs, i, dy):
        x = inputs[i].astype(float)
        step = STEP * (rms(x) or 1.0)

        def rise(index, step):
            moved = x.copy()
            moved[index] += step
            given = (*inputs[:i], moved.astype(inputs[i].dtype), *inputs[i + 1 :])
            pairs = zip(dy, self.trial.forward(given), strict=True)
            return sum(float(np.sum(d * y.astype(float))) for d, y in pairs)

        def slope(index):
            near, far = (rise(index, h) - rise(index, -h) for h in (step, 2 * step))
            return (8 * near - far) / (12 * step)

        return np.reshape([slope(index) for index in np.ndindex(x.shape)], x.shape)


def _as_it_is(subject, _):
    """The forward of a copy: code for every array library takes JAX's arrays too."""
    return subject.anew().forward


BARE = SimpleNamespace(packed_for_reference=lambda leaves: leaves)  # its leaves are its arguments


def points_of(trial, truth, words=""):
    """The trial, and others at new inputs of the same kind, as far as they can be had."""
    found = [_point(trial, truth)]
    for draw in range(DRAWS):
        try:
            found.append(_point(_redrawn(trial, draw, words), truth))
        except CodeError:
            continue  # not in the domain
    found += [_point(at, truth) for at in _elsewhere(trial)]
    return [point for point in found if point is not None] if found[0] is not None else []


def _point(trial, truth):
    try:
        right = truth(trial.inputs, trial.dy)
        return (
            None if right is None or set(trial.grads) != set(right) else Point(trial, right, truth)
        )
    except CodeError:
        return None


def _elsewhere(trial):
    """The ordinary inputs, of which special ones were made, and other special ones.

    There a gradient is right, or wrong for the same reason: a place has to fit them all.
    """
    at = trial.origin
    if at is None or [x.shape for x in at.inputs] != [x.shape for x in trial.inputs]:
        return
    yield at
    domains = [recognized(x) for x in at.inputs]
    for probe in probes.of_values(at, domains):
        if probe.words.endswith(KINDS) and (other := trial_at(at, probe.inputs)) is not None:
            yield other


def _redrawn(trial, draw, words):
    """A trial at new inputs of the same kind; for special inputs, at special ones of the kind."""
    ordinary = trial.origin or trial
    rng = trial.generator("again", str(draw))
    inputs = tuple(
        redrawn(x, rng) if i in trial.real or draw else x for i, x in enumerate(ordinary.inputs)
    )
    if trial.origin is not None:
        again = ordinary.at(inputs)
        domains = [recognized(x) for x in inputs]
        made = {probe.words: probe.inputs for probe in probes.of_values(again, domains)}
        inputs = made.get(words, trial.inputs)
    dy = [rng.normal(size=d.shape).astype(d.dtype) * (largest(d) or 1.0) for d in trial.dy]
    other = trial.at(inputs, dy)
    other.origin = trial.origin
    return other


def redrawn(x, rng):
    """Other numbers of the same kind: in another order, and a little larger or smaller."""
    if not x.size or not is_floating(x.dtype):
        return rng.choice(x.ravel(), x.shape) if x.size else x
    wide = x.astype(float)
    mixed = rng.permutation(wide.ravel()).reshape(x.shape) * rng.uniform(0.8, 1.2, size=x.shape)
    domain = recognized(x)
    return mixed.astype(x.dtype) if domain.name == "real" else values.kept(domain, domain.drawn(x))
