"""What is asked at a probe. Nothing, where its forward raises or gives a number that is not finite.

JAX is not an oracle at such points (it gives NaN for the norm of 0), so where it contradicts,
numbers decide.
"""

from dataclasses import replace

import numpy as np

from handgrad.common.precision import highest
from handgrad.judge.calls import CodeError
from handgrad.judge.compare import same
from handgrad.judge.evidence import JAX, opinion_of_jax, reason
from handgrad.judge.laws import LAWS, breaches, nothing_is_overwritten
from handgrad.judge.libraries import is_floating
from handgrad.judge.oracles import complex_step, subdifferential
from handgrad.judge.oracles.differences import UNIT
from handgrad.judge.oracles.directions import direction, project, usual
from handgrad.judge.trial import is_finite, largest, rms, typical
from handgrad.judge.verdict import Finding, Status

HUGE = 1e6  # times an ordinary number of the same array
CLEAR = 1e-8  # of the gradient's size: at special points, rounding may be far from ordinary
EXCUSED = 1e-6  # of the gradient: what rounding may do at a kink, where an error may hide behind it
FAINT = 1e-5  # of an ordinary gradient: JAX has lost digits of one that is smaller
FAR = 1e5  # times the spread of an array
BEYOND = 1e10  # times an ordinary output: the inverse of rounding
MASKING = 1e20
UNEVEN = 100  # times an ordinary number, or a share of it
LOST = 1e-3  # of a gradient: a smaller error, far beyond the given inputs, is a loss of digits
ROUNDINGS = 10  # of an ordinary output's size
CHECK = "special inputs"


def findings_at(trial, probe, oracle):
    """What is wrong with the gradients at a probe."""
    found = _found(trial, probe, oracle)
    return [
        _graded(one, trial, probe, oracle).at(probe.words)
        for one in found
        if one.status is not Status.KINK
    ]


def _found(trial, probe, oracle):
    if not _is_asked(trial) or (probe.reach == "alone" and not _fits(trial)):
        return []
    if _is_stretched(trial):
        return []
    if found := _misfits(trial, probe) or breaches(trial, [nothing_is_overwritten]):
        return found
    if not is_finite(trial.grads.values()):
        return _not_finite(trial, oracle)
    if not is_finite(trial.real_inputs):
        return []
    return _against_jax(trial, oracle) if oracle else _against_numbers(trial)


def _graded(finding, trial, probe, oracle):
    """Digits that are lost far beyond the given inputs are a note."""
    if probe.reach != "extreme" or finding.status not in {Status.WRONG, Status.IMPRECISE}:
        return finding
    small = finding.size is not None and finding.size < LOST
    if small or _is_rounding(finding, trial, oracle):
        return replace(finding, status=Status.IMPRECISE, note=True)
    return finding


def _is_rounding(finding, trial, oracle):
    """Whether an output is off by no more than what an ordinary one is rounded by: 1 + e⁻⁴⁵ is 1."""
    k = finding.output
    if finding.check != JAX or k is None or trial.origin is None:
        return False
    outputs, _ = oracle(trial.inputs, trial.dy)
    error = np.abs(trial.y[k].astype(float) - outputs[k])
    return bool(np.all(error <= ROUNDINGS * UNIT * rms(trial.origin.y[k])))


def misbehaviour(trial, probe):
    """What can be seen without any oracle: an exception, a misfit, or a NaN."""
    if not _is_asked(trial) or not is_finite(trial.real_inputs) or _is_stretched(trial):
        return []
    found = _misfits(trial, probe) or _not_finite(trial, None)
    return [one.at(probe.words) for one in found]


def is_sound(trial):
    """Whether outputs and gradients are there, and finite."""
    try:
        return is_finite((*trial.y, *trial.grads.values()))
    except CodeError:
        return False


def _is_uneven(x, size):
    """Whether some numbers are so much smaller or larger that an ordinary move is none for them."""
    sizes = np.abs(x[x != 0])
    return bool(sizes.size and (np.max(sizes) > UNEVEN * size or np.min(sizes) * UNEVEN < size))


def is_analytic(trial):
    """Whether the complex step gives what differences give, at ordinary inputs."""
    u = direction(trial, "complex step")
    found = project(trial, trial.grads, u)
    return bool(abs(complex_step.along(trial, u) - found.derivative) <= found.bar)


def _is_asked(trial):
    return is_finite(trial.y) and not _is_empty(trial) and not _is_refused(trial)


def _fits(trial):
    """Whether backward gives gradients of the inputs' shapes: broadcasting may not be meant."""
    try:
        return all(dx.shape == trial.inputs[i].shape for i, dx in trial.grads.items())
    except CodeError:
        return False


def _is_stretched(trial):
    """Whether an input that was made smaller is broadcast, and its gradient is not summed back."""
    try:
        sizes = {i: dx.size for i, dx in trial.grads.items()}
    except CodeError:
        return _broadcasts(trial)
    given = trial.origin.inputs if trial.origin else trial.inputs
    return any(n > trial.inputs[i].size < given[i].size for i, n in sizes.items())


def _broadcasts(trial):
    """Whether forward broadcasts an input, of which an axis was made 1, to what it was given."""
    for i, given in enumerate(trial.origin.inputs if trial.origin else ()):
        x = trial.inputs[i]
        shape = [m if n == 1 else n for n, m in zip(x.shape, given.shape, strict=True)]
        if shape == [*x.shape]:
            continue
        inputs = [*trial.inputs]
        inputs[i] = np.broadcast_to(x, shape).copy()
        try:
            again = trial.forward(tuple(inputs))
        except CodeError:
            continue
        if all(map(same, again, trial.y)):
            return True
    return False


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
    except CodeError as error:
        if issubclass(error.kind, Warning):
            return True
        singular = issubclass(error.kind, np.linalg.LinAlgError)
        return singular and any(rms(y) > BEYOND * rms(usual_y) for y, usual_y in pairs)
    return False


