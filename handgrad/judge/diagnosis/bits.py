"""Bits: errors that are rounding, and not formulas.

A wrong formula gives almost the same error at almost the same inputs. Rounding gives another one.
"""

import math

import numpy as np

from handgrad.judge.diagnosis.naming import biggest, gradients_of, input_name, listed
from handgrad.judge.noise import unit_of
from handgrad.judge.trial import rms

NEARBY, FURTHEST = 1e-5, 0.05  # of the inputs: so far, a formula's error moves as little
ALIKE = 0.5  # correlation of the errors at two places
SMALL = 0.02  # of the gradient: no rounding is larger
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


def of_rounded_arguments(points, i):
    """Hypotheses for the gradient of input i: right, for arguments that are rounded first."""
    trial = points[0].trial
    some = [[k] for k in trial.real] + [[k, "dy"] for k in trial.real]
    for name in TYPES:
        if _unit(name) <= unit_of(trial.inputs[i].dtype):
            continue
        for which in (["dy"], *some, trial.real, [*trial.real, "dy"]):
            what = [k if k == "dy" else input_name(trial, k) for k in which]
            verb = "is" if len(what) == 1 else "are"
            words = f"has lost bits: {listed(what)} {verb} rounded to {name}"
            yield words, _with_rounded(i, which, name)


def _with_rounded(i, which, name):
    def guess(p):
        inputs = tuple(_cast(x, name) if k in which else x for k, x in enumerate(p.inputs))
        dy = tuple(_cast(d, name) if "dy" in which else d for d in p.dy)
        return p.truth(inputs, dy)[i]

    return guess


def _is_rounding_of(name, wrong, right):
    return bool(np.all(np.abs(wrong - right) <= 64 * _unit(name) * biggest(right)))


def _is_noise(point, i):
    """Whether the error at nearby inputs has nothing to do with the error here."""
    trial = point.trial
    rng = trial.generator("nearby")
    first, products, sizes = point.wrong[i] - point.right[i], [], []
    apart = min(max(NEARBY, 100 * rms(first) / rms(point.right[i])), FURTHEST)
    for _ in range(4):
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
        return f"has lost bits, about {bits:.0f} of {-math.log2(own):.0f}: as if {low[0]} were used inside"
    return (
        f"has lost bits, about {bits:.0f} of {-math.log2(own):.0f}: its error is rounding, "
        "and changes at random from place to place; are large numbers subtracted?"
    )


def imprecise(trial, findings):
    """A sentence on what is right in float64 and loses bits in the precision given."""
    name = " and ".join(sorted({trial.inputs[i].dtype.name for i in trial.real}))
    guilty = [f.message.partition(" loses ")[0] for f in findings if " loses " in f.message]
    what = "; ".join(dict.fromkeys(guilty)) or "the gradient"
    numbers = [
        int(w)
        for f in findings
        for w in f.message.split()
        if w.isdigit() and " loses " in f.message
    ]
    bits = f" about {max(numbers[-1:])}" if numbers[-1:] else ""
    for i, dx in trial.grads.items():
        for low in TYPES[::-1]:
            if (
                _unit(low) > unit_of(dx.dtype)
                and np.any(dx)
                and np.array_equal(dx.astype(float), _cast(dx.astype(float), low))
            ):
                return f"{gradients_of(trial, [i])} has lost bits: all numbers are rounded to {low}"
    return (
        f"{what} loses bits in {name},{bits} more than the problem itself does: something is computed in lower "
        "precision, or large numbers are subtracted (such as a variance in one pass, E[x²] − E[x]²)"
    )


def _cast(x, name):
    from jax import numpy as jnp

    with np.errstate(all="ignore"):
        return x.astype(jnp.dtype(name)).astype(float)


def _unit(name):
    from jax import numpy as jnp

    return unit_of(jnp.dtype(name))
