"""Why a gradient is wrong: the simplest cause that explains it, and a script that shows it."""

import time

from handgrad.judge.calls import CodeError
from handgrad.judge.explain.budget import Budget, OutOfTimeError
from handgrad.judge.explain.cause import Suspect, diagnose
from handgrad.judge.explain.memory import overwriting
from handgrad.judge.explain.rerun import judged_again
from handgrad.judge.explain.scripts import script
from handgrad.judge.explain.shrink import shrunk
from handgrad.judge.libraries import as_numpy, undisturbed
from handgrad.judge.sizes import smaller
from handgrad.judge.trial import is_finite
from handgrad.judge.verdict import Status

TOGETHER, LEAST = 3.0, 0.8  # seconds of the diagnosis and the script, and of the script
LARGE = 150  # numbers: above, the error is looked for at smaller inputs first
FORWARD = "forward"


def explanation(examination):
    """The diagnosis and the script, for the trial at which the first error showed."""
    with undisturbed():
        start = time.thread_time()
        said = _diagnosis(examination)
        left = TOGETHER - (time.thread_time() - start)
        return said, _script(examination, Budget(max(left, LEAST)))


def _diagnosis(examination):
    trial, findings = examination.exhibit, _failures(examination.verdict)
    if trial is None:
        return _of_refusal(examination)
    budget = Budget()
    for at in (*_smaller(trial), trial):
        if sentence := _at(at, findings, examination, budget):
            return sentence
    return findings[0].message


def _failures(verdict):
    """What makes the verdict what it is."""
    return [f for f in verdict.failures if f.status is not Status.KINK] or verdict.failures


def _at(trial, findings, examination, budget):
    try:
        return diagnose(Suspect(trial, findings, examination.oracle, budget))
    except CodeError:
        return ""


def _smaller(trial):
    """The same at smaller inputs, where it is just as wrong and easier to see."""
    if sum(x.size for x in trial.inputs) <= LARGE:
        return
    for inputs in smaller(trial.inputs):
        try:
            small = trial.at(inputs)
            _ = small.first
        except CodeError:
            continue  # not of these shapes
        small.origin = None
        yield small
        return


def _of_refusal(examination):
    """Code that raises: because it writes into what it was given, or as it says itself."""
    finding = _failures(examination.verdict)[0]
    if finding.check == FORWARD:
        if finding.drawn or not examination.refused:
            return finding.message
        shapes = ", ".join(str(x.shape) for x in examination.refused)
        return f"{finding.message}: forward refuses these inputs, of the shapes {shapes}"
    if finding.check == "nothing is overwritten":
        try:
            subject = examination.subject.anew()
            found = overwriting(subject, examination.refused, examination.library)
        except CodeError:
            found = ""
        return found or "an array that was given is overwritten in place (a mutation)"
    return finding.message


def _script(examination, budget):
    """The shortest script that still fails in the same way, or the one at the inputs as they are."""
    verdict = examination.verdict
    first = _failures(verdict)[0]

    def fails(inputs):
        """Whether the same is found there, and not only at other inputs that the judge makes of them."""
        try:
            again = judged_again(examination, inputs, budget)
        except OutOfTimeError:
            return False
        if again is None or again.status is not verdict.status:
            return False
        same = [finding for finding in again.failures if finding.check == first.check]
        return any(first.probe or not finding.probe for finding in same)

    for start in _starts(examination):
        if fails(start):
            inputs = shrunk(start, fails, budget)
            break
    else:
        inputs = next(_starts(examination))
    subject = examination.subject.pristine or examination.subject
    return script(subject, inputs, examination.library, verdict, examination.options)


def _starts(examination):
    """The inputs from which to shrink: special ones, unless they are infinite, then ordinary ones.

    They are in the precision that was given, if that will do.
    """
    trial = examination.exhibit
    if trial is None:
        yield examination.refused
        return
    subject = examination.subject
    given = [*subject.arguments.leaves, *map(as_numpy, subject.parameters)]
    for at in (trial, trial.origin) if is_finite(trial.real_inputs) else (trial.origin or trial,):
        inputs = at.inputs if at is not None else trial.inputs
        own = tuple(x.astype(g.dtype) for x, g in zip(inputs, given, strict=True))
        others = [x for x, y in zip(own, inputs, strict=True) if x.dtype != y.dtype]
        if others and is_finite(others):
            yield own
        yield inputs
