"""Places nearby: where a small error that hides from two directions shows, and an old result.

A gradient that is kept under a rounded input is the right one there, and a wrong one beside it.
"""

import numpy as np

from handgrad.judge.evidence import opinion_of_jax, opinion_of_numbers
from handgrad.judge.numbers import direction, own_direction
from handgrad.judge.small import are_probabilities
from handgrad.judge.special import is_sound, trial_at
from handgrad.judge.verdict import Status

NEARBY = "a little moved"
DISTANCES = (1e-3, 1e-5, 1e-6, 1e-4, 1e-5, 1e-3)  # of each number's size


def findings_nearby(trial, automatic):
    """(findings, projections, trial) at each place nearby at which the forward is finite."""
    for k, distance in enumerate(DISTANCES):
        near = trial_at(trial, _moved(trial, distance, k))
        if near is None or not is_sound(near):
            continue
        if automatic:
            findings, projections = opinion_of_jax(near, automatic)[0], []
        else:
            u = own_direction(near, "near", k) if k % 2 else direction(near, "near", k)
            findings, projections = opinion_of_numbers(near, [u], certain=True)
        yield [f for f in findings if f[0] is not Status.KINK], projections, near


def _moved(trial, distance, k):
    """The inputs, of which one alone is moved at every second place: a result may be kept for it."""
    rng = trial.generator("nearby", k)
    alone = k // 2 % len(trial.real) if k % 2 and trial.real else None
    pairs = enumerate(trial.real_inputs)
    return trial.with_real(
        [_shaken(x, distance, rng) if alone in {None, n} else x for n, x in pairs]
    )


def _shaken(x, distance, rng):
    """x, each number moved by a share of itself: what is whole, symmetric or sums to 1 stays so."""
    moved = x * (1 + distance * rng.uniform(-1, 1, size=x.shape))
    if np.array_equal(x, np.rint(x)):
        return x
    if are_probabilities(x):
        return moved / np.sum(moved, axis=-1, keepdims=True)
    if x.ndim > 1 and np.array_equal(x, np.swapaxes(x, -1, -2)):
        return (moved + np.swapaxes(moved, -1, -2)) / 2
    return moved
