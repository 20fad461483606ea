"""The cause: what is wrong with the gradients of a trial, by the simplest hypothesis that explains it."""

from collections.abc import Callable

import numpy as np

from handgrad.judge.calls import CodeError
from handgrad.judge.explain import changes, factors, places
from handgrad.judge.explain.bits import imprecise, lost_bits
from handgrad.judge.explain.budget import SECONDS, OutOfTimeError
from handgrad.judge.explain.flow import flows_of
from handgrad.judge.explain.memory import kept_state, overwriting, sharing
from handgrad.judge.explain.points import Truth, best, points_of
from handgrad.judge.explain.upstream import misuse_of_dy
from handgrad.judge.explain.where import permuted, wrong_places
from handgrad.judge.explain.words import input_name, rounded, stated
from handgrad.judge.laws.linearity import scaled, scales_of
from handgrad.judge.trial import largest
from handgrad.judge.verdict import Status

LINEARITY = {"zero gives zero", "scaling passes through", "scaling passes through far away"}
LINEARITY |= {"sums pass through", "outputs add up"}
STATEFUL = {"deterministic", "results last", "changes in place are seen", "calls do not matter"}
STATEFUL |= {"forwards do not mix", "the past does not matter"}
SAID = {
    "instances do not mix": (
        "state is kept where all instances share it, on the class or in the module: the backward of "
        "one takes what the forward of another left"
    ),
    "results are the callers": (
        "a result is kept, and returned again (an alias): who writes into it changes later calls"
    ),
    "gradients add up": "state is kept: the gradient of {what} accumulates over calls",
    "parameters stay": "backward changes {what}: train outside of it",
}


class Suspect:
    """A trial that failed, what was found there, and the right gradients."""

    def __init__(self, trial, findings, oracle, budget):
        self.trial, self.findings, self.budget = trial, findings, budget
        self.checks = {finding.check for finding in findings}
        self.probe = next((f.probe for f in findings if f.probe), "")
        self.truth = Truth(trial, oracle)
        self.points = points_of(trial, self.truth, self.probe) if trial.grads else []

    def right(self, inputs=None, dy=None):
        """The right gradients there, or None."""
        at = self.trial
        return self.truth(at.inputs if inputs is None else inputs, at.dy if dy is None else dy)


def diagnose(suspect):
    """A sentence on what is wrong with the gradients of a trial."""
    first = suspect.findings[0]
    if first.check in SAID:
        return SAID[first.check].format(what=first.what)
    try:
        if sentence := _seen(suspect):
            return sentence
    except OutOfTimeError:
        said = _unexplained(suspect, "") or first.message
        return f"{said}; no cause was found in {SECONDS:g} s"
    if suspect.checks & STATEFUL:
        kept = next(f for f in suspect.findings if f.check in STATEFUL)
        return f"state is kept: {kept.message}"
    return _unexplained(suspect, ", in no simple way")


def _seen(suspect):
    """What the first look says that says something, or ""."""
    for look in _looks(suspect):
        suspect.budget.spend()
        try:
            if sentence := look(suspect):
                return sentence
        except CodeError:
            continue  # the code, or the oracle, does not go there
    return ""


def _looks(suspect):
    """What to look for, in which order, for the checks that failed and their statuses."""
    checks = suspect.checks
    statuses = {finding.status for finding in suspect.findings}
    if "nothing is overwritten" in checks or "nothing is overwritten at any scale" in checks:
        yield _overwriting
    if "gradients fit their inputs" in checks:
        yield _misfit
    if "gradients own their memory" in checks:
        yield lambda s: sharing(s.trial)
    if checks & (STATEFUL | LINEARITY | {"layout does not matter"}):
        yield lambda s: kept_state(s.trial, s.right)
    if "deterministic" in checks:
        kept = next(f for f in suspect.findings if f.check == "deterministic")
        yield lambda _: f"state is kept: {kept.message}"
    if checks & LINEARITY == {"sums pass through"}:
        yield lambda s: _of_each(s, (lost_bits,))
    if checks & LINEARITY:
        yield lambda s: misuse_of_dy(s.trial, s.right)
    if "layout does not matter" in checks:
        yield lambda s: f"strides are ignored: {s.findings[0].message}"
    if Status.IMPRECISE in statuses:
        yield lambda s: imprecise(s.trial, s.findings)
    stateful = not suspect.trial.subject.reentrant
    yield from (() if stateful else (_simple,))
    yield from () if suspect.trial.subject.fed else (lambda s: kept_state(s.trial, s.right),)
    yield from (_simple, _of_tape, _at_last)