def _misfits(trial, probe):
    try:
        _ = trial.first
    except CodeError as error:
        says = "forward is finite here, and backward raises {what}"
        found = Finding(Status.WRONG, CHECK, says, what=str(error))
        return [found.as_note() if probe.reach == "empty" else found]
    # a transposed copy is none where an axis has one number
    laws = LAWS[:2] if _has_usual_shapes(trial) else LAWS[:1]
    found = breaches(trial, laws)
    return [one for one in found if not one.note and not _is_about_a_nan(trial, one)]


def _is_about_a_nan(trial, finding):
    """Whether a gradient fits but for its numbers, of which more is asked later."""
    i = finding.input
    if i is None or i not in trial.grads:
        return False
    dx = trial.grads[i]
    fits = dx.shape == trial.inputs[i].shape and dx.dtype == trial.inputs[i].dtype
    return fits and not is_finite([dx])


def _has_usual_shapes(trial):
    pairs = zip(trial.inputs, trial.origin.inputs, strict=True) if trial.origin else ()
    return all(x.shape == other.shape for x, other in pairs)


def _not_finite(trial, oracle):
    """A gradient that is not finite is right only where the slope itself is not.

    At infinite inputs, 0 times infinity is NaN in code that never meant to take them: there JAX has
    to show that it can be done, or the function be one of a single input that does not act on
    each number alone. Where outputs are so large that their squares overflow, gradients may too.
    """
    if not is_finite(trial.real_inputs) and not _takes_infinities(trial, oracle):
        return []
    if any(largest(y) > highest(y.dtype) ** 0.5 for y in trial.y if is_floating(y.dtype)):
        return []
    for i, dx in trial.grads.items():
        for index in np.argwhere(~np.isfinite(dx.astype(float))):
            where = tuple(map(int, index))
            if np.isfinite(trial.inputs[i][where]) and subdifferential.diverges(trial, i, where):
                break
            says = "forward is finite here, and the gradient of {input} is {what}{at}"
            one = Finding(Status.WRONG, CHECK, says, i, index=where, what=str(dx[where]))
            return [one.by(CHECK, trial.subject.names)]
    return []


def _takes_infinities(trial, oracle):
    if oracle is None:
        return len(trial.real) == 1 and not _is_elementwise(trial)
    try:
        _, expected = oracle(trial.inputs, trial.dy)
    except CodeError:
        return False
    return is_finite(expected.values())


def _is_elementwise(trial):
    """Whether moving one number of the input leaves the other outputs as they are."""
    ordinary = trial.origin or trial
    (x,) = ordinary.real_inputs
    if len(ordinary.y) != 1 or ordinary.y[0].shape != x.shape:
        return False
    x = x.copy()
    x.flat[0] *= 0.5
    try:
        (y,) = ordinary.forward(ordinary.with_real([x]))
    except CodeError:
        return True
    return np.array_equal(y.ravel()[1:], ordinary.y[0].ravel()[1:])


def _against_jax(trial, oracle):
    """JAX's word counts where it is finite, and where numbers do not contradict it."""
    try:
        found, off, expected = opinion_of_jax(trial, oracle)
    except CodeError:
        return _against_numbers(trial)
    if not is_finite(expected.values()):
        return _against_numbers(trial)
    wrong = [one for one in found if one.status is not Status.KINK]
    if not wrong:
        return _against_numbers(trial) if off > EXCUSED or _is_faint(trial) else []
    by_numbers = _against_numbers(trial)
    return by_numbers if by_numbers or _drowns(trial) else _doubted(trial, wrong)


def _doubted(trial, wrong):
    """Numbers say nothing against the subject: JAX convicts it of what they could not have seen."""
    return [
        one for one in wrong if one.check != JAX or one.size is None or not _is_blind(trial, one)
    ]


def _is_blind(trial, one):
    """Whether the difference is far below an ordinary gradient's rounding."""
    if one.input is None or trial.origin is None:
        return False
    ordinary = max(trial.origin.scale(one.input), trial.scale(one.input))
    return one.size * trial.scale(one.input) < CLEAR * CLEAR * ordinary


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
    """Two directions: one moves every number by an ordinary one's size, one by its own size.

    Beside a number as large as those that mask, no move of the others is seen.
    """
    if any(largest(x) > MASKING for x in trial.real_inputs) or trial.subject.detached:
        return []
    for u in _directions(trial, "special"):
        if trial.analytic and complex_step.agrees(trial, u):
            continue
        found = project(trial, trial.grads, u, quick=True)
        if _holds_a_giant(trial) and found.spread > HUGE * usual(trial, u):
            continue  # so steep a function may turn within the smallest step
        clear = found.error > CLEAR * found.spread and not found.agrees
        if _holds_a_giant(trial) and (found.at_a_kink or not found.known):
            continue  # the gradients nearby, which decide at a kink, are not of its size
        tells = found.is_off or found.at_a_kink
        if clear and tells and (findings := reason(trial, _kinked(trial, found))):
            return [one for one in findings if one.status is not Status.KINK]
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
    uneven = any(_is_uneven(x, size) for x, size in zip(xs, sizes, strict=True))
    stays = [np.abs(x) > HUGE * size for x, size in zip(xs, sizes, strict=True)]
    own = [np.where(x == 0, 1e-3 * s, np.abs(x)) for x, s in zip(xs, sizes, strict=True)]
    for scales in (sizes, own) if uneven else (sizes,):
        yield [
            np.where(stay, 0.0, scale * rng.normal(size=x.shape))
            for x, scale, stay in zip(xs, scales, stays, strict=True)
        ]
