"""Every right operation of the zoo."""

from tests.judge.zoo import (
    convolution,
    elementwise,
    history_norms,
    history_precision,
    linear,
    losses,
    normalization,
    outputs,
    reductions,
    rendering,
    sequences,
    structure,
)

OPERATIONS = (
    *elementwise.OPERATIONS,
    *reductions.OPERATIONS,
    *linear.OPERATIONS,
    *structure.OPERATIONS,
    *normalization.OPERATIONS,
    *losses.OPERATIONS,
    *convolution.OPERATIONS,
    *sequences.OPERATIONS,
    *outputs.OPERATIONS,
    *history_norms.EXTRA,
    *rendering.OPERATIONS,
    *history_precision.EXTRA,
)


def named(*names):
    """The operations of these names."""
    by_name = {operation.name: operation for operation in OPERATIONS}
    return tuple(by_name[name] for name in names)


LAYERED = named(
    "sigmoid",
    "affine",
    "softmax",
    "layer_norm",
    "tanh",
    "multiply",
    "cross_entropy",
    "conv1d",
    "attention",
    "swiglu",
    "logsumexp",
    "mlp",
)
ROWWISE = named("softmax", "sin")