def _overwriting(suspect):
    trial = suspect.trial
    for c in (1.0, *scales_of(trial)):
        dy = scaled(trial.dy, c)
        if sentence := overwriting(trial.subject, trial.inputs, trial.library, dy):
            return sentence
    return ""


def _misfit(suspect):
    """A gradient of another shape: what it is of the right one."""
    finding = next(f for f in suspect.findings if f.check == "gradients fit their inputs")
    i, right = finding.input, suspect.right()
    if right is None or i not in right or i not in suspect.trial.grads:
        return finding.message
    dx, wanted = suspect.trial.grads[i].astype(float), right[i]
    if dx.shape == wanted.shape:
        return finding.message
    for axes in changes.some_axes(dx.ndim):
        for keep in (False, True):
            summed = np.sum(dx, axis=axes, keepdims=keep)
            if summed.shape == wanted.shape and np.allclose(summed, wanted):
                over = changes.axes_named(axes)
                return (
                    f"{finding.message}: a sum over {over} is missing, along which it was stretched"
                )
    if dx.T.shape == wanted.shape and np.allclose(dx.T, wanted):
        return f"{finding.message}: it is transposed"
    return finding.message


def _wrong(suspect):
    points = suspect.points
    return [i for i in suspect.trial.grads if points and not points[0].is_right(i)]


def _simple(suspect):
    """What is wrong with the numbers, if it is simple."""
    return _of_each(suspect, (_of_dropped_outputs, *LOOKS, permuted))


def _of_each(suspect, looks):
    """The first look that has words, for each wrong input; "" unless all have some."""
    said = {}
    for i in _wrong(suspect):
        for look in looks:
            suspect.budget.spend()
            said[i] = _tried(look, suspect, i)
            if said[i]:
                break
        if not said[i]:
            return ""
    return _grouped(suspect, said)


def _tried(look, suspect, i):
    special = [point for point in suspect.points if point.trial is not suspect.trial.origin]
    for points in (suspect.points, special) if len(special) < len(suspect.points) else (special,):
        try:
            if words := look(points, i):
                return words
        except CodeError:
            continue
    return ""


def _grouped(suspect, said):
    """{input: words} as one text, with the inputs of the same words together."""
    together = {}
    for i, words in said.items():
        together.setdefault(words, []).append(i)
    text = "; ".join(stated(suspect.trial, which, words) for words, which in together.items())
    seen = suspect.probe if suspect.trial.origin is not None else ""
    return f"{text}; only with {seen}" if text and seen else text


def _of_dropped_outputs(points, i):
    """Whether dy of one of several outputs is not used."""
    if len(points[0].dy) < 2:
        return ""

    def without(point, k):
        return point.truth(point.inputs, [0 * d if n == k else d for n, d in enumerate(point.dy)])[
            i
        ]

    guesses = [
        (f"is wrong: dy of output {k} is dropped", lambda p, k=k: without(p, k))
        for k in range(len(points[0].dy))
    ]
    return best(points, i, guesses)


def _whole(points, i):
    """The right gradient in other places, summed, masked; or that of another input."""
    shape = points[0].right[i].shape
    guesses: list[tuple[str, Callable]] = [
        (f"is {words}", lambda p, c=change: c(p.right[i])) for words, change in changes.every(shape)
    ]
    for j, other in points[0].right.items():
        if j == i:
            continue
        name = input_name(points[0].trial, j)
        swapped = f"is the gradient of {name}"
        if other.shape == shape:
            guesses.append((f"{swapped}: the two are swapped", lambda p, j=j: p.right[j]))
            guesses.append((f"has the {swapped[7:]} added", lambda p, j=j: p.right[i] + p.right[j]))
        if other.ndim == 2 and other.T.shape == shape:
            words = f"{swapped}, transposed: the two are swapped"
            guesses.append((words, lambda p, j=j: p.right[j].T))
    return best(points, i, guesses)


