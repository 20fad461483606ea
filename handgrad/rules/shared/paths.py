"""Sums over paths, in logs: log 0 is −∞, and no path that is there may underflow."""

from functools import reduce

from handgrad.arrays import array_namespace, device_of, kept


def log_sum(*arrays):
    """log Σ eᵃ of several arrays, number by number; −∞ where all are."""
    return reduce(_log_sum_of_two, arrays)


def _log_sum_of_two(a, b):
    """Without logaddexp(−∞, −∞), of which JAX's derivative is NaN."""
    xp = array_namespace(a, b)
    none = (a == -xp.inf) & (b == -xp.inf)
    return xp.where(none, -xp.inf, xp.logaddexp(xp.where(none, 0, a), xp.where(none, 0, b)))


def log_sum_over(a, axis):
    """log Σ eᵃ over one axis; −∞ where all are."""
    xp = array_namespace(a)
    m = xp.max(a, axis=axis, keepdims=True)
    m = xp.where(m > -xp.inf, m, 0)
    total = xp.sum(xp.exp(a - m), axis=axis)
    log_total = xp.log(xp.where(total == 0, 1, total))  # without log 0, it has derivatives again
    return xp.where(total == 0, -xp.inf, xp.squeeze(m, axis=axis) + log_total)


def ruled_out(mask, a):
    """a where the mask is true, else −∞."""
    xp = array_namespace(a)
    return xp.where(mask, a, -xp.inf)


def shifted(a, k):
    """a[s − k] at the place s of the last axis, and −∞ where that is outside."""
    xp = array_namespace(a)
    size = a.shape[-1]
    shape = (*a.shape[:-1], min(abs(k), size))
    edge = xp.full(shape, -xp.inf, dtype=a.dtype, device=device_of(a))
    inside = a[..., : max(0, size - k)] if k > 0 else a[..., min(-k, size) :]
    return xp.concat([edge, inside] if k > 0 else [inside, edge], axis=-1)


def lowered(a):
    """a less its largest number along the last axis, which is 0 then, and that number: (..., 1).

    A long sum is far from 0, where a log has few digits after the point. What counts is by how
    much the places differ.
    """
    xp = array_namespace(a)
    c = xp.max(a, axis=-1, keepdims=True)
    c = xp.where(c > -xp.inf, c, 0)
    return a - c, c


def share(a, whole):
    """e^(a − whole), the share of some paths in all of them: 0 where there are none."""
    xp = array_namespace(a, whole)
    return kept(whole > -xp.inf, xp.exp(a - xp.where(whole > -xp.inf, whole, 0)))


def shares(a):
    """The share of each place of the last axis, of which every path passes one."""
    return share(a, array_namespace(a).expand_dims(log_sum_over(a, -1), axis=-1))


def surprise(whole, zero_infinity):
    """−log P; where there is no path ∞, or 0."""
    xp = array_namespace(whole)
    return xp.where(whole > -xp.inf, -whole, 0 if zero_infinity else xp.inf)
