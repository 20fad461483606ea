"""Errors seen in losses."""

import numpy as np

from tests.judge.zoo import losses, normalization
from tests.judge.zoo.history import seen
from tests.judge.zoo.operation import log_softmax, one_hot, sigmoid, softmax


def _half_minus_one(dy, x, t):
    """p is rounded before 1 is subtracted."""
    p = softmax(x).astype(np.float16).astype(x.dtype)
    return dy * (p - one_hot(t, x)) / len(x), None


def _weight_by_n(dy, x, t, w):
    dx, _, dw = losses.CE_WEIGHTED.vjp(dy, x, t, w)
    return dx * np.sum(w[t]) / len(x), None, dw


def _kept_label_smoothing(dy, x, t):
    return dy * (softmax(x) - one_hot(t, x)) / len(x), None


SPECIMENS = (
    seen(losses.CE, "p rounded before - 1", _half_minus_one, "Liger #1268, fixed in #1329"),
    seen(
        losses.CE_NONE,
        "the first dy for all",
        lambda dy, x, t: (dy[0] * (softmax(x) - one_hot(t, x)), None),
        "Liger #678, #968",
    ),
    seen(
        losses.CE_SOFT,
        "p - t",
        lambda dy, x, t: (dy * (softmax(x) - t) / len(x), losses.CE_SOFT.vjp(dy, x, t)[1]),
        "rows of t that do not sum to 1",
    ),
    seen(losses.CE_WEIGHTED, "divided by N", _weight_by_n, "torch's mean divides by Σw"),
    seen(losses.CE_SMOOTHED, "smoothing forgotten", _kept_label_smoothing, "FLA and Liger ports"),
    seen(
        losses.CE_Z,
        "z forgotten",
        lambda dy, x, t: (losses.CE.vjp(dy, x, t)[0], None),
        "z-loss added to the forward alone",
    ),
    seen(
        losses.CE_IGNORING,
        "all is 0",
        lambda dy, x, t: (x * 0, None),
        "unsloth #5230: zero gradients with a mask",
    ),
    seen(
        losses.BCE_POSITIVE,
        "weight forgotten",
        lambda dy, x, t: (dy * (sigmoid(x) - t.astype(x.dtype)) / x.size, None),
        "pos_weight in the forward alone",
    ),
    seen(
        losses.KL,
        "target not in logs",
        lambda dy, x, p: (losses.KL.vjp(dy, x, p)[0], -dy * log_softmax(x) / len(x)),
        "the entropy of the target has a gradient too",
    ),
    seen(
        losses.KL,
        "gradient of the log-probabilities",
        lambda dy, x, p: (-dy * p / len(x), losses.KL.vjp(dy, x, p)[1]),
        "torch CTC #52241, the other way round",
    ),
    seen(
        losses.REVERSE_KL,
        "forward KL",
        lambda dy, x, p: (dy * (softmax(x) - p) / len(x), losses.REVERSE_KL.vjp(dy, x, p)[1]),
        "Liger #1082, verl #2953: the gradient of another divergence",
    ),
    seen(
        losses.HUBER,
        "never clipped",
        lambda dy, x: (dy * x,),
        "smooth L1: the square's gradient everywhere",
    ),
    seen(
        losses.COSINE,
        "projection forgotten",
        lambda dy, a, b: (
            dy[:, None] * b / (n := np.sqrt(np.sum(a * a, -1) * np.sum(b * b, -1)))[:, None],
            dy[:, None] * a / n[:, None],
        ),
        "norms treated as constants",
    ),
    seen(
        losses.INFO_NCE,
        "temperature forgotten",
        lambda dy, s: (dy * (softmax(s / 0.5) - np.eye(len(s), dtype=s.dtype)) / len(s),),
        "contrastive losses",
    ),
    seen(
        normalization.SOFTMAX_TEMPERED,
        "temperature without a sum",
        lambda dy, x, t: (
            normalization.SOFTMAX_TEMPERED.vjp(dy, x, t)[0],
            -np.sum(dy * softmax(x / t) * x) / t**2,
        ),
        "only the diagonal of the softmax's Jacobian",
    ),
)
