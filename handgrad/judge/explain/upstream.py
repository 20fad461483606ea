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
TAKEN = {
    "ignored: it is taken as 1": np.ones_like,
    "ignored but for its sign": np.sign,
    "used twice: it is squared": np.square,
    "used twice: it is squared, with its sign kept": lambda d: d * np.abs(d),
}
BY_SIGN = {
    (1.0, -1.0): "used without its sign: |dy|",
    (1.0, 0.0): "clipped below 0: only its positive part is used, as by a mask dy > 0",
    (0.0, 1.0): "clipped above 0: only its negative part is used, as by a mask dy < 0",
}


class Answers:
    """The subject's and the right gradients of one input, as functions of dy."""

    def __init__(self, trial, truth, i):
        self.trial, self.i, self._truth = trial, i, truth
        self.bytes = min((d.dtype.itemsize for d in trial.dy if is_floating(d.dtype)), default=8)
        self.far = FAR[self.bytes]
        rng = trial.generator("upstream")
        self.slope = trial.scale(i) / (max(map(largest, trial.dy)) or 1.0)
        noise = self.each(lambda d: 5 * rng.normal(size=d.shape))
        sizes = [self.each(change) for change in (np.abs, self._smaller, self._larger)]
        self.dys = [trial.dy, noise, *sizes]

    def _smaller(self, d):
        return d / self.far

    def _larger(self, d):
        return d * self.far

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
        """Whether a guess at the gradient is right for every dy, up to rounding of a dy of about 1."""
        for dy in self.dys:
            given, made, size = self.given(dy), guess(dy), max(map(largest, dy), default=0.0)
            size = size if guess == self.right else max(size, 1.0)
            bar = 1e-6 * largest(made) + 1e-12 * self.slope * size
            if given.shape != made.shape or not np.all(np.abs(given - made) <= bar):
                return False
        return True


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
    """The words of the first guess at dy, or at the gradient, that explains every answer."""
    for look in (_of_dy, _of_gradient, _added, _not_linear):
        try:
            for sentence, guess in look(answers):
                if guess is None or answers.explained(guess):
                    return sentence
        except CodeError:
            continue  # what cannot be computed explains nothing
    return ""


def _of_dy(answers):
    """Another dy goes in."""
    changes = [*TAKEN.items()]
    for find in (_by_sign, _clipped, _cut):
        changes += find(answers)
    for words, change in changes:
        says = f"the upstream gradient is {words}"
        yield says, lambda dy, change=change: answers.right(answers.each(change, dy))


def _by_sign(answers):
    """Positive and negative numbers of dy have factors of their own."""
    factors = []
    for sign in (1, -1):
        dy = answers.each(lambda d, sign=sign: sign * np.abs(d))
        factors.append(round(_multiple(answers.given(dy), answers.right(dy)), 6) + 0.0)
    above, below = factors
    if above != below:
        plain = f"treated by its sign: {above:g} times if positive, else {below:g} times"
        words = BY_SIGN.get((above, below), plain)
        yield words, lambda d: np.where(d > 0, above * d, below * d)


def _multiple(x, unit):
    return float(np.sum(x * unit) / np.sum(unit * unit))


def _clipped(answers):
    """A dy beyond every threshold gives the threshold."""
    high, low = _top(answers, 1), _top(answers, -1)
    if not min(high, low) < np.inf or not max(high, low) > 0:
        return
    limits = f"{rounded(-low)} … {rounded(high)}"
    if abs(high - low) <= 1e-6 * high:
        limits = f"±{rounded(high)}"
    elif not max(high, low) < np.inf:
        limits = f"at most {rounded(high)}" if high < low else f"at least {rounded(-low)}"
    fixed = abs(high + low) <= 1e-6 * abs(high)
    words = f"ignored: it is taken as {rounded(high)}" if fixed else f"clipped to {limits}"
    yield words, lambda d: np.clip(d, -low, high)


def _top(answers, sign):
    """Where dy is cut off on one side; infinity if it is not."""
    dy = answers.each(lambda d: sign * answers.far * (np.abs(d) + 1))
    if not close(answers.given(dy), answers.given(answers.each(lambda d: 2 * d, dy))):
        return np.inf
    unit = answers.right(answers.each(lambda d: np.full_like(d, sign)))
    return _multiple(answers.given(dy), unit)


def _cut(answers):
    """Small numbers of dy are dropped."""
    low, high = 1.0 / FURTHEST[answers.bytes], FURTHEST[answers.bytes]

    def at(size):
        return answers.given(answers.each(lambda d: np.where(d < 0, -size, size)))

    if np.any(at(low)) or not np.any(at(high)):
        return
    for _ in range(BISECTIONS):
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if np.any(at(middle)) else (middle, high)
    yield f"cut off: numbers below {high:.3g} are 0", lambda d: np.where(np.abs(d) < high, 0, d)


def _of_gradient(answers):
    """The gradient itself is clipped, or scaled to a norm, or loses its sign."""
    far = answers.given(answers.each(lambda d: answers.far * d))
    if close(far, answers.given(answers.each(lambda d: 2 * answers.far * d))):
        top = largest(far)
        words = f"the gradient itself is clipped to ±{rounded(top)}"
        yield words, lambda dy: np.clip(answers.right(dy), -top, top)
    yield "the gradient itself loses its sign: it is |dx|", lambda dy: np.abs(answers.right(dy))
    words = "the gradient itself is clipped below 0: its negative numbers are masked"
    yield words, lambda dy: np.maximum(answers.right(dy), 0)
    if answers.right(answers.trial.dy).shape == answers.trial.dy[0].shape:
        words = "the gradient is the positive part of dy: a mask of dy is used, and not one of the input"
        yield words, lambda dy: np.maximum(dy[0], 0)


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
            c = _multiple(rest, x)
            what = (
                f"a term {rounded(c)} × {input_name(answers.trial, j)}"
                if close(rest, c * x)
                else what
            )
    says = f"{what} is added that does not depend on the upstream gradient"
    yield says, lambda dy: answers.right(dy) + rest
    if not answers.explained(lambda dy: rest):
        yield f"{says}, and more is wrong", None


def _not_linear(answers):
    """What can be said at least."""
    once = answers.given(answers.trial.dy)
    if not close(answers.given(answers.each(np.negative)), -once):
        yield "the gradient is not linear in dy: −dy does not give its negative", None
