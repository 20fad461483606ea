"""The inputs of a derivation as random exact numbers of their domains.

A domain that is given by equations is drawn by a rational formula for all of its points: rows of
sum 1 by a division, of norm 1 by a projection from a pole, orthonormal columns by Cayley's.
"""

import numpy as np

from handgrad.exact.matrices import inv
from handgrad.exact.moves import random_array
from handgrad.exact.numbers import Exact, chosen, lift, linear, matmul
from handgrad.exact.reductions import total
from handgrad.exact.tracks import Track

STATED = "stated"  # the numbers themselves


def given(domain, real):
    """Random numbers of a domain beside these real ones; labels and masks as they are."""
    if domain in {"label", "mask"}:
        return np.asarray(real)
    if domain in {"one_hot", STATED} or not np.size(real):
        return lift(np.asarray(real, dtype=float))
    made = DOMAINS.get(domain, random_array)(np.asarray(real, dtype=float))
    return Exact([Track(np.asarray(real, dtype=float)), *made.tracks[1:]], made.degree)


def _of_sum_one(real):
    weights = random_array(real)
    return weights / total(weights, -1, True) if real.ndim else lift(real)


def _of_norm_one(real):
    if not real.ndim:
        return lift(real)
    u = random_array(real[..., 1:])
    square = total(u * u, -1, True)
    around = chosen(lambda *parts: np.concatenate(parts, axis=-1), u * 2, square - 1)
    return around / (square + 1)


def _symmetric(real):
    return _with_transpose(random_array(real), 1)


def _with_transpose(a, sign):
    return linear(lambda x: x + sign * np.swapaxes(x, -1, -2), a)


def _lower(real):
    return linear(np.tril, random_array(real))


def _orthonormal(real):
    """The first columns of (1 − K) (1 + K)⁻¹ with a skew K."""
    rows, columns = real.shape[-2:]
    skew = _with_transpose(random_array(np.zeros((*real.shape[:-1], rows))), -1)
    one = np.eye(rows)
    whole = matmul(one - skew, inv(skew + one))
    return whole[..., :columns]


DOMAINS = {
    "probability": _of_sum_one,
    "unit": _of_norm_one,
    "symmetric": _symmetric,
    "spd": _symmetric,
    "lower": _lower,
    "orthonormal": _orthonormal,
}
