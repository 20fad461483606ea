"""The cause: what is wrong with the gradients of a trial, by the simplest hypothesis that explains it."""

import numpy as np

from handgrad.judge.diagnosis import arguments, factors, hypotheses
from handgrad.judge.diagnosis.bits import imprecise, lost_bits
from handgrad.judge.diagnosis.contracts import layout, misfit
from handgrad.judge.diagnosis.memory import kept_state, overwriting, sharing
from handgrad.judge.diagnosis.naming import biggest, gradients_of, percent
from handgrad.judge.diagnosis.places import wrong_places
from handgrad.judge.diagnosis.points import EXACT, NEARLY, best, left_over, points_of
from handgrad.judge.diagnosis.terms import Flows
from handgrad.judge.diagnosis.truth import Truth
from handgrad.judge.diagnosis.upstream import misuse_of_dy

FITS, OVERWRITES = "gradients fit their inputs", "nothing is overwritten"
OWNS, LAYOUT, PRECISION = "gradients own their memory", "layout does not matter", "precision"
LINEARITY = {"zero gives zero", "scaling passes through", "sums pass through"}
STATEFUL = {"results stay", "calls do not matter", "forwards do not mix", "the past does not matter"}


class Suspect:
    """A trial that failed, the checks that it failed, and what they said."""

    def __init__(self, trial, findings, automatic=None, description=""):
        self.trial, self.findings, self.description = trial, findings, description
        self.checks = {finding.check for finding in findings}
        self.automatic = automatic
        self.truth = Truth(trial, automatic)


def diagnose(suspect):
    """A sentence on what is wrong with the gradients of a trial, or ""."""
    for look in _looks(suspect.checks):
        try:
            sentence = look(suspect)
        except Exception:
            continue  # what cannot be computed explains nothing
        if sentence:
            return sentence
    return "state is kept: the result depends on other calls" if suspect.checks & STATEFUL else ""


def _looks(checks):
    """What to look for, in which order."""
    if OVERWRITES in checks:
        yield lambda s: overwriting(s.trial)
    if FITS in checks:
        yield lambda s: misfit(s.trial, s.truth)
    if OWNS in checks:
        yield lambda s: sharing(s.trial)
    if checks & (STATEFUL | LINEARITY):
        yield lambda s: kept_state(s.trial, s.truth)
    if checks & LINEARITY:
        yield lambda s: misuse_of_dy(s.trial, s.truth)
    if LAYOUT in checks:
        yield lambda s: layout(s.trial)
    if PRECISION in checks:
        yield lambda s: imprecise(s.trial, s.findings)
    yield _values
    yield lambda s: kept_state(s.trial, s.truth)


def _values(suspect):
    """What is wrong with the numbers."""
    trial, truth = suspect.trial, suspect.truth
    points = points_of(trial, truth, suspect.description)
    if points and all(points[0].is_right(i) for i in trial.grads) and trial.origin is None:
        truth = Truth(trial, suspect.automatic, fine=True)
        points = points_of(trial, truth, suspect.description)
    if not points:
        return ""
    wrong = [i for i in trial.grads if not points[0].is_right(i)]
    if not wrong:
        return ""
    for look in (_simple, _jointly, _paths, _of_each_at_last):
        if sentence := look(points, wrong):
            where = suspect.description
            return f"{sentence}; seen where {where}" if where and trial.origin else sentence
    return ""


def _grouped(trial, sentences):
    """{input: sentence} as one text, with the inputs of one sentence together."""
    together = {}
    for i, sentence in sentences.items():
        together.setdefault(sentence, []).append(i)
    return "; ".join(f"{gradients_of(trial, which)} {words}" for words, which in together.items())


def _of_each(points, wrong, looks):
    """The first look that has a sentence, for each wrong input; "" unless all have one."""
    sentences = {}
    for i in wrong:
        for look in looks:
            if sentence := look(points, i):
                sentences[i] = sentence
                break
        else:
            return ""
    return _grouped(points[0].trial, sentences)


def _simple(points, wrong):
    return _of_each(points, wrong, (_earlier, _factor, _bits, _whole, _named_places, _additions))


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
    words = factors.said(found[0], points, i) if found and found[0] else ""
    return f"{words} ({percent(found[1])})" if words else ""


def _said(found):
    return f"{found[0]} ({percent(found[1])})" if found else ""


def _whole(points, i):
    return _said(best(points, i, hypotheses.whole(i, points), NEARLY))


def _named_places(points, i):
    return wrong_places(points, i)


def _additions(points, i):
    return _said(best(points, i, hypotheses.added(i, points), 1e-6))


def _paths(points, _):
    """One operation of the forward whose derivative is wrong."""
    return Flows(points).sentence()


def _bits(points, i):
    return lost_bits(points, i)


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
            return f"{gradients_of(points[0].trial, wrong)}: {words} ({percent(left)})"
    return ""


def _of_each_at_last(points, wrong):
    """Each gradient by itself, as well as may be."""
    flows = Flows(points)
    looks = (
        _factor,
        _bits,
        _whole,
        _named_places,
        _additions,
        lambda points, i: _said(best(points, i, arguments.of_dy(points, i), EXACT)),
        lambda points, i: _said(best(points, i, arguments.of_inputs(points, i), EXACT)),
        lambda points, i: flows.sentence([i]),
        _any_factor,
        lambda points, i: wrong_places(points, i, vaguely=True),
        _unexplained,
    )
    return _of_each(points, wrong, looks)


def _any_factor(points, i):
    found = factors.factor_of(points, i)
    return f"{factors.plainly(found[0])} ({percent(found[1])})" if found else ""


def _unexplained(points, i):
    point = points[0]
    with np.errstate(all="ignore"):
        off = biggest(point.wrong[i] - point.right[i]) / (point.size(i) or 1.0)
    return f"is wrong, by up to {off:.1e} of its size, in no simple way"
