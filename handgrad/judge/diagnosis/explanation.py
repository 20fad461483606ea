"""The explanation of a verdict that is not right: a diagnosis, and a script."""

import itertools
from functools import partial

from handgrad.judge.diagnosis.bisection import guilty_block
from handgrad.judge.diagnosis.cause import Suspect, diagnose
from handgrad.judge.diagnosis.instances import made_with
from handgrad.judge.diagnosis.memory import overwriting
from handgrad.judge.diagnosis.script import script
from handgrad.judge.diagnosis.shrink import shrunk
from handgrad.judge.libraries import undisturbed
from handgrad.judge.small import smaller
from handgrad.judge.trial import is_finite
from handgrad.judge.verdict import Verdict

LARGE = 150  # numbers: above, the error is looked for at smaller inputs first


def explanation(hearing):
    """The diagnosis and the script, for the trial at which the first error showed."""
    with undisturbed():
        return _quietly(_diagnosis, hearing), _quietly(_script, hearing)


def _quietly(look, hearing):
    """A text, or "" where the judged code keeps one from looking."""
    try:
        return look(hearing)
    except Exception:
        return ""


def _diagnosis(hearing):
    trial, findings = hearing.exhibit, hearing.verdict.findings
    if trial is None:
        return _of_refusal(hearing)
    oracle = hearing.automatic or None
    if sum(x.size for x in trial.inputs) > LARGE:
        for inputs in smaller(trial.inputs):
            try:
                small = trial.at(inputs)
                small.origin = None
            except Exception:
                continue  # not of these shapes
            if sentence := diagnose(Suspect(small, findings, oracle)):
                return sentence
    description = findings[0].case.rpartition(", ")[2] if trial.origin is not None else ""
    if "raises" in findings[0].message and trial.origin is not None:
        return f"{findings[0].message}; only with {description}"
    return diagnose(Suspect(trial, findings, oracle, description)) or guilty_block(trial)


def _of_refusal(hearing):
    """Code that raises: because it writes into what it was given, or as it says itself."""
    if hearing.refused is not None and "read-only" in hearing.verdict.findings[0].message:
        try:
            subject = hearing.subject.anew()
            if sentence := overwriting(subject, hearing.refused, hearing.library):
                return sentence
        except Exception:
            return "an array that was given is overwritten in place (a mutation)"
    return hearing.verdict.findings[0].message


def _script(hearing):
    """The shortest script that still fails in the same way, or the one at the inputs as they are."""
    by_jax = hearing.verdict.findings[0].check == "against JAX"
    reference = hearing.given if by_jax else None

    def fails(inputs, check):
        verdict = _verdict(hearing, inputs, reference)
        if verdict is None or verdict.status is not hearing.verdict.status:
            return False
        return not check or any(finding.check == check for finding in verdict.findings)

    # by the same check, or by any: what was special may be ordinary where it is given
    checks = dict.fromkeys([*(finding.check for finding in hearing.verdict.findings), ""])
    for check, start in itertools.product(checks, list(_starts(hearing))):
        if fails(start, check):
            inputs = shrunk(start, partial(fails, check=check))
            return script(hearing.subject, inputs, hearing.library, hearing.verdict.seed, reference)
    return ""


def _starts(hearing):
    """The inputs from which to shrink: special ones, unless they are infinite, then ordinary ones."""
    trial = hearing.exhibit
    if trial is None:
        yield hearing.refused
        return
    if is_finite(trial.real_inputs):
        yield trial.inputs
    if trial.origin is not None:
        yield trial.origin.inputs


def _verdict(hearing, inputs, reference):
    """The verdict at other inputs, on a subject as it was at first; None if there is none."""
    verdict = Verdict(hearing.verdict.subject, hearing.verdict.seed)
    pristine = hearing.subject.pristine
    try:
        subject = hearing.subject if pristine is None else _anew(pristine, inputs)
        hearing.another(verdict, subject, reference).hear_inputs(inputs)
    except Exception:
        return None
    return verdict


def _anew(pristine, inputs):
    """A subject as it was at first; a layer's class is given its new parameters, if it takes them."""
    made = made_with(pristine, inputs)
    if made is None:
        return pristine.anew()
    made.pristine = made.anew()
    return made
