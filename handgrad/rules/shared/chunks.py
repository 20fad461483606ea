"""Chunks of a sequence: recurrences whose states fade step by step, taken many steps at a time.

Time is the first axis in here, and `logs`, the logarithm of the share of a state that each step
leaves, has the shape (T, ...).
"""

import math

from handgrad.arrays import array_namespace, constant, device_of, sums_from_the_end


def in_chunks(x, axis, size):
    """x with its axis of time in front and cut into chunks: (chunks, steps, ...).

    The last chunk is filled up with zeros: in such a step nothing fades and nothing is added.
    """
    xp = array_namespace(x)
    x = xp.moveaxis(x, axis, 0)
    size = max(1, min(size, x.shape[0]))
    missing = -x.shape[0] % size
    if missing:
        zeros = xp.zeros((missing, *x.shape[1:]), dtype=x.dtype, device=device_of(x))
        x = xp.concat([x, zeros], axis=0)
    return xp.reshape(x, (x.shape[0] // size, size, *x.shape[1:]))


def out_of_chunks(x, axis, length):
    """The first so many steps of all chunks, with time at its axis again."""
    xp = array_namespace(x)
    whole = xp.reshape(x, (x.shape[0] * x.shape[1], *x.shape[2:]))
    return xp.moveaxis(whole[:length, ...], 0, axis)


def decays(logs):
    """exp of the sums of logs over what lies between two steps, and from the start to each step.

    L[t, s] = exp(logs[s+1] + … + logs[t]), and 0 where s > t: the mask is applied to the exponent,
    for exp of what it hides may be infinite, and 0 · ∞ is NaN. Each sum is formed of its own terms.
    A difference of running sums would lose their digits, and be NaN after −∞.
    """
    xp = array_namespace(logs)
    terms = xp.where(_after(logs), logs[:, None, ...], 0)
    sums = xp.cumulative_sum(terms, axis=0)
    steps = xp.arange(logs.shape[0], device=device_of(logs))
    seen = xp.reshape(steps[:, None] >= steps, (*sums.shape[:2], *(1,) * (logs.ndim - 1)))
    never = constant(-math.inf, logs)
    return xp.exp(xp.where(seen, sums, never)), xp.exp(xp.cumulative_sum(logs, axis=0))


def decays_backward(between, start, end, whole):
    """The gradient of logs, from those of the exponents, which each are a sum of logs over a span.

    So a step gets the sum over all spans that it lies in.

    `between` belongs to L[t, s], `start` to what lies between the start and each step, `end` to
    what lies after each step, and `whole` to the whole chunk.
    """
    xp = array_namespace(between)
    last = xp.concat([whole[None, ...], end], axis=0)
    spans = xp.concat([start[:, None, ...], between], axis=1)
    spans = xp.concat([spans[:-1, ...], spans[-1:, ...] + last[None, ...]], axis=0)
    until = sums_from_the_end(spans, 0)
    first, later = until[:, 0, ...], until[:, 1:, ...]
    return first + xp.sum(xp.where(_after(whole[None, ...], later.shape[0]), later, 0), axis=1)


def _after(logs, length=None):
    """Whether step t comes after step s, with axes of size 1 for the others of logs."""
    xp = array_namespace(logs)
    steps = xp.arange(length or logs.shape[0], device=device_of(logs))
    return xp.reshape(steps[:, None] > steps, (*(steps.shape[0],) * 2, *(1,) * (logs.ndim - 1)))
