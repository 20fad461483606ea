"""Upstream: what a backward that is not linear in dy does to dy, or to its own result.

Whatever it does, it shows in the answers to dy that are large, small, positive or 0.
"""

import numpy as np

from handgrad.judge.calls import CodeError
from handgrad.judge.explain.words import close, input_name, of_gradients, rounded
from handgrad.judge.libraries import is_floating
from handgrad.judge.trial import largest

FAR = {2: 2.0**9, 4: 2.0**60, 8: 2.0**70}  # by bytes: beyond every threshold, and still a number
FURTHEST = FAR | {8: 2.0**200}  # what float32 would lose
BISECTIONS = 50


class Answers:
    """The subject's and the right gradients of one input, as functions of dy."""

    def __init__(self, trial, truth, i):
        self.trial, self.i, self._truth = trial, i, truth
        self.bytes = min((d.dtype.itemsize for d in trial.dy if is_floating(d.dtype)), default=8)
        self.far = FAR[self.bytes]
        rng = trial.generator("upstream")
        self.slope = trial.scale(i) / (max(map(largest, trial.dy)) or 1.0)
        self.dys = [
            trial.dy,
            self.each(lambda d: 5 * rng.normal(size=d.shape)),
            self.each(np.abs),
            self.each(lambda d: d / self.far),
            self.each(lambda d: d * self.far),
        ]

    def given(self, dy):
        return np.asarray(self.trial.real_vjp(list(dy))[self.i], dtype=float)

    def right(self, dy):
        grads = self._truth(self.trial.inputs, [np.asarray(d, dtype=float) for d in dy])
        if grads is None:
            raise CodeError("the right gradient is not known here")
        return grads[self.i]

    def each(self, change, dy=None):
        """A change of every dy that is of real numbers."""
        given = self.trial.dy if dy is None else dy
        return [np.asarray(change(d), d.dtype) if is_floating(d.dtype) else d for d in given]

    def explained(self, guess):
        """Whether a guess at the gradient is right for every dy."""
        return all(self._alike(self.given(dy), guess(dy), dy, guess) for dy in self.dys)

    def _alike(self, given, guess, dy, made):
        """Whether two gradients for a dy agree, up to rounding: of its size, or of a dy of about 1."""
        size = max(map(largest, dy), default=0.0)
        rounding = 1e-12 * self.slope * (size if made == self.right else max(size, 1.0))
        off = np.abs(given - guess)
        return given.shape == guess.shape and bool(np.all(off <= 1e-6 * largest(guess) + rounding))


def misuse_of_dy(trial, truth):
    """A sentence on how the backward misuses dy, or ""."""
    found = {}
    for i in trial.grads:
        answers = Answers(trial, truth, i)
        if not answers.explained(answers.right) and (sentence := _sentence(answers)):
            found.setdefault(sentence, []).append(i)
    if len(found) == 1 and len(trial.grads) > 1 and len(*found.values()) == len(trial.grads):
        return next(iter(found))
    parts = (f"in {of_gradients(trial, which)}, {sentence}" for sentence, which in found.items())
    return "; ".join(parts)


def _sentence(answers):
    for look in (_of_dy, _of_slopes, _clipped, _of_result, _cut, _added, _power):
        try:
            for sentence, guess in look(answers):
                if guess is None or answers.explained(guess):
                    return sentence
        except CodeError:
            continue  # what cannot be computed explains nothing
    return ""


def _of_dy(answers):
    for words, change in CHANGES:
        yield (
            f"the upstream gradient is {words}",
            lambda dy, f=change: answers.right(answers.each(f, dy)),
        )


CHANGES = (
    ("ignored: it is taken as 1", np.ones_like),
    ("ignored but for its sign", np.sign),
    ("used twice: it is squared", np.square),
    ("used twice: it is squared, with its sign kept", lambda d: d * np.abs(d)),
    ("used three times: it is cubed", lambda d: d**3),
)


def _of_slopes(answers):
    """Positive and negative numbers of dy have factors of their own."""
    factors = []
    for sign in (1, -1):
        dy = answers.each(lambda d, sign=sign: sign * np.abs(d))
        right = answers.right(dy)
        factors.append(float(np.sum(answers.given(dy) * right) / np.sum(right * right)))
    above, below = (round(a, 6) + 0.0 for a in factors)
    if above == below:
        return
    words = {
        (1.0, -1.0): "used without its sign: |dy|",
        (1.0, 0.0): "clipped below 0: only its positive part is used, as by a mask dy > 0",
        (0.0, 1.0): "clipped above 0: only its negative part is used, as by a mask dy < 0",
    }.get((above, below), f"treated by its sign: {above:g} times if positive, else {below:g} times")

    def guess(dy):
        return answers.right(answers.each(lambda d: np.where(d > 0, above * d, below * d), dy))

    yield f"the upstream gradient is {words}", guess


