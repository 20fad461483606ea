"""Bits: errors that are rounding, and not formulas.

A wrong formula gives almost the same error at almost the same inputs. Rounding gives another one.
"""

import math

import numpy as np

from handgrad.common.precision import unit_of
from handgrad.judge.explain.words import of_gradients
from handgrad.judge.trial import largest, rms

NEARBY, FURTHEST = 1e-5, 0.05  # of the inputs: so far, a formula's error moves as little
ALIKE = 0.5  # correlation of the errors at two places
GONE = 1e-4  # of the squared error: rounding is never so much less nearby
SMALL = 0.02  # of the gradient: no rounding is larger
PLACES = 4  # at which errors are compared
FEW = 24  # numbers: with fewer, more places are needed
TYPES = ("float32", "bfloat16", "float16")


def lost_bits(points, i):
    """A sentence if the error of input i's gradient is rounding, else ""."""
    point = points[0]
    wrong, right = point.wrong[i], point.right[i]
    off = wrong - right
    size = rms(right)
    if wrong.shape != right.shape or not np.any(off) or not rms(off) <= SMALL * size:
        return ""
    for name in TYPES[::-1]:
        if np.array_equal(wrong, _cast(wrong, name)) and _is_rounding_of(name, wrong, right):
            return f"has lost bits: all numbers are rounded to {name}"
    if wrong.size and not _is_noise(point, i):
        return ""
    return _words(point, i, rms(off) / size)


def _is_rounding_of(name, wrong, right):
    return bool(np.all(np.abs(wrong - right) <= 64 * _unit(name) * largest(right)))


def _is_noise(point, i):
    """Whether the error at nearby inputs has nothing to do with the error here."""
    trial = point.trial
    rng = trial.generator("nearby")
    first, products, sizes = point.wrong[i] - point.right[i], [], []
    apart = min(max(NEARBY, 100 * rms(first) / rms(point.right[i])), FURTHEST)
    for _ in range(max(PLACES, FEW // max(first.size, 1))):
        inputs = tuple(
            (x * (1 + apart * rng.uniform(-1, 1, x.shape))).astype(x.dtype)
            if k in trial.real
            else x
            for k, x in enumerate(trial.inputs)
        )
        right = point.truth(inputs, trial.dy)
        if right is None:
            return False
        off = np.asarray(trial.real_vjp(list(trial.dy), inputs)[i], dtype=float) - right[i]
        products.append(float(np.sum(off * first)))
        sizes.append(float(np.sum(off * off)))
    square = float(np.sum(first * first))
    if float(np.mean(sizes)) <= GONE * square:
        return False  # only here: some number is special
    scale = math.sqrt(square * float(np.mean(sizes)))
    return bool(scale) and abs(float(np.mean(products))) < ALIKE * max(scale, square)


def _words(point, i, error):
    trial = point.trial
    own = unit_of(trial.inputs[i].dtype)
    bits = math.log2(error / own)
    low = [
        name
        for name in TYPES
        if 0.05 * _unit(name) <= error <= 20 * _unit(name) and _unit(name) > 2 * own
    ]
    if low:
        nearest = min(low, key=lambda name: abs(math.log(error / _unit(name))))
        return f"has lost bits, about {bits:.0f} of {-math.log2(own):.0f}: as if {nearest} were used inside"
    return (
        f"has lost bits, about {bits:.0f} of {-math.log2(own):.0f}: its error is rounding, "
        "and changes at random from place to place; are large numbers subtracted?"
    )


def imprecise(trial, findings):
    """What is right in float64 and loses bits in the precision given."""
    results = {of_gradients(trial, [i]): dx for i, dx in trial.grads.items()}
    if trial.precision == "float64":  # of a lower precision, few numbers fit a still lower one
        results |= {f"output {k}": y for k, y in enumerate(trial.y)}
    for result, x in results.items():
        if low := _rounded_to(x):
            return f"{result} has lost bits: all numbers are rounded to {low}"
    said = dict.fromkeys(f.message for f in findings if f.check == "precision")
    what = "; ".join(said) or f"it loses bits in {trial.precision} that the problem does not cost"
    return (
        f"{what}: something is computed in lower precision, or large numbers are subtracted "
        "(such as a variance in one pass, E[x²] − E[x]²)"
    )


def _rounded_to(x):
    """The lower precision that holds every number of an array, or ""."""
    wide = x.astype(float)
    fits = (
        low
        for low in TYPES[::-1]
        if _unit(low) > unit_of(x.dtype) and np.any(x) and np.array_equal(wide, _cast(wide, low))
    )
    return next(fits, "")


def _cast(x, name):
    from jax import numpy as jnp

    with np.errstate(all="ignore"):
        return x.astype(jnp.dtype(name)).astype(float)


def _unit(name):
    from jax import numpy as jnp

    return unit_of(jnp.dtype(name))
