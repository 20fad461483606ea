"""Evidence: what the laws and the oracles say of one trial.

A finding is (status, check, sentence).
"""

import numpy as np

from handgrad.judge import complex_step, kinks
from handgrad.judge.calls import said
from handgrad.judge.elements import gradient_error, output_error
from handgrad.judge.numbers import direction, is_bent, own_direction, project
from handgrad.judge.trial import rms
from handgrad.judge.verdict import Status

JAX = "against JAX"
NUMBERS = "against numbers"
CONFIRMATIONS = 4  # directions, at most
CONFIRMED = 100  # error bars: so large an error needs no second direction


def law_breaches(trial, laws):
    """The breaches of the laws; one that cannot be tried is broken too."""
    found = []
    for law in laws:
        name = law.__name__.replace("_", " ")
        try:
            found += [(Status.CONTRACT, name, sentence) for sentence in law(trial)]
        except Warning:
            continue  # made an error by -W error: the law's inputs are not the given ones
        except Exception as error:
            found.append((Status.CONTRACT, name, f"raises {type(error).__name__}: {error}"))
        if found and law is laws[0]:
            break  # without the right shapes there is nothing to try
    return found


def refusal(part, error):
    """The finding that a forward or a backward raises at ordinary inputs."""
    if isinstance(error, ValueError) and "read-only" in str(error):
        message = f"an input or dy is written to: {said(error)}"
        return Status.CONTRACT, "nothing is overwritten", message
    return Status.CONTRACT, part, f"{part} raises {said(error)}"


def opinion_of_jax(trial, automatic):
    """Findings, the worst difference, and JAX's gradients.

    Where JAX's convention at a kink is another than the subject's, the subdifferential decides.
    """
    outputs, expected = automatic(trial.inputs, trial.dy)
    findings, worst = [], 0.0
    for k in range(len(trial.y)):
        error, where = output_error(trial, trial.y, outputs, k, automatic)
        worst = max(worst, error)
        if where is not None:
            message = f"output {k} is off by {error:.1e} of its size{place_of(where)}"
            findings.append((Status.WRONG, JAX, message))
    for i in trial.grads:
        if not np.all(np.isfinite(expected[i])):
            continue
        error, where = gradient_error(trial, trial.grads, expected, i, automatic)
        if where is not None:
            message = (
                f"the gradient of input {i} is off by {error:.1e} of its size{place_of(where)}"
            )
            finding = _of_one_number(trial, i, where, message)
            findings += finding
            error = error if finding else 0.0
        worst = max(worst, error)
    return findings, worst, expected


def place_of(where):
    return f", at [{', '.join(map(str, where))}]" if where else ""


def _of_one_number(trial, i, where, message):
    """JAX says that one number is wrong: is it, or is there a kink?"""
    u = [np.zeros(x.shape) for x in trial.real_inputs]
    x = trial.inputs[i]
    u[trial.real.index(i)][where] = abs(x[where]) or rms(x) or 1.0
    look = project(trial, trial.grads, u)
    if look.at_a_kink:
        if sentence := kinks.outside(trial, trial.grads):
            return [(Status.WRONG, JAX, sentence)]
        return [(Status.KINK, JAX, "there is no derivative here; JAX takes another subgradient")]
    return [(Status.WRONG, JAX, message)]


def opinion_of_numbers(trial, directions, *, certain):
    """Findings, and the projections that led to them; an error ends it.

    `certain`: another oracle has passed the gradients, so that noise here is no reason for doubt.
    """
    if not any(d.size for d in trial.dy) or not trial.real:
        return [], []
    projections = []
    for k, u in enumerate(directions):
        projections.append(_seen(trial, u, k))
        if projections[-1].is_off and (found := reason(trial, projections[-1])):
            return found, projections
    shaky = [p.error / p.spread for p in projections if p.shaky]
    if shaky:
        message = "one rounding of the arguments moves the gradient as far as it is off: "
        message += f"{max(shaky):.1e} of its size"
        return [(Status.IMPRECISE, NUMBERS, message)], projections
    unknown = [p for p in projections if not p.known and not p.is_nothing]
    blurred = [p.bar / p.spread for p in unknown if not complex_step.agrees(trial, p.direction)]
    if blurred and not certain:
        message = f"the numerical derivative is known to {max(blurred):.1e} only"
        return [(Status.INCONCLUSIVE, NUMBERS, message)], projections
    return [], projections


def _seen(trial, u, k):
    """The projection along u, or along another direction if that is better known."""
    found = project(trial, trial.grads, u)
    if found.known or found.is_off or found.is_nothing:
        return found
    other = project(trial, trial.grads, own_direction(trial, k))
    return other if other.known or other.is_off else found


def reason(trial, off):
    """What it means that the gradients are off along a direction: an error, a kink, or chance."""
    if off.at_a_kink or is_bent(trial, off):
        if sentence := kinks.outside(trial, trial.grads):
            return [(Status.WRONG, NUMBERS, sentence)]
        message = "there is no derivative here; the gradient is in the subdifferential"
        return [(Status.KINK, NUMBERS, message)]
    if off.error <= CONFIRMED * off.bar and not _confirmed(trial):
        return []
    size, bar = off.error / off.spread, off.bar / off.spread
    return [(Status.WRONG, NUMBERS, f"off by {size:.1e} of its size, error bar {bar:.1e}")]


def _confirmed(trial):
    """Whether another direction is off as well; an error may hide from one of them by chance."""
    others = (direction(trial, "confirm", k) for k in range(CONFIRMATIONS))
    return any(project(trial, trial.grads, u).is_off for u in others)