def _clipped(answers):
    """A dy beyond every threshold gives the threshold."""
    high, low = _top(answers, 1), _top(answers, -1)
    if not min(high, low) < np.inf or not max(high, low) > 0:
        return
    if not max(high, low) < np.inf:
        limits = f"at most {rounded(high)}" if high < low else f"at least {rounded(-low)}"
    elif abs(high - low) <= 1e-6 * high:
        limits = f"±{rounded(high)}"
    else:
        limits = f"{rounded(-low)} … {rounded(high)}"
    fixed = abs(high + low) <= 1e-6 * abs(high)
    words = f"ignored: it is taken as {rounded(high)}" if fixed else f"clipped to {limits}"

    def guess(dy):
        return answers.right(answers.each(lambda d: np.clip(d, -low, high), dy))

    yield f"the upstream gradient is {words}", guess


def _top(answers, sign):
    """Where dy is cut off on one side; infinity if it is not."""
    dy = answers.each(lambda d: sign * answers.far * (np.abs(d) + 1))
    if not close(answers.given(dy), answers.given(answers.each(lambda d: 2 * d, dy))):
        return np.inf
    unit = answers.right(answers.each(lambda d: np.full_like(d, sign)))
    return float(np.sum(answers.given(dy) * unit) / np.sum(unit * unit))


def _of_result(answers):
    """The result is clipped, or scaled to a norm, or loses its sign."""
    far = answers.given(answers.each(lambda d: answers.far * d))
    if close(far, answers.given(answers.each(lambda d: 2 * answers.far * d))):
        top, norm = largest(far), float(np.linalg.norm(far))
        words = "the gradient itself is clipped to"
        yield f"{words} ±{rounded(top)}", lambda dy: np.clip(answers.right(dy), -top, top)
        yield f"{words} the norm {rounded(norm)}", lambda dy: _to_norm(answers.right(dy), norm)
        unit = answers.right(answers.trial.dy)
        length = _length(answers.trial.dy) * float(np.linalg.norm(far) / np.linalg.norm(unit))
        yield (
            f"the upstream gradient is clipped to the norm {rounded(length)}",
            lambda dy: answers.right(dy) * min(1.0, length / _length(dy)),
        )
    for words, change in RESULTS:
        yield f"the gradient itself {words}", lambda dy, f=change: f(answers.right(dy))
    yield (
        "the gradient is the positive part of dy: a mask of dy is used, and not one of the input",
        lambda dy: np.maximum(_fitting(np.ones_like(answers.right(dy)), dy[0]), 0),
    )
    yield (
        "the upstream gradient is used twice: the right gradient is multiplied by dy again",
        lambda dy: _fitting(answers.right(dy), dy[0]),
    )


RESULTS = (
    ("loses its sign: it is |dx|", np.abs),
    ("is clipped below 0: its negative numbers are masked", lambda g: np.maximum(g, 0)),
    ("is clipped above 0: its positive numbers are masked", lambda g: np.minimum(g, 0)),
    ("is squared", np.square),
    ("is reduced to its sign", np.sign),
)


def _fitting(right, d):
    if right.shape != d.shape:
        raise CodeError("of another shape")
    return right * d


def _to_norm(g, norm):
    return g * min(1.0, norm / (float(np.linalg.norm(g)) or 1.0))


def _length(dy):
    return float(np.sqrt(sum(np.sum(np.square(d, dtype=float)) for d in dy)))


def _cut(answers):
    """Small numbers of dy are dropped."""
    far = FURTHEST[answers.bytes]

    def at(size):
        return answers.given(answers.each(lambda d: np.where(d < 0, -size, size)))

    if np.any(at(1.0 / far)) or not np.any(at(far)):
        return
    low, high = 1.0 / far, far
    for _ in range(BISECTIONS):
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if np.any(at(middle)) else (middle, high)
    says = f"numbers below {high:.3g} in the upstream gradient are cut off, to 0 (a mask)"
    yield (
        says,
        lambda dy: answers.right(answers.each(lambda d: np.where(np.abs(d) < high, 0, d), dy)),
    )


def _added(answers):
    """What comes out when nothing goes in."""
    rest = answers.given(answers.each(lambda d: 0 * d))
    if largest(rest) <= 1e-13 * answers.trial.scale(answers.i):
        return
    if np.any(np.isnan(rest)):
        yield "a dy of 0 gives NaN: something is divided by dy (0 / 0)", None
    what = f"something up to {largest(rest):.3g}"
    for j in answers.trial.real:
        x = answers.trial.inputs[j]
        if x.shape == rest.shape and np.any(x):
            c = float(np.sum(rest * x) / np.sum(x * x))
            if close(rest, c * x):
                what = f"a term {rounded(c)} × {input_name(answers.trial, j)}"
    says = f"{what} is added that does not depend on the upstream gradient"
    yield says, lambda dy: answers.right(dy) + rest
    if not answers.explained(lambda dy: rest):
        yield f"{says}, and more is wrong", None
    yield "the upstream gradient is ignored: the gradient is the same for every dy", None


def _power(answers):
    """backward(2 dy) = 2ᵏ backward(dy) with k other than 1: dy is used k times."""
    once, twice = answers.given(answers.trial.dy), answers.given(answers.each(lambda d: 2 * d))
    if close(once, twice):
        yield "the upstream gradient is ignored, or scaled to a fixed size", None
    for k in (2, 3):
        if close(twice, 2**k * once):
            yield f"the upstream gradient is used {k} times, as in dy^{k}", None
    if not close(answers.given(answers.each(np.negative)), -once):
        yield "the gradient is not linear in dy: −dy does not give its negative", None
