"""The cause: what is wrong with the gradients of a trial, by the simplest hypothesis that explains it."""

from dataclasses import replace
from functools import cached_property

import numpy as np

from handgrad.judge.diagnosis import arguments, factors, hypotheses
from handgrad.judge.diagnosis.bits import imprecise, lost_bits
from handgrad.judge.diagnosis.contracts import layout, misfit
from handgrad.judge.diagnosis.memory import kept_state, overwriting, sharing
from handgrad.judge.diagnosis.naming import gradients_of, percent, stated
from handgrad.judge.diagnosis.permutation import permuted, shifted_inside
from handgrad.judge.diagnosis.places import wrong_places
from handgrad.judge.diagnosis.points import EXACT, NEARLY, best, left_over, points_of
from handgrad.judge.diagnosis.terms import Flows
from handgrad.judge.diagnosis.truth import Truth
from handgrad.judge.diagnosis.upstream import misuse_of_dy
from handgrad.judge.laws.linearity import scaled, scales_of
from handgrad.judge.nearby import NEARBY
from handgrad.judge.subjects import StatefulLayer
from handgrad.judge.trial import largest
from handgrad.judge.verdict import Status

FITS, OVERWRITES = "gradients fit their inputs", "nothing is overwritten"
OWNS, LAYOUT = "gradients own their memory", "layout does not matter"
LINEARITY = {
    "zero gives zero",
    "scaling passes through",
    "scaling passes through far away",
    "sums pass through",
    "outputs add up",
}
FAR_OFF = 100  # times what the right gradients are known to
ANY_SCALE = "nothing is overwritten at any scale"
CACHED = (
    "state is kept: what belongs to other inputs is found again for those that are nearly the "
    "same, or partly the same (a cache, and its key?)"
)
SAID = {  # by the law itself
    "instances do not mix": (
        "state is kept where all instances share it, on the class or in the module: the backward of "
        "one takes what the forward of another left"
    ),
    "results are the callers": (
        "a result is kept, and returned again (an alias): who writes into it changes later calls"
    ),
}
STATEFUL = {
    "results stay",
    "results last",
    "changes in place are seen",
    "calls do not matter",
    "forwards do not mix",
    "the past does not matter",
}


class Suspect:
    """A trial that failed, the checks that it failed, and what they said."""

    def __init__(self, trial, findings, automatic=None, description=""):
        self.trial, self.findings, self.description = trial, findings, description
        self.checks = {finding.check for finding in findings}
        self.automatic = automatic
        self.truth = Truth(trial, automatic)

    @cached_property
    def points(self):
        """Where the gradients are looked at; more precisely if nothing shows."""
        points = points_of(self.trial, self.truth, self.description)
        if points and all(map(points[0].is_right, self.trial.grads)) and self.trial.origin is None:
            fine = Truth(self.trial, self.automatic, fine=True)
            return points_of(self.trial, fine, self.description)
        return points


def diagnose(suspect):
    """A sentence on what is wrong with the gradients of a trial, or ""."""
    first = suspect.findings[0].check if suspect.findings else ""
    if suspect.description == NEARBY and _is_right_before(suspect):
        return CACHED
    if first in SAID:
        return SAID[first]
    for look in _looks(suspect.checks | {finding.status for finding in suspect.findings}):
        try:
            sentence = look(suspect)
        except Exception:
            continue  # what cannot be computed explains nothing
        if sentence:
            return sentence
    kept = [finding.message for finding in suspect.findings if finding.check in STATEFUL]
    return f"state is kept: {kept[0]}" if kept else ""


