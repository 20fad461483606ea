"""Errors from "Deep Learning from Scratch" 1 to 3, and from ports of it."""

import numpy as np

from tests.judge.zoo import (
    convolution,
    elementwise,
    linear,
    losses,
    normalization,
    reductions,
    sequences,
    structure,
)
from tests.judge.zoo.history import seen
from tests.judge.zoo.operation import one_hot, sigmoid, softmax
from tests.judge.zoo.outputs import LSTM, lstm_gradients
from tests.judge.zoo.specimen import Specimen
from tests.judge.zoo.witnesses import overwrites

BOOK = "Deep Learning from Scratch"
SECOND = "Deep Learning from Scratch 2"
RELU = next(o for o in elementwise.OPERATIONS if o.name == "relu")
DROPOUT = next(o for o in structure.OPERATIONS if o.name == "dropout")
SIGMOID = next(o for o in elementwise.OPERATIONS if o.name == "sigmoid")
AFFINE, CE = linear.AFFINE, losses.CE


def _relu_in_place(dy, x):
    dy[x <= 0] = 0
    return (dy,)


def _index_of_column(dy, x, t):
    """Labels of shape (N, 1) pair every row with every label."""
    dx = softmax(x)
    np.subtract.at(dx, (np.arange(len(x)), t), 1)
    return dy * dx / len(x), None


def _affine_one_vector(dy, x, W, b):
    return dy @ W.T, x.T @ dy, np.sum(dy, axis=0)


def _affine_kept_batch(dy, x, W, b):
    return dy @ W.T, x.swapaxes(1, 2) @ dy, np.sum(dy, axis=0)


def _affine_first_of_batch(dy, x, W, b):
    dx, _, db = linear.AFFINE_ND.vjp(dy, x, W, b)
    return dx, x[0].T @ dy[0], db


def _shared_by_the_last(dy, x, W):
    """One layer at two places keeps one forward: both backwards use the second's."""
    h = np.tanh(x @ W)
    y = np.tanh(h @ W)
    db = dy * (1 - y**2)
    da = db @ W.T * (1 - y**2)
    return da @ W.T, h.T @ db + h.T @ da


def _shared_overwritten(dy, x, W):
    """The weight's gradient is set, and not added to, at the second place."""
    h = np.tanh(x @ W)
    da = dy * (1 - np.tanh(h @ W) ** 2) @ W.T * (1 - h**2)
    return da @ W.T, x.T @ da


def _other_mask(dy, x, keep):
    return dy * np.roll(keep, 1, axis=0) / 0.5, None


def _per_pixel(dy, x, w, b):
    """N where N·H·W numbers were averaged."""
    xhat, r = normalization.statistics(x, (0, 2, 3))
    d = dy * w[:, None, None]
    n = len(x)
    total = np.sum(d, (0, 2, 3), keepdims=True) + xhat * np.sum(d * xhat, (0, 2, 3), keepdims=True)
    return r * (d - total / n), np.sum(dy * xhat, axis=(0, 2, 3)), np.sum(dy, axis=(0, 2, 3))


def _training_in_eval(dy, x, mean, variance, w):
    grads = normalization.BATCH_NORM_EVAL.vjp(dy, x, mean, variance, w)
    xhat = (x - mean) / np.sqrt(variance + normalization.EPS)
    r = 1 / np.sqrt(variance + normalization.EPS)
    return normalization.normalized_gradient(dy * w, xhat, r, 0), *grads[1:]


def _into_the_border(dy, x):
    """The border is 0 here, and −∞ in the forward."""
    y = np.maximum(convolution.MAX_POOL.f(x), 0)
    return (convolution.max_pool_gradient(dy, x, y, 0),)


def _assigned(dy, x):
    """Windows overlap, and the last one wins."""
    dx = np.zeros_like(convolution.padded(x))
    for _, _, place in convolution.offsets(dy):
        dx[place] = dy / convolution.K**2
    return (convolution.cropped(dx),)


def _shifted(dy, x, w, b):
    """The column that the stride leaves over is taken for the first, not the last."""
    dx, dw, db = convolution.CONV2D.vjp(dy, x, w, b)
    return np.roll(dx, 1, axis=2), dw, db


