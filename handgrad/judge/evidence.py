"""Evidence: what the laws and the oracles say of one trial.

A finding is (status, check, sentence).
"""

import numpy as np

from handgrad.judge import kinks
from handgrad.judge.complex_step import complex_step
from handgrad.judge.elements import gradient_error, output_error
from handgrad.judge.laws import LAWS
from handgrad.judge.numbers import direction, project
from handgrad.judge.numerical import CERTAIN, UNIT
from handgrad.judge.trial import rms, typical
from handgrad.judge.verdict import Status

JAX = "against JAX"
NUMBERS = "against numbers"
HUGE = 1e6  # times an ordinary number of the same array
CLEAR = 1e-8  # of the gradient's size: at special points, rounding may be far from ordinary
CONFIRMED = 100  # error bars: so large an error needs no second direction


def law_breaches(trial, laws):
    """The breaches of the laws; one that cannot be tried is broken too."""
    found = []
    for law in laws:
        name = law.__name__.replace("_", " ")
        try:
            found += [(Status.CONTRACT, name, sentence) for sentence in law(trial)]
        except Exception as error:
            found.append((Status.CONTRACT, name, f"raises {type(error).__name__}: {error}"))
        if found and law is laws[0]:
            break  # without the right shapes there is nothing to try
    return found


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
            message = f"output {k} is off by {error:.1e} of its size{_place(where)}"
            findings.append((Status.WRONG, JAX, message))
    for i in trial.grads:
        if not np.all(np.isfinite(expected[i])):
            continue
        error, where = gradient_error(trial, trial.grads, expected, i, automatic)
        if where is not None:
            message = f"the gradient of input {i} is off by {error:.1e} of its size{_place(where)}"
            finding = _of_one_number(trial, i, where, message)
            findings += finding
            error = error if finding else 0.0
        worst = max(worst, error)
    return findings, worst, expected


def _place(where):
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
    """Findings, and the projections that led to them.

    `certain`: another oracle has passed the gradients, so that noise here is no reason for doubt.
    """
    if not any(d.size for d in trial.dy) or not trial.real:
        return [], []
    projections = [project(trial, trial.grads, u) for u in directions]
    off = [p for p in projections if p.known and not p.agrees]
    blurred = [p for p in projections if not p.known and not _is_nothing(p, trial)]
    if any(p.shaky for p in projections) and not off:
        message = "one rounding of the arguments moves the gradient as far as it is off: "
        message += f"{max(p.error / p.spread for p in projections):.1e} of its size"
        return [(Status.IMPRECISE, NUMBERS, message)], projections
    if off:
        return _reason(trial, max(off, key=lambda p: p.error / p.bar)), projections
    if blurred and not certain:
        known_to = max(p.bar / p.spread for p in blurred)
        message = f"the numerical derivative is known to {known_to:.1e} only"
        return [(Status.INCONCLUSIVE, NUMBERS, message)], projections
    return [], projections


def _reason(trial, off):
    """What it means that the gradients are off along a direction: an error, a kink, or chance."""
    if off.at_a_kink:
        if sentence := kinks.outside(trial, trial.grads):
            return [(Status.WRONG, NUMBERS, sentence)]
        message = "there is no derivative here; the gradient is in the subdifferential"
        return [(Status.KINK, NUMBERS, message)]
    if off.error <= CONFIRMED * off.bar and not _confirmed(trial):
        return []
    size, bar = off.error / off.spread, off.bar / off.spread
    return [(Status.WRONG, NUMBERS, f"off by {size:.1e} of its size, error bar {bar:.1e}")]


def _is_nothing(projection, trial):
    """Whether the gradient is 0, up to rounding of what it is the difference of."""
    through = sum(rms(d) * rms(y) * d.size**0.5 for d, y in zip(trial.dy, trial.y, strict=True))
    return projection.spread <= 1e4 * UNIT * through


def _confirmed(trial):
    """Whether another direction is off as well."""
    second = project(trial, trial.grads, direction(trial, "confirm"))
    return second.known and not second.agrees


def special_point(ordinary, inputs, automatic):
    """Findings at one special point, and the trial there, or None if the forward raises.

    Nothing is asked where the forward raises or gives no finite number.
    """
    try:
        trial = ordinary.at(inputs)
    except Exception:
        return [], None
    if not all(np.all(np.isfinite(y)) for y in trial.y):
        return [], trial
    return _findings_at(trial, automatic), trial