def _looks(checks):
    """What to look for, in which order, for the checks that failed and their statuses."""
    if OVERWRITES in checks:
        yield lambda s: overwriting(s.trial.subject, s.trial.inputs, s.trial.library, s.trial.dy)
    if ANY_SCALE in checks:
        yield _overwriting_at_any_scale
    if FITS in checks:
        yield lambda s: misfit(s.trial, s.truth)
    if OWNS in checks:
        yield lambda s: sharing(s.trial)
    if checks & (STATEFUL | LINEARITY | {LAYOUT}):
        yield lambda s: kept_state(s.trial, s.truth)
    if checks & LINEARITY == {"sums pass through"}:
        yield _bits_of_each
    if checks & LINEARITY:
        yield lambda s: misuse_of_dy(s.trial, s.truth)
    if LAYOUT in checks:
        yield lambda s: layout(s.trial)
    if Status.IMPRECISE in checks:
        yield lambda s: imprecise(s.trial, s.findings)
    yield _simple_first
    yield lambda s: kept_state(s.trial, s.truth)
    yield _past
    yield _values


def _is_right_before(suspect):
    """Whether the gradients are right where those nearby are far off."""
    near, at = suspect.points, suspect.trial.origin
    points = points_of(at, Truth(at, suspect.automatic)) if near and at is not None else []
    if not points or not all(map(points[0].is_right, points[0].trial.grads)):
        return False
    return any(_is_far_off(near[0], i) for i in suspect.trial.grads)


def _is_far_off(point, i):
    off = largest(point.wrong[i] - point.right[i])
    return off > FAR_OFF * point.truth.accuracy * point.size(i)


def _overwriting_at_any_scale(suspect):
    trial = suspect.trial
    found = (
        overwriting(trial.subject, trial.inputs, trial.library, scaled(trial.dy, c))
        for c in scales_of(trial)
    )
    return next(filter(None, found), "")


def _simple_first(suspect):
    """What is wrong with the numbers, if it is simple; a layer's memory is looked at before."""
    if isinstance(suspect.trial.subject, StatefulLayer):
        return ""
    return _of_points(suspect, (_simple,))


def _past(suspect):
    """Whether it is right when nothing was called before."""
    trial, points = suspect.trial, suspect.points[:1]
    if trial.subject.pristine is None or not points or all(map(points[0].is_right, trial.grads)):
        return ""
    fresh = replace(points[0], trial=trial.on(trial.subject.pristine.anew()))
    if not all(map(fresh.is_right, trial.grads)):
        return ""
    return "state is kept: an instance that was never called gives the right gradients here"


def _values(suspect):
    """What is wrong with the numbers."""
    return _of_points(suspect, (_simple, _jointly, _of_each_rearranged, _paths, _of_each_at_last))


def _of_points(suspect, looks):
    trial = suspect.trial
    points = suspect.points
    wrong = [i for i in trial.grads if points and not points[0].is_right(i)]
    if not wrong:
        return ""
    seen = f"; only with {suspect.description}" if trial.origin and suspect.description else ""
    special = [point for point in points if point.trial is not trial.origin]
    for these in (points, special) if len(special) < len(points) else (points,):
        for look in looks:
            if sentence := look(these, wrong):
                return f"{sentence}{seen}"
    return ""


def _grouped(trial, sentences):
    """{input: sentence} as one text, with the inputs of one sentence together."""
    together = {}
    for i, sentence in sentences.items():
        together.setdefault(sentence, []).append(i)
    return "; ".join(stated(trial, which, words) for words, which in together.items())


def _of_each(points, wrong, looks):
    """The first look that has a sentence, for each wrong input; "" unless all have one."""
    sentences = {}
    for i in wrong:
        sentences[i] = next(filter(None, (_tried(look, points, i) for look in looks)), "")
        if not sentences[i]:
            return ""
    return _grouped(points[0].trial, sentences)


def _tried(look, points, i):
    try:
        return look(points, i)
    except Exception:
        return ""  # what cannot be computed explains nothing


def _simple(points, wrong):
    looks = (
        _earlier,
        _of_dropped_outputs,
        _factor,
        factors.counted,
        _bits,
        _whole,
        _exact_factor,
        wrong_places,
        _additions,
    )
    return _of_each(points, wrong, looks)


