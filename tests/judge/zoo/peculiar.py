"""Right pairs that look odd: at kinks, at extreme scales, with noise, with unusual results."""

import numpy as np

from tests.judge.zoo import elementwise, linear, normalization, reductions, structure
from tests.judge.zoo.operation import Operation, changed, positive, real, sigmoid, softmax
from tests.judge.zoo.specimen import Specimen

NAMED = {
    o.name: o
    for o in (
        *elementwise.OPERATIONS,
        *reductions.OPERATIONS,
        *linear.OPERATIONS,
        *structure.OPERATIONS,
        *normalization.OPERATIONS,
    )
}


def _zeroed(x):
    x[0, :2] = 0
    return x


def _paired(x):
    x[:, 1] = x[:, 0]
    return x


def _scaled(factor):
    return lambda x: x * factor


def _at(name, kind, change):
    """An operation where the first input is changed."""
    operation = NAMED[name]
    return Operation(f"{name} {kind}", operation.f, operation.vjp, changed(operation.draw, change))


def _times(name, factor):
    """An operation whose output is scaled."""
    f, vjp = NAMED[name].make()
    return Operation(
        f"{name} times {factor:g}",
        lambda *inputs: f(*inputs) * factor,
        lambda dy, *inputs: vjp(dy * factor, *inputs),
        NAMED[name].draw,
    )


def _results(name, kind, change):
    """An operation whose gradients are handed over in another form."""
    operation = NAMED[name]
    return Operation(
        f"{name} {kind}",
        operation.f,
        lambda dy, *inputs: tuple(
            None if dx is None else change(np.asarray(dx)) for dx in operation.vjp(dy, *inputs)
        ),
        operation.draw,
    )


def _read_only(dx):
    dx = dx.copy()
    dx.flags.writeable = False
    return dx


def _by_rows(dy, x):
    """The gradient of a softmax, a row at a time."""
    dx = np.empty_like(x)
    for i, row in enumerate(x):
        (dx[i],) = NAMED["softmax"].vjp(dy[i], row)
    return (dx,)


def _badly_conditioned(rng):
    u, _, v = np.linalg.svd(rng.normal(size=(4, 4)))
    return ((u * np.array([1, 1e-1, 1e-2, 1e-3])) @ v,)


def _in_pieces(dy, x, W, b):
    """dW added up row by row."""
    dW = np.zeros_like(W)
    for row, d in zip(x, dy, strict=True):
        dW += np.outer(row, d)
    return dy @ W.T, dW, np.sum(dy, axis=0)


AT_KINKS = (
    _at("relu", "at 0", _zeroed),
    _at("abs", "at 0", _zeroed),
    _at("leaky_relu", "at 0", _zeroed),
    _at("median", "with ties", _paired),
)

KINKS = (
    _at("relu", "near 0", _scaled(3e-7)),
    _at("clip", "beyond its bounds", _scaled(3.0)),
    _at("maximum", "far apart", _scaled(1e4)),
)

SCALES = (
    _times("sin", 1e-9),
    _times("tanh", 1e-30),
    _times("multiply", 1e12),
    _times("softmax", 1e-6),
    _times("affine", 1e-8),
    _at("square", "of tiny", _scaled(1e-9)),
    _at("square", "of huge", _scaled(1e9)),
    _at("arctan", "of large", _scaled(1e3)),
    _at("logsumexp", "of large", lambda x: x + 700),
    _at("layer_norm", "of tiny", _scaled(1e-2)),
    _at("affine", "of uneven columns", lambda x: x * np.array([1e-6, 1, 1e6])),
)

HARD = (
    Operation(
        "fast_sine",
        lambda x: np.sin(300 * x),
        lambda dy, x: (300 * dy * np.cos(300 * x),),
        real((3, 4)),
    ),
    Operation(
        "sine_plus_1e6", lambda x: np.sin(x) + 1e6, lambda dy, x: (dy * np.cos(x),), real((3, 4))
    ),
    Operation("inv_of_condition_1000", NAMED["inv"].f, NAMED["inv"].vjp, _badly_conditioned),
    Operation(
        "log_near_its_edge",
        np.log,
        lambda dy, x: (dy / x,),
        lambda rng: (np.exp(rng.uniform(-12, 0, size=(3, 4))),),
    ),
    Operation(
        "steep_sigmoid",
        lambda x: sigmoid(40 * x),
        lambda dy, x: (dy * 40 * sigmoid(40 * x) * sigmoid(-40 * x),),
        real((3, 4)),
    ),
    Operation(
        "constant_in_one_input",
        lambda a, b: a + 0 * b,
        lambda dy, a, b: (dy * 1, dy * 0),
        real((3, 4), (3, 4)),
    ),
    Operation(
        "sparse_gradient",
        lambda x: x[1] ** 2,
        lambda dy, x: (np.where(np.arange(len(x)) == 1, 2 * dy * x, 0),),
        real((500,)),
    ),
    Operation(
        "wide_softmax", softmax, NAMED["softmax"].vjp, lambda rng: (8 * rng.normal(size=(2, 300)),)
    ),
    Operation("sum_of_many", np.sum, NAMED["sum_all"].vjp, positive((40, 50))),
)

RESULTS = (
    _results("matmul", "columns first", np.asfortranarray),
    _results("affine", "backwards", lambda dx: dx[::-1].copy()[::-1]),
    _results("tanh", "read-only", _read_only),
    _results("sum_all", "gapped", lambda dx: np.repeat(dx[..., None], 2, axis=-1)[..., 0]),
    Operation("softmax by rows", softmax, _by_rows, real((3, 4))),
    Operation("affine in pieces", NAMED["affine"].f, _in_pieces, NAMED["affine"].draw),
)

OPERATIONS = (*AT_KINKS, *KINKS, *SCALES, *HARD, *RESULTS)
SPECIMENS = tuple(Specimen(operation, "right", operation.make) for operation in OPERATIONS)
