"""Mutations of how the upstream gradient dy is used, and how arrays are read."""

import numpy as np

from tests.judge.zoo.mutation import Mutation, incoming, where
from tests.judge.zoo.witnesses import differs_for, differs_in


def flat(x):
    """x as one reads its buffer who takes it for a C array."""
    return x.ravel(order="K").reshape(x.shape)


def columns_first(x):
    return np.array(x, order="F")


def backwards(x):
    """x laid out backwards in memory."""
    turn = (slice(None, None, -1),) * np.ndim(x)
    return np.asarray(x)[turn].copy()[turn]


def gapped(x):
    """x as every second number of a larger array."""
    return np.repeat(np.asarray(x)[..., None], 2, axis=-1)[..., 0]


def repeated(d):
    """One number, repeated without memory of its own."""
    return np.broadcast_to(0.7, np.shape(d))


def off_every_word(x):
    """x in memory where no number begins at a multiple of its size."""
    x = np.asarray(x)
    memory = np.empty(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    memory[...] = x
    return memory


def _rescaled(d):
    """d times its largest entry, over its length: homogeneous, and not additive."""
    length = np.sqrt(np.sum(d * d))
    return d * np.max(np.abs(d), initial=0) / np.where(length == 0, 1, length)


def _with_a_zero(d):
    d = np.array(d)
    d.flat[0] = 0
    return d


def _is_columns_first(x, dy):
    return np.ndim(dy) > 1 and not dy.flags.c_contiguous and dy.flags.f_contiguous


def _is_backwards(x, dy):
    return np.ndim(dy) > 0 and any(stride < 0 for stride in dy.strides)


def _is_gapped(x, dy):
    return np.ndim(dy) > 0 and dy.size > 1 and dy.strides[-1] > dy.itemsize


def _is_repeated(x, dy):
    return np.ndim(dy) > 0 and dy.size > 1 and 0 in dy.strides


def _is_matrix(inputs, y, grads):
    return y[0].ndim >= 2 and min(y[0].shape) > 1


def _is_input_matrix(inputs, y, grads):
    return inputs[0].ndim >= 2 and min(inputs[0].shape) > 1


def _is_vector(inputs, y, grads):
    return y[0].size > 1


def _is_large(inputs, y, grads):
    """Of so many normal numbers some are beyond 1."""
    return y[0].size > 11


VALUES = (
    Mutation("takes abs(dy)", incoming(np.abs)),
    Mutation("takes relu(dy)", incoming(lambda d: np.maximum(d, 0))),
    Mutation("clips dy to 1", incoming(lambda d: np.clip(d, -1, 1)), _is_large),
    Mutation("takes sign(dy)", incoming(np.sign)),
    Mutation("ignores dy", incoming(np.ones_like)),
    Mutation("squares dy", incoming(lambda d: d * np.abs(d))),
    Mutation("rescales dy", incoming(_rescaled), _is_vector),
    Mutation(
        "favours positive dy", incoming(lambda d: np.where(d < 0, d * (1 + 1e-6), d)), _is_vector
    ),
    Mutation("takes the first dy for all", incoming(lambda d: d * 0 + d.flat[0]), _is_vector),
    Mutation("takes the mean dy for all", incoming(lambda d: d * 0 + np.mean(d)), _is_vector),
)

RANGES = (
    Mutation(
        "drops dy below 1e-3",
        incoming(lambda d: np.where(np.abs(d) < 1e-3, 0, d)),
        witness=differs_for(lambda d: d * 1e-4),
    ),
    Mutation(
        "drops dy below 1e-12",
        incoming(lambda d: np.where(np.abs(d) < 1e-12, 0, d)),
        witness=differs_for(lambda d: d * 1e-13),
    ),
    Mutation(
        "drops dy below 1e-30",
        incoming(lambda d: np.where(np.abs(d) < 1e-30, 0, d)),
        witness=differs_for(lambda d: d * 1e-40),
        precisions=("float64",),
    ),
    Mutation(
        "clips dy to 1e6",
        incoming(lambda d: np.clip(d, -1e6, 1e6)),
        witness=differs_for(lambda d: d * 1e8),
    ),
    Mutation(
        "NaN where dy is 0",
        incoming(lambda d: d * d / d),
        _is_vector,
        witness=differs_for(_with_a_zero),
    ),
    Mutation(
        "wrong where dy is constant",
        where(lambda x, dy: np.ptp(dy) == 0),
        _is_vector,
        witness=differs_for(lambda d: d * 0 + 0.7),
    ),
    Mutation(
        "wrong where dy is positive",
        where(lambda x, dy: np.min(dy, initial=1) > 0),
        witness=differs_for(np.abs),
    ),
)

LAYOUTS = (
    Mutation("reads dy flat", incoming(flat), _is_matrix, differs_in(columns_first)),
    Mutation(
        "reads inputs flat",
        lambda vjp, f: lambda dy, *inputs: vjp(dy, *map(flat, inputs)),
        _is_input_matrix,
        differs_in(columns_first),
    ),
    Mutation(
        "wrong for columns first", where(_is_columns_first), _is_matrix, differs_in(columns_first)
    ),
    Mutation("wrong for backwards dy", where(_is_backwards), _is_vector, differs_in(backwards)),
    Mutation("wrong for gapped dy", where(_is_gapped), _is_vector, differs_in(gapped)),
    Mutation(
        "wrong for dy off every word",
        where(lambda x, dy: isinstance(dy, np.ndarray) and not dy.flags.aligned),
        _is_vector,
        differs_in(off_every_word),
    ),
    Mutation("wrong for repeated dy", where(_is_repeated), _is_vector, differs_for(repeated)),
)

MUTATIONS = (*VALUES, *RANGES, *LAYOUTS)
