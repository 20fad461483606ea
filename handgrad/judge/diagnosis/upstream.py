"""Upstream: what a backward may do to dy before it uses it."""

import numpy as np

from handgrad.judge.trial import rms


def misuse_of_dy(trial):
    """A sentence on how the backward misuses dy, or ""."""
    for sentence, change in MISUSES:
        changed = [change(d) for d in trial.dy]
        if all(map(np.array_equal, changed, trial.dy)):
            continue
        if _same(trial, trial.real_vjp(changed), trial.grads):
            return f"the upstream gradient is {sentence}"
    return _power(trial) or _offset(trial)


def _same(trial, a, b):
    return all(
        np.max(np.abs(a[i] - dx), initial=0.0) <= 1e-9 * (trial.scale(i) or 1.0)
        for i, dx in b.items()
    )


def _power(trial):
    """backward(2 dy) = 2ᵏ backward(dy) with k other than 1: dy is used k times."""
    twice = trial.real_vjp([2 * d for d in trial.dy])
    for k, words in ((2, "used twice: the gradient is quadratic in dy"), (3, "used three times")):
        if _same(trial, {i: dx / 2**k for i, dx in twice.items()}, trial.grads):
            return f"the upstream gradient is {words}"
    return ""


def _offset(trial):
    at_zero = trial.real_vjp([0 * d for d in trial.dy])
    if any(map(np.any, at_zero.values())):
        largest = max(float(np.max(np.abs(dx))) for dx in at_zero.values())
        return (
            f"something up to {largest:.3g} is added that does not depend on the upstream gradient"
        )
    return ""


MISUSES = (
    ("ignored: another one gives the same gradients", lambda d: d * 3 - 1),
    ("used without its sign: |dy| gives the same gradients", np.abs),
    ("reduced to its sign", lambda d: np.sign(d) * (rms(d) or 1.0)),
    ("clipped below 0: only its positive part is used", lambda d: np.maximum(d, 0)),
    ("clipped to ±1", lambda d: np.clip(d, -1, 1)),
    (
        "clipped: large numbers in it are cut",
        lambda d: d * np.where(np.abs(d) == np.max(np.abs(d), initial=0), 1.5, 1),
    ),
)