def _second_axis(dy, x):
    y = softmax(x)
    return (y * (dy - np.sum(dy * y, axis=1, keepdims=True)),)


def _all_ties(dy, x):
    return (dy[..., None] * (x == np.max(x, axis=-1, keepdims=True)),)


def _assigned_rows(dy, E, index):
    dE = np.zeros_like(E)
    dE[index] = dy
    return dE


def _buffered_rows(dy, E, index):
    dE = np.zeros_like(E)
    dE[index] += dy
    return dE


class ConsumedSoftmax:
    """dx = ys destroys what the forward kept: a second backward is wrong."""

    def forward(self, x, t):
        self.p, self.t = softmax(x), t
        return losses.CE.f(x, t)

    def backward(self, dy):
        dx = self.p
        dx -= one_hot(self.t, dx)
        dx *= dy / len(dx)
        return dx, None


def _second_backward_differs(operation, make, rng):
    layer = make()
    layer.forward(*operation.draw(rng))
    before = layer.backward(0.5)[0].copy()
    return not np.array_equal(before, layer.backward(0.5)[0])


SOFTMAX = (
    seen(
        losses.CE_EPSILON,
        "y - t",
        lambda dy, x, t: (dy * (softmax(x) - one_hot(t, x)) / len(x), None),
        f"{BOOK}, T1: log(y + 1e-7) forward, y − t backward",
    ),
    seen(
        CE,
        "ignores dout",
        lambda dy, x, t: ((softmax(x) - one_hot(t, x)) / len(x), None),
        f"{BOOK}, T6, and FLA #963",
    ),
    seen(
        CE,
        "not divided by the batch",
        lambda dy, x, t: (dy * (softmax(x) - one_hot(t, x)), None),
        f"{BOOK}: the sum of the losses for their mean",
    ),
    seen(
        losses.CE_SOFT,
        "argmax of soft targets",
        lambda dy, x, t: (
            dy * (softmax(x) - one_hot(np.argmax(t, axis=-1), x)) / len(x),
            -dy * losses.log_softmax(x) / len(x),
        ),
        f"{BOOK}, T7: loss and gradient of different functions",
    ),
    seen(losses.CE_COLUMN, "labels broadcast", _index_of_column, f"{BOOK}, T8"),
    seen(
        losses.CE_SINGLE,
        "divided by the classes",
        lambda dy, x, t: tuple(dx / len(x) for dx in losses.CE_SINGLE.vjp(dy, x, t)),
        f"{BOOK}, T9: one row, divided by C",
    ),
    seen(
        normalization.SOFTMAX,
        "sum over the whole batch",
        lambda dy, x: (softmax(x) * (dy - np.sum(dy * softmax(x))),),
        f"{BOOK}, issue #45",
    ),
    seen(normalization.SOFTMAX_3D, "axis 1", _second_axis, f"{SECOND}, Softmax.backward"),
    seen(
        normalization.SOFTMAX_OF_LARGE,
        "not shifted",
        lambda dy, x: (
            (p := np.exp(x) / np.sum(np.exp(x), -1, keepdims=True))
            * (dy - np.sum(dy * p, -1, keepdims=True)),
        ),
        f"{BOOK}, chapter 3: overflow",
    ),
    seen(
        losses.CE_IGNORING,
        "divided by all rows",
        lambda dy, x, t: (
            dy * (t >= 0)[:, None] * (softmax(x) - one_hot(t, x)) / len(x),
            None,
        ),
        f"{SECOND}, TimeSoftmaxWithLoss; torch #91383",
    ),
    Specimen(
        CE,
        "residual consumed",
        ConsumedSoftmax,
        _second_backward_differs,
        origin=f"{SECOND}, TimeSoftmaxWithLoss: dx = ys",
    ),
)