def _findings_at(trial, automatic):
    try:
        grads = trial.first
    except Exception as error:
        message = f"forward is finite here, and backward raises {type(error).__name__}: {error}"
        return [(Status.WRONG, "special inputs", message)]
    misfits = [
        finding for finding in law_breaches(trial, LAWS[:1]) if "not finite" not in finding[2]
    ]
    if misfits or not isinstance(grads, tuple):
        return misfits
    if not all(np.all(np.isfinite(dx)) for dx in trial.grads.values()):
        return _not_finite(trial, automatic)
    if not all(np.all(np.isfinite(x)) for x in trial.real_inputs):
        return []
    if automatic is not None:
        return _special_against_jax(trial, automatic)
    return _special_against_numbers(trial)


def _not_finite(trial, automatic):
    """A gradient that is not finite is right only where the slope itself is not.

    At infinite inputs, 0 times infinity is NaN in code that never meant to take them: there JAX has
    to show that it can be done, or the function be one of a single input that does not act on
    each number alone.
    """
    infinite = not all(np.all(np.isfinite(x)) for x in trial.real_inputs)
    if infinite and not _takes_infinities(trial, automatic):
        return []
    for i, dx in trial.grads.items():
        for index in np.argwhere(~np.isfinite(dx)):
            place = tuple(map(int, index))
            if np.isfinite(trial.inputs[i][place]) and kinks.diverges(trial, i, place):
                break
            message = f"forward is finite here, and the gradient of input {i} is {dx[place]}"
            return [(Status.WRONG, "special inputs", message + _place(place))]
    return []


def _takes_infinities(trial, automatic):
    if automatic is None:
        return len(trial.real) == 1 and not _is_elementwise(trial)
    _, expected = automatic(trial.inputs, trial.dy)
    return all(np.all(np.isfinite(dx)) for dx in expected.values())


def _is_elementwise(trial):
    return (
        len(trial.y) == 1
        and any(trial.y[0].shape == x.shape for x in trial.real_inputs)
        and (len(trial.real) == 1)
    )


def _special_against_jax(trial, automatic):
    """JAX's word counts where it is finite, and where numbers do not contradict it."""
    try:
        findings, _, expected = opinion_of_jax(trial, automatic)
    except Exception:
        return _special_against_numbers(trial)
    if not all(np.all(np.isfinite(dx)) for dx in expected.values()):
        return _special_against_numbers(trial)
    wrong = [finding for finding in findings if finding[0] is not Status.KINK]
    if not wrong:
        return []
    by_numbers = _special_against_numbers(trial)
    return by_numbers or wrong


def _special_against_numbers(trial):
    """Two directions: one moves every number by an ordinary one's size, one by its own size."""
    for u in _special_directions(trial):
        if trial.analytic and _complex_step_agrees(trial, u):
            continue
        found = project(trial, trial.grads, u)
        clear = found.error > CLEAR * found.spread and not found.agrees
        if found.known and clear and (findings := _reason(trial, found)):
            return [finding for finding in findings if finding[0] is not Status.KINK]
    return []


def _special_directions(trial):
    """A number that dwarfs the others stays where it is: its moves would drown all else."""
    rng = trial.generator("special")
    xs = trial.real_inputs
    sizes = [typical(x) for x in xs]
    stays = [np.abs(x) > HUGE * size for x, size in zip(xs, sizes, strict=True)]
    own = [np.where(x == 0, 1e-3 * s, np.abs(x)) for x, s in zip(xs, sizes, strict=True)]
    for scales in (sizes, own):
        yield [
            np.where(stay, 0.0, scale * rng.normal(size=x.shape))
            for x, scale, stay in zip(xs, scales, stays, strict=True)
        ]


def is_analytic(trial):
    """Whether the complex step gives what differences give, at ordinary inputs."""
    u = direction(trial, "complex step")
    found = project(trial, trial.grads, u)
    return bool(abs(_complex_step(trial, u) - found.derivative) <= found.bar)


def _complex_step_agrees(trial, u):
    terms = [trial.grads[i] * b for i, b in zip(trial.real, u, strict=True)]
    moves, size = sum(map(np.sum, terms)), sum(float(np.sum(t * t)) for t in terms) ** 0.5
    return abs(moves - _complex_step(trial, u)) <= CERTAIN * 16 * UNIT * size


def _complex_step(trial, u):
    def forward(xs):
        return trial.forward(trial.with_real(xs))

    return complex_step(forward, trial.real_inputs, u, trial.dy)
