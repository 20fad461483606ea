"""Evidence: what the oracles say of one trial, as findings."""

import numpy as np

from handgrad.judge.calls import CodeError
from handgrad.judge.compare import gradient_error, output_error
from handgrad.judge.oracles import complex_step, subdifferential
from handgrad.judge.oracles.directions import direction, is_bent, project
from handgrad.judge.trial import rms
from handgrad.judge.verdict import Finding, Status

JAX = "against JAX"
NUMBERS = "against numbers"
NOT_THE_REFERENCE = (
    "forward is not the reference: {output} is off by {size} of its size{at}; is it meant to be another "
    "function?"
)
CONFIRMATIONS = 4  # directions, at most
CONFIRMED = 100  # error bars: so large an error needs no second direction
SIDES = 4  # error bars: numbers that are so sure tell which of two gradients is right


def opinion_of_jax(trial, oracle, *, outputs_too=True):
    """Findings, the worst difference, and JAX's gradients.

    Where JAX's convention at a kink is another than the subject's, the subdifferential decides, and
    where numbers side with the subject, it is right.
    """
    outputs, expected = oracle(trial.inputs, trial.dy)
    found, worst = [], 0.0
    for k in range(len(trial.y) if outputs_too else 0):
        error, where = output_error(trial, outputs, k, oracle)
        worst = max(worst, error)
        if where is not None:
            off = {"output": k, "size": error, "index": where}
            found.append(Finding(Status.WRONG, JAX, NOT_THE_REFERENCE, **off))
    for i in trial.grads:
        if not np.all(np.isfinite(expected[i])):
            continue
        error, where = gradient_error(trial, expected, i, oracle)
        if where is not None:
            says = "the gradient of {input} is off by {size} of its size{at}"
            one = Finding(Status.WRONG, JAX, says, i, size=error, index=where)
            gap = abs(float(trial.grads[i][where]) - float(expected[i][where]))
            decided = _of_one_number(trial, one, gap)
            found += decided
            error = error if decided else 0.0
        worst = max(worst, error)
    return [f.by(JAX, trial.subject.names) for f in found], worst, expected


def _of_one_number(trial, finding, gap):
    """JAX says that one number is off by a gap: is it, or is there a kink, or do numbers deny it?"""
    if trial.subject.detached:
        return [finding]
    i, where = finding.input, finding.index
    u = [np.zeros(x.shape) for x in trial.real_inputs]
    x = trial.inputs[i]
    step = float(abs(x[where])) or rms(x) or 1.0
    u[trial.real.index(i)][where] = step
    look = project(trial, trial.grads, u)
    if look.at_a_kink:
        return _at_a_kink(trial, JAX, "JAX takes another subgradient")
    sides_with_it = look.error <= look.bar and SIDES * look.bar < gap * step
    return [] if sides_with_it else [finding]


def _at_a_kink(trial, check, says):
    """The finding that the gradient is outside the subdifferential, or a word on where it is."""
    if outside := subdifferential.outside(trial, trial.grads):
        return [outside]
    return [Finding(Status.KINK, check, f"there is no derivative here; {says}")]


def opinion_of_numbers(trial, directions, *, certain):
    """Findings, and the projections that led to them; an error ends it.

    `certain`: another oracle has passed the gradients, so that noise here is not a reason for doubt.
    """
    if not any(d.size for d in trial.dy) or not trial.real or trial.subject.detached:
        return [], []
    projections = []
    for u in directions:
        projections.append(project(trial, trial.grads, u))
        if projections[-1].is_off and (found := reason(trial, projections[-1])):
            return found, projections
    shaky = [p.error / p.spread for p in projections if p.shaky]
    if shaky:
        says = "one rounding of the arguments moves the gradient as far as it is off: {size} of its size"
        return [Finding(Status.IMPRECISE, NUMBERS, says, size=max(shaky))], projections
    unknown = [p for p in projections if not p.known and not p.is_nothing]
    blurred = [p.bar / p.spread for p in unknown if not complex_step.agrees(trial, p.direction)]
    if blurred and not certain:
        says = "the numerical derivative is known to {size} only"
        return [Finding(Status.INCONCLUSIVE, NUMBERS, says, size=max(blurred))], projections
    return [], projections


def reason(trial, off):
    """What it means that the gradients are off along a direction: an error, a kink, or chance."""
    if off.at_a_kink or is_bent(trial, off):
        return _at_a_kink(trial, NUMBERS, "the gradient is in the subdifferential")
    others = (direction(trial, "confirm", k) for k in range(CONFIRMATIONS))
    clear = off.error > CONFIRMED * off.bar  # an error may hide from one direction by chance
    if not clear and not any(project(trial, trial.grads, u).is_off for u in others):
        return []
    says = "off by {size} of its size, error bar {bar}"
    size, bar = off.error / off.spread, off.bar / off.spread
    return [Finding(Status.WRONG, NUMBERS, says, size=size, bar=bar)]


def trial_at(ordinary, inputs):
    """The trial at other inputs, or None if the forward raises."""
    try:
        return ordinary.at(inputs)
    except CodeError:
        return None
