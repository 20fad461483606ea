"""Special points: zeros, ties, large and tiny numbers, infinities, axes of size 1 and 0.

Nothing is asked of a backward where its forward raises or gives no finite number. JAX is no oracle
at such points (it gives NaN for the norm of 0), so where it contradicts, numbers decide.
"""

import numpy as np

from handgrad.common.precision import highest
from handgrad.judge import complex_step, kinks
from handgrad.judge.evidence import law_breaches, opinion_of_jax, place_of, reason
from handgrad.judge.laws import LAWS, nothing_is_overwritten
from handgrad.judge.libraries import is_floating
from handgrad.judge.numbers import direction, project, usual
from handgrad.judge.trial import is_finite, largest, rms, typical
from handgrad.judge.verdict import Status

HUGE = 1e6  # times an ordinary number of the same array
CLEAR = 1e-8  # of the gradient's size: at special points, rounding may be far from ordinary
EXCUSED = 1e-6  # of the gradient: what rounding may do at a kink, where an error may hide behind it
FAINT = 1e-5  # of an ordinary gradient: JAX has lost digits of one that is smaller
FAR = 1e5  # times the spread of an array
BEYOND = 1e10  # times an ordinary output: the inverse of rounding
CHECK = "special inputs"


def trial_at(ordinary, inputs):
    """The trial at a special point, or None if the forward raises."""
    try:
        return ordinary.at(inputs)
    except Exception:
        return None


def is_sound(trial):
    """Whether outputs and gradients are there, and finite."""
    try:
        return is_finite((*trial.y, *trial.grads.values()))
    except Exception:
        return False


def findings_at(trial, automatic):
    """What is wrong with the gradients at a special point."""
    if not _is_asked(trial):
        return []
    if found := _misfits(trial) or law_breaches(trial, [nothing_is_overwritten]):
        return found
    if not is_finite(trial.grads.values()):
        return _not_finite(trial, automatic)
    if not is_finite(trial.real_inputs):
        return []
    return _against_jax(trial, automatic) if automatic else _against_numbers(trial)


def misbehaviour(trial):
    """What can be seen without any oracle: an exception, a misfit, or a NaN."""
    if not _is_asked(trial) or not is_finite(trial.real_inputs):
        return []
    return _misfits(trial) or _not_finite(trial, None)


def _is_asked(trial):
    return is_finite(trial.y) and not _is_empty(trial) and not _is_refused(trial)


def _is_empty(trial):
    """Whether there is no output at all, of inputs that are there: of an axis that is too short."""
    return all(x.size for x in trial.inputs) and not any(y.size for y in trial.y)


def _is_refused(trial):
    """Whether backward refuses a singular matrix that rounding alone hid from forward, or warns.

    A warning is an exception where warnings are errors. Nothing says that it takes these inputs.
    """
    pairs = zip(trial.y, trial.origin.y, strict=True) if trial.origin else ()
    try:
        _ = trial.first
    except Warning:
        return True
    except np.linalg.LinAlgError:
        return any(rms(y) > BEYOND * rms(usual) for y, usual in pairs)
    except Exception:
        return False
    return False


def _misfits(trial):
    try:
        _ = trial.first
    except Exception as error:
        message = f"forward is finite here, and backward raises {type(error).__name__}: {error}"
        return [(Status.WRONG, CHECK, message)]
    # a transposed copy is none where an axis has one number
    laws = LAWS[:2] if _has_usual_shapes(trial) else LAWS[:1]
    return [breach for breach in law_breaches(trial, laws) if "not finite" not in breach[2]]


def _has_usual_shapes(trial):
    pairs = zip(trial.inputs, trial.origin.inputs, strict=True) if trial.origin else ()
    return all(x.shape == usual.shape for x, usual in pairs)


