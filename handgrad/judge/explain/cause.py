"""The cause: what is wrong with the gradients of a trial, by the simplest hypothesis that explains it."""

import numpy as np

from handgrad.judge.calls import CodeError
from handgrad.judge.explain import factors, places
from handgrad.judge.explain.bits import imprecise, lost_bits
from handgrad.judge.explain.budget import SECONDS, OutOfTimeError
from handgrad.judge.explain.changes import some_axes
from handgrad.judge.explain.flow import flows_of
from handgrad.judge.explain.memory import kept_state, overwriting
from handgrad.judge.explain.numbers import added, dropped_output, permuted, rearranged
from handgrad.judge.explain.points import Truth, points_of
from handgrad.judge.explain.upstream import misuse_of_dy
from handgrad.judge.explain.where import wrong_places
from handgrad.judge.explain.words import axes_named, stated
from handgrad.judge.laws.linearity import scaled, scales_of
from handgrad.judge.trial import largest
from handgrad.judge.verdict import Status

LINEARITY = {"scaling passes through", "scaling passes through far away"}
LINEARITY |= {"sums pass through", "outputs add up"}
STATEFUL = {"deterministic", "results last", "changes in place are seen", "calls do not matter"}
STATEFUL |= {"forwards do not mix", "the past does not matter"}
LAYOUT = {"layout does not matter"}
OVERWRITTEN = {"nothing is overwritten", "nothing is overwritten at any scale"}
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
        self.probe = next((f.probe for f in findings if f.probe), "")
        self.truth = Truth(trial, oracle)
        self.points = points_of(trial, self.truth, self.probe) if trial.grads else []
        grads = trial.grads if self.points else ()
        self.wrong = [i for i in grads if not self.points[0].is_right(i)]
        self.flows = []

    @property
    def checks(self):
        return {finding.check for finding in self.findings}

    def found_by(self, checks):
        """The first finding of one of these checks."""
        return next(f for f in self.findings if f.check in checks)

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
        for look in _looks(suspect):
            if sentence := _seen(look, suspect):
                return sentence
    except OutOfTimeError:
        said = _unexplained(suspect, "") or first.message
        return f"{said}; no cause was found in {SECONDS:g} s"
    if suspect.checks & STATEFUL:
        return f"state is kept: {suspect.found_by(STATEFUL).message}"
    if first.check in LINEARITY:
        return first.message
    return _unexplained(suspect, ", in no simple way")


def _seen(look, suspect):
    suspect.budget.spend()
    try:
        return look(suspect)
    except CodeError:
        return ""  # the code, or the oracle, does not go there


def _looks(suspect):
    """What to look for, in which order, for the checks that failed and their statuses."""
    checks, subject = suspect.checks, suspect.trial.subject
    yield from (look for known, look in FOR_CHECKS if known & checks)
    if any(finding.status is Status.IMPRECISE for finding in suspect.findings):
        yield lambda s: imprecise(s.trial, s.findings)
    if subject.reentrant:
        yield _simple
    if not subject.fed:
        yield _kept_state
    yield from (_simple, _of_tape, _at_last)


def _kept_state(suspect):
    return kept_state(suspect.trial, suspect.right)


def _overwriting(suspect):
    trial = suspect.trial
    dys = (scaled(trial.dy, c) for c in (1.0, *scales_of(trial)))
    said = (overwriting(trial.subject, trial.inputs, trial.library, dy) for dy in dys)
    return next(filter(None, said), "")


def _misfit(suspect):
    """A gradient of another shape: what it is of the right one."""
    finding = suspect.found_by(MISFIT)
    i, right = finding.input, suspect.right()
    if right is None or i not in right or i not in suspect.trial.grads:
        return finding.message
    dx, wanted = suspect.trial.grads[i].astype(float), right[i]
    if dx.shape == wanted.shape:
        return finding.message
    guesses = [("it is transposed", dx.T)]
    for axes in some_axes(dx.ndim):
        words = f"a sum over {axes_named(axes)} is missing, along which it was stretched"
        guesses += [(words, np.sum(dx, axis=axes, keepdims=keep)) for keep in (False, True)]
    fits = (w for w, g in guesses if g.shape == wanted.shape and np.allclose(g, wanted))
    return ": ".join([finding.message, *list(fits)[:1]])


SHARED = {"gradients own their memory"}
MISFIT = {"gradients fit their inputs"}
FOR_CHECKS = (
    (OVERWRITTEN, _overwriting),
    (MISFIT, _misfit),
    (SHARED, lambda s: f"{s.found_by(SHARED).message} (an alias): writing into one changes both"),
    (STATEFUL | LINEARITY | LAYOUT, _kept_state),
    ({"deterministic"}, lambda s: f"state is kept: {s.found_by({'deterministic'}).message}"),
    ({"sums pass through"}, lambda s: _lost_bits(s) if len(s.checks & LINEARITY) == 1 else ""),
    (LINEARITY, lambda s: misuse_of_dy(s.trial, s.right)),
    (LAYOUT, lambda s: f"strides are ignored: {s.findings[0].message}"),
)


def _lost_bits(suspect):
    return _of_each(suspect, (lost_bits,))


def _simple(suspect):
    """What is wrong with the numbers, if it is simple."""
    return _of_each(suspect, (dropped_output, *LOOKS, permuted))


def _at_last(suspect):
    """Each gradient by itself, and at which places, though these have no name."""
    return _of_each(suspect, (*LOOKS, permuted, lambda p, i: wrong_places(p, i, vaguely=True)))


def _of_each(suspect, looks):
    """The first look that has words, for each wrong input; "" unless all have some."""
    said = {}
    for i in suspect.wrong:
        said[i] = next(filter(None, (_tried(look, suspect, i) for look in looks)), "")
        if not said[i]:
            return ""
    return _grouped(suspect, said)


def _tried(look, suspect, i):
    """What a look says of all points, or of the special ones alone."""
    suspect.budget.spend()
    special = [point for point in suspect.points if point.trial is not suspect.trial.origin]
    for points in (suspect.points, special)[: 1 + (len(special) < len(suspect.points))]:
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


def _of_tape(suspect):
    """One operation of the forward whose derivative is wrong: of all inputs, or of each.

    The forward is the reference's, or the subject's own: its values may be those that are mistaken.
    """
    said = (_of_program(suspect, oracle) for oracle in suspect.truth.known())
    return next(filter(None, said), "")


def _of_program(suspect, oracle):
    wrong = suspect.wrong
    flows = flows_of(suspect.points, oracle) if wrong else []
    if not flows:
        return ""
    suspect.flows = suspect.flows or flows
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


def _unexplained(suspect, how):
    """Where the error is, or how large, where no cause was found."""
    said = {}
    for i in suspect.wrong:
        point = suspect.points[0]
        off = largest(point.wrong[i] - point.right[i]) / (point.size(i) or 1.0)
        said[i] = f"is wrong, by up to {off:.1e} of its size{how}"
        if strange := np.count_nonzero(~np.isfinite(point.wrong[i])):
            said[i] = f"is not finite at {strange} of {point.wrong[i].size} places"
        said[i] = wrong_places(suspect.points, i, vaguely=True) or said[i]
    name = places.entry(suspect.flows, suspect.wrong) if suspect.flows else ""
    comes_in = f"; what arrives at {name} is wrong, and explains all of it" if name else ""
    return f"{_grouped(suspect, said)}{comes_in}"


LOOKS = (factors.known, lost_bits, rearranged, factors.plainly, wrong_places, added)
