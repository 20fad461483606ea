"""backward is linear in dy."""

import numpy as np

from handgrad.common.precision import unit_of
from handgrad.judge.compare import breach, differences
from handgrad.judge.libraries import is_floating

SCALES = (-1.0, 2.0**-60, 2.0**60)  # about 1e-18 and 1e18; float32 and bfloat16 end at 1e38
FAR = (2.0**-200, 2.0**200)  # about 1e-60 and 1e60: past every threshold
SCALES_OF_HALVES = (-1.0, 2.0**4)  # float16 ends at 65504, and its digits at 6e-5


def scaling_passes_through(trial):
    """backward(c dy) is c backward(dy), bit by bit: 0, a sign or a power of two rounds nothing."""
    yield from _scaling(trial, (0.0, *scales_of(trial)))


def scaling_passes_through_far_away(trial):
    """The same where float64 alone goes."""
    if all(d.dtype == np.float64 for d in (*trial.dy, *trial.grads.values())):
        yield from _scaling(trial, FAR)


def _scaling(trial, scales):
    for c in scales:
        for i, dx in trial.real_vjp(scaled(trial.dy, c)).items():
            expected = trial.grads[i] * trial.grads[i].dtype.type(c)
            if not np.array_equal(*_without_underflow(dx, expected, trial.grads[i])):
                says = f"dy times {c:g} does not give the gradient of {{input}} times {c:g}"
                yield breach(says, i)


def scaled(dy, c):
    """c dy, in its own precision; what is not a real number stays as it is."""
    return [d * d.dtype.type(c) if is_floating(d.dtype) else d for d in dy]


def scales_of(trial):
    """The sign and the powers of two that dy may be multiplied by in its precision."""
    halves = any(d.dtype == np.float16 for d in (*trial.dy, *trial.grads.values()))
    return SCALES_OF_HALVES if halves else SCALES


def _without_underflow(dx, expected, once):
    """Both gradients, where neither is so small or so large that its digits run out.

    What was 0 may be a small number that scaling has brought back.
    """
    from jax.numpy import finfo

    limits = finfo(once.dtype)
    smallest = np.minimum(np.abs(expected), np.abs(once))
    least = float(limits.tiny) * 2**12 / unit_of(once.dtype)
    whole = (smallest >= least) | ((expected == 0) & (np.abs(dx) >= least))
    whole &= np.isfinite(expected)
    return np.where(whole, dx, 0), np.where(whole, expected, 0)


def sums_pass_through(trial):
    """backward(a + b) is backward(a) + backward(b), up to rounding.

    For halves, of which one is 0 where the other is not; for a constant; and for a single number.
    """
    rng = trial.generator("additivity")
    kept = [rng.random(size=d.shape) < 0.5 for d in trial.dy]
    half = [np.where(k, d, 0).astype(d.dtype) for d, k in zip(trial.dy, kept, strict=True)]
    # sums of it are as large as those of random numbers, and a power of two is summed exactly
    level = [np.full_like(d, 2.0 ** -(d.size.bit_length() // 2 + 1)) for d in trial.dy]
    single = [np.zeros_like(d) for d in trial.dy]
    largest = max(single, key=lambda d: d.size)
    if largest.size:
        largest.flat[rng.integers(largest.size)] = 1.5
    what = "is not additive in dy"
    for part, how in ((half, what), (level, "is not additive in a constant dy"), (single, what)):
        rest = [d - c for d, c in zip(trial.dy, part, strict=True)]
        yield from _sum(trial, trial.grads, [part, rest], how)


def outputs_add_up(trial):
    """The upstream gradients of several outputs give, one by one, what they give together."""
    if len(trial.dy) > 1:
        zeros = [np.zeros_like(d) for d in trial.dy]
        alone = [[*zeros[:k], d, *zeros[k + 1 :]] for k, d in enumerate(trial.dy) if d.size]
        what = "is not the sum of what each output gives by itself"
        yield from _sum(trial, trial.grads, alone, what)


def _sum(trial, whole, parts, what):
    """Breaches where the gradients for some parts of dy do not add up to those for the whole."""
    found = [trial.real_vjp(part) for part in parts]
    expected = {i: sum(grads[i] for grads in found) for i in whole}
    sizes = {i: sum(np.abs(grads[i].astype(float)) for grads in found) for i in whole}
    yield from differences(trial, whole, expected, what, sizes)