def _added(points, i):
    """Something that is added: a multiple of an input, of dy, of y, or of 1; or dy itself."""
    point = points[0]
    things = {"dy": lambda p: p.dy[0], "the output": lambda p: p.y[0], "1": lambda p: np.ones(1)}
    things |= {input_name(point.trial, j): lambda p, j=j: p.inputs[j] for j in point.trial.real}
    guesses: list[tuple[str, Callable]] = []
    if point.dy[0].shape == point.right[i].shape:
        guesses.append(("is dy itself: the derivative is taken as 1", lambda p: p.dy[0]))
        words = (
            "is dy less what it should be: the slope is taken as 1 less itself (a mask inverted?)"
        )
        guesses.append((words, lambda p: p.dy[0] - p.right[i]))
    if point.dy[0].shape == point.right[i].shape and _acts_on_each(point, i):
        for form, of in changes.FORMS.items():
            for name, value in (("x", lambda p: p.inputs[i]), ("the output", lambda p: p.y[0])):
                if value(point).shape == point.right[i].shape:
                    words = f"is wrong: the derivative is taken as {form.format(name)}"
                    guesses.append((words, lambda p, o=of, v=value: p.dy[0] * o(v(p))))
    for name, thing in things.items():
        try:
            a = np.broadcast_to(thing(point), point.right[i].shape).astype(float)
        except ValueError:
            continue
        square = float(np.sum(a * a))
        if square and point.wrong[i].shape == a.shape:
            c = float(np.sum((point.wrong[i] - point.right[i]) * a)) / square
            times = "" if abs(abs(c) - 1) < 1e-7 else f"{rounded(abs(c))} × "
            words = f"has a term too many: {times}{name} is added"
            if c < 0:
                words = f"lacks a term: {times}{name} is dropped"
            guesses.append((words, lambda p, c=c, t=thing: p.right[i] + c * t(p)))
    return best(points, i, guesses)


def _acts_on_each(point, i):
    """Whether every number of dy goes to one number of the gradient alone."""
    weights = 1.0 + np.arange(point.dy[0].size).reshape(point.dy[0].shape)
    weighted = point.truth(point.inputs, (weights * point.dy[0], *point.dy[1:]))
    return weighted is not None and np.allclose(weighted[i], weights * point.right[i], rtol=1e-6)


def _of_tape(suspect):
    """One operation of the forward whose derivative is wrong: of all inputs, or of each.

    The forward is the reference's, or the subject's own: its values may be those that are mistaken.
    """
    for oracle in suspect.truth.known():
        if sentence := _of_program(suspect, oracle):
            return sentence
    return ""


def _of_program(suspect, oracle):
    wrong = _wrong(suspect)
    flows = flows_of(suspect.points, oracle) if wrong else []
    if not flows:
        return ""
    touched, words = places.explain(flows, wrong, suspect.budget)
    if words:
        return _grouped(suspect, dict.fromkeys(touched, words))
    said = {}
    for i in wrong if len(wrong) > 1 else ():
        simple = (_tried(look, suspect, i) for look in LOOKS)
        said[i] = next(filter(None, simple), "") or places.explain(flows, [i], suspect.budget)[1]
        if not said[i]:
            return ""
    return _grouped(suspect, said)


def _at_last(suspect):
    """Each gradient by itself, and at which places, though these have no name."""
    return _of_each(suspect, (*LOOKS, permuted, lambda p, i: wrong_places(p, i, vaguely=True)))


def _unexplained(suspect, how):
    wrong = _wrong(suspect)
    if not wrong:
        return ""
    point, said = suspect.points[0], {}
    for i in wrong:
        off = largest(point.wrong[i] - point.right[i]) / (point.size(i) or 1.0)
        said[i] = f"is wrong, by up to {off:.1e} of its size{how}"
        strange = np.count_nonzero(~np.isfinite(point.wrong[i]))
        if strange:
            said[i] = f"is not finite at {strange} of {point.wrong[i].size} places"
    return _grouped(suspect, said)


LOOKS = (factors.known, lost_bits, _whole, factors.plainly, wrong_places, _added)