def _not_finite(trial, automatic):
    """A gradient that is not finite is right only where the slope itself is not.

    At infinite inputs, 0 times infinity is NaN in code that never meant to take them: there JAX has
    to show that it can be done, or the function be one of a single input that does not act on
    each number alone. Where outputs are so large that their squares overflow, gradients may too.
    """
    if not is_finite(trial.real_inputs) and not _takes_infinities(trial, automatic):
        return []
    if any(largest(y) > highest(y.dtype) ** 0.5 for y in trial.y if is_floating(y.dtype)):
        return []
    for i, dx in trial.grads.items():
        for index in np.argwhere(~np.isfinite(dx.astype(float))):
            where = tuple(map(int, index))
            if np.isfinite(trial.inputs[i][where]) and kinks.diverges(trial, i, where):
                break
            message = f"forward is finite here, and the gradient of input {i} is {dx[where]}"
            return [(Status.WRONG, CHECK, message + place_of(where))]
    return []


def _takes_infinities(trial, automatic):
    if automatic is None:
        return len(trial.real) == 1 and not _is_elementwise(trial)
    _, expected = automatic(trial.inputs, trial.dy)
    return is_finite(expected.values())


def _is_elementwise(trial):
    """Whether moving one number of the input leaves the other outputs as they are."""
    usual = trial.origin or trial
    (x,) = usual.real_inputs
    if len(usual.y) != 1 or usual.y[0].shape != x.shape:
        return False
    x = x.copy()
    x.flat[0] *= 0.5
    try:
        (y,) = usual.forward(usual.with_real([x]))
    except Exception:
        return True
    return y.shape == x.shape and np.array_equal(y.ravel()[1:], usual.y[0].ravel()[1:])


def _against_jax(trial, automatic):
    """JAX's word counts where it is finite, and where numbers do not contradict it."""
    try:
        findings, off, expected = opinion_of_jax(trial, automatic)
    except Exception:
        return _against_numbers(trial)
    if not is_finite(expected.values()):
        return _against_numbers(trial)
    wrong = [finding for finding in findings if finding[0] is not Status.KINK]
    if not wrong:
        return _against_numbers(trial) if off > EXCUSED or _is_faint(trial) else []
    by_numbers = _against_numbers(trial)
    return by_numbers if by_numbers or _drowns(trial) else wrong


def _is_faint(trial):
    return any(0 < trial.size(i) < FAINT * trial.origin.scale(i) for i in trial.grads)


def _drowns(trial):
    """Whether JAX's own formula may have lost its digits: a giant, or numbers that hardly differ."""
    return _holds_a_giant(trial) or any(
        0 < rms(x - np.mean(x)) * FAR < rms(x) for x in trial.real_inputs if x.size
    )


def _holds_a_giant(trial):
    """Whether a number dwarfs the others."""
    return any(np.any(np.abs(x) > HUGE * typical(x)) for x in trial.real_inputs)


def _against_numbers(trial):
    """Two directions: one moves every number by an ordinary one's size, one by its own size."""
    for u in _directions(trial, "special"):
        if trial.analytic and complex_step.agrees(trial, u):
            continue
        found = project(trial, trial.grads, u, quick=True)
        if _holds_a_giant(trial) and found.spread > HUGE * usual(trial, u):
            continue  # so steep a function may turn within the smallest step
        clear = found.error > CLEAR * found.spread and not found.agrees
        tells = found.known or found.at_a_kink  # where the gradients nearby decide
        if clear and tells and (findings := reason(trial, _kinked(trial, found))):
            return [finding for finding in findings if finding[0] is not Status.KINK]
    return []


def _kinked(trial, found):
    """A projection that shows the kink if there is one: along a direction, several may cancel."""
    if found.at_a_kink:
        return found
    again = project(trial, trial.grads, next(_directions(trial, "again")))
    return again if again.at_a_kink and not again.agrees else found


def _directions(trial, name):
    """A number that dwarfs the others stays where it is: its moves would drown all else."""
    rng = trial.generator(name)
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
    return bool(abs(complex_step.along(trial, u) - found.derivative) <= found.bar)