LAYERS = (
    seen(RELU, "writes into dout", _relu_in_place, f"{BOOK}, T2, and apex #1430", overwrites),
    seen(
        RELU,
        "mask of the gradient",
        lambda dy, x: (dy * (dy > 0),),
        "guided backpropagation taken for the gradient",
    ),
    seen(
        SIGMOID,
        "1 - y forgotten",
        lambda dy, x: (dy * sigmoid(x),),
        f"{BOOK}, exercise",
    ),
    seen(
        SIGMOID,
        "derivative of the output",
        lambda dy, x: (dy * sigmoid(sigmoid(x)) * (1 - sigmoid(sigmoid(x))),),
        "sigmoid_grad given y for x",
    ),
    seen(linear.AFFINE_VECTOR, "one row", _affine_one_vector, f"{BOOK}, T5: dW and db are scalars"),
    seen(linear.AFFINE_ND, "batch kept", _affine_kept_batch, f"{BOOK}, T5b"),
    seen(linear.AFFINE_ND, "first of the batch", _affine_first_of_batch, f"{BOOK}, T5b"),
    seen(
        AFFINE,
        "bias averaged",
        lambda dy, x, W, b: (dy @ W.T, x.T @ dy, np.mean(dy, axis=0)),
        f"{BOOK}, ports",
    ),
    seen(linear.SHARED, "the last forward for both", _shared_by_the_last, f"{BOOK}, T22"),
    seen(linear.SHARED, "overwritten, not added", _shared_overwritten, f"{BOOK}, T22: self.dW ="),
    seen(
        DROPOUT, "another mask", _other_mask, f"{BOOK}, T12, and checkpoints without the same key"
    ),
    seen(
        DROPOUT,
        "scale forgotten",
        lambda dy, x, keep: (dy * keep, None),
        f"{SECOND}, TimeDropout beside Dropout",
    ),
    seen(normalization.BATCH_NORM_2D, "mean over N alone", _per_pixel, f"{BOOK}, T15"),
    seen(normalization.BATCH_NORM_EVAL, "training's formula", _training_in_eval, f"{BOOK}, T15"),
    seen(convolution.MAX_POOL_NEGATIVE, "border of zeros", _into_the_border, f"{BOOK}, T16"),
    seen(convolution.AVG_POOL, "assigned, not added", _assigned, f"{BOOK}, col2im"),
    seen(convolution.CONV2D, "remainder in front", _shifted, f"{BOOK}, T19"),
    seen(
        convolution.CONV2D,
        "bias for one image",
        lambda dy, x, w, b: (*convolution.CONV2D.vjp(dy, x, w, b)[:2], np.sum(dy[0], (1, 2))),
        f"{BOOK}, ports",
    ),
    seen(reductions.MAX_WITH_TIES, "all of it to each tie", _all_ties, "DeZero Max, Theano #4568"),
    seen(
        losses.MSE,
        "divided by N alone",
        lambda dy, x, t: (2 * dy * (x - t) / len(x), -2 * dy * (x - t) / len(x)),
        "DeZero MeanSquaredError",
    ),
    seen(
        linear.DECAYED,
        "decay forgotten",
        lambda dy, x, W: (
            linear.DECAYED.vjp(dy, x, W)[0],
            dy * 2 * x.T @ (x @ W) / (len(x) * W.shape[1]),
        ),
        f"{BOOK}, before commit 0fe7fe3",
    ),
    seen(
        LSTM,
        "dc dropped",
        lambda dy, *x: lstm_gradients(dy, *x, with_cell=0),
        f"{SECOND}, TimeLSTM",
    ),
    seen(
        sequences.RNN,
        "dh not carried",
        lambda dy, *x: sequences.rnn_gradients(dy, *x, carry=0),
        f"{SECOND}, TimeRNN: dh + ",
    ),
    seen(
        structure.EMBEDDING,
        "last write wins",
        lambda dy, E, index: (_assigned_rows(dy, E, index), None),
        f"{SECOND}, Embedding: dW[idx] = dout",
    ),
    seen(
        structure.EMBEDDING,
        "buffered add",
        lambda dy, E, index: (_buffered_rows(dy, E, index), None),
        "NumPy: dW[idx] += dout adds once",
    ),
)

SPECIMENS = (*SOFTMAX, *LAYERS)