def _earlier(points, i):
    """Whether it is the gradient at the ordinary inputs, although these are special."""
    trial = points[0].trial
    earlier = trial.origin.grads.get(i) if trial.origin is not None else None
    if earlier is None or not np.any(points[0].wrong[i]):
        return ""
    same = np.array_equal(earlier, points[0].wrong[i])
    return "is the one of an earlier call, at other inputs: state is kept" if same else ""


def _factor(points, i):
    found = factors.factor_of(points, i)
    if not found or not found[0]:
        return ""
    words = factors.said(found[0], points, i)
    return f"{words} ({percent(found[1])})" if words else ""


def _said(found):
    return f"{found[0]} ({percent(found[1])})" if found else ""


def _of_dropped_outputs(points, i):
    """Whether dy of one of several outputs is not used: other guesses may fit by chance."""
    drops = (("is wrong: " + words, change) for words, change in arguments.drops(points[0]))
    guesses = [(words, arguments.asked(i, dy=change)) for words, change in drops]
    return _said(best(points, i, guesses, EXACT))


def _whole(points, i):
    return _said(best(points, i, hypotheses.whole(i, points), NEARLY))


def _additions(points, i):
    return _said(best(points, i, hypotheses.added(i, points), 1e-6))


def _paths(points, _):
    """One operation of the forward whose derivative is wrong."""
    return Flows(points).sentence() if points[0].truth.program else ""


def _bits(points, i):
    return lost_bits(points, i)


def _bits_of_each(suspect):
    return _of_points(suspect, (lambda points, wrong: _of_each(points, wrong, (_bits,)),))


def _jointly(points, wrong):
    """One misuse of dy that explains all of several gradients."""
    for words, change in arguments.misuses_of_dy(points[0]):
        guesses = [(i, arguments.asked(i, dy=change)) for i in wrong]
        try:
            left = max(left_over(points[:1], *guess) for guess in guesses)
            if left <= EXACT:
                left = max(left_over(points, *guess) for guess in guesses)
        except Exception:
            continue
        if left <= EXACT:
            return f"in {gradients_of(points[0].trial, wrong)}, {words} ({percent(left)})"
    return ""


def _of_each_rearranged(points, wrong):
    return _of_each(points, wrong, (_rearranged,))


def _rearranged(points, i):
    """Whether an input is read with its numbers in other places, or all is run backwards."""
    inputs = arguments.of_inputs(points, i, arguments.rearranged_inputs)
    return _said(best(points, i, (*inputs, *arguments.turned_round(points, i)), EXACT))


def _of_each_at_last(points, wrong):
    """Each gradient by itself, as well as may be."""
    flows = Flows(points)
    looks = (
        _factor,
        _bits,
        _whole,
        _rearranged,
        wrong_places,
        _additions,
        lambda points, i: _said(best(points, i, arguments.of_dy(points, i), EXACT)),
        lambda points, i: flows.sentence([i]) if points[0].truth.program else "",
        lambda points, i: _said(best(points, i, arguments.of_inputs(points, i), EXACT)),
        _any_factor,
        permuted,
        shifted_inside,
        lambda points, i: wrong_places(points, i, vaguely=True),
        _unexplained,
    )
    return _of_each(points, wrong, looks)


def _any_factor(points, i, allowed=NEARLY):
    found = factors.factor_of(points, i)
    if not found or found[1] > allowed:
        return ""
    return f"{factors.plainly(found[0])} ({percent(found[1])})"


def _exact_factor(points, i):
    return _any_factor(points, i, EXACT)


def _unexplained(points, i):
    point = points[0]
    with np.errstate(all="ignore"):
        off = largest(point.wrong[i] - point.right[i]) / (point.size(i) or 1.0)
    return f"is wrong, by up to {off:.1e} of its size, in no simple way"
