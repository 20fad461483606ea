"""Right but at an edge: of a bend, of a margin, of a mask, of a length, of one output alone."""

import numpy as np

from tests.judge.zoo import elementwise
from tests.judge.zoo.history import seen
from tests.judge.zoo.operation import Operation, real, softmax_gradient, together
from tests.judge.zoo.specimen import Specimen
from tests.judge.zoo.witnesses import depends_on_its_first_length, differs, differs_where

(HARDSWISH,) = (o for o in elementwise.OPERATIONS if o.name == "hardswish")


def _signs(rng):
    return (rng.choice([-1.0, 1.0], size=(3, 4)),)


def _margin_vjp(at_1):
    """`at_1` is the share of dy that passes where the margin is exactly 1."""

    def vjp(dy, s, t):
        open_ = 1 - s * t
        passed = np.where(open_ == 0, np.asarray(at_1, s.dtype), (open_ > 0).astype(s.dtype))
        return -dy * passed * t, -dy * passed * s

    return vjp


MARGIN = Operation(
    "margin",
    lambda s, t: np.maximum(1 - s * t, 0),
    _margin_vjp(0),
    together(real((3, 4)), _signs),
)


def _kept_softmax(x):
    """A row of −∞ alone gives 0 everywhere."""
    most = np.max(x, axis=-1, keepdims=True)
    e = np.exp(x - np.where(np.isinf(most), 0, most))
    total = np.sum(e, axis=-1, keepdims=True)
    return e / np.where(total == 0, 1, total)


def _softmax_of_infinities_vjp(dy, x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return (softmax_gradient(dy, e / np.sum(e, axis=-1, keepdims=True)),)


KEPT_SOFTMAX = Operation(
    "softmax_of_masked",
    _kept_softmax,
    lambda dy, x: (softmax_gradient(dy, _kept_softmax(x)),),
    real((3, 4)),
    entire=True,
)


def _window(x):
    """A Hann window over the rows."""
    places = (np.arange(len(x)) + 0.5) / max(len(x), 1)
    return (np.sin(np.pi * places) ** 2).astype(x.dtype)[:, None]


WINDOWED = Operation(
    "windowed",
    lambda x: x * _window(x),
    lambda dy, x: (dy * _window(x),),
    real((3, 5)),
    entire=True,
)


def _with_first_window():
    """The window is made once, and then cut or filled up with zeros."""
    kept = []

    def vjp(dy, x):
        kept.append(_window(x))
        filled = np.concatenate([kept[0], np.zeros_like(x[:, :1])])
        return (dy * filled[: len(x)].astype(x.dtype),)

    return WINDOWED.f, vjp


def _product_vjp(dy, a, b):
    of_product, of_difference = dy
    return of_product * b + of_difference, of_product * a - of_difference


PRODUCT = Operation(
    "product_and_difference",
    lambda a, b: (a * b, a - b),
    _product_vjp,
    real((3, 4), (3, 4)),
    entire=True,
)


def _short_circuited(dy, a, b):
    return _product_vjp(dy, a, b) if np.any(dy[0]) else (np.zeros_like(a), np.zeros_like(b))


def _differs_without_the_first(operation, make, rng):
    return differs(operation, make, rng, change=lambda dy: (0 * dy[0], dy[1]))


def _first(value):
    def place(x):
        x.flat[0] = value
        return x

    return place


def _row_of_infinities(x):
    x[0] = -np.inf
    return x


RIGHT = tuple(
    Specimen(operation, "right", operation.make)
    for operation in (MARGIN, KEPT_SOFTMAX, WINDOWED, PRODUCT)
)
SPECIMENS = (
    seen(
        HARDSWISH,
        "0 at 3",
        lambda dy, x: (dy * np.where(np.abs(x) < 3, (2 * x + 3) / 6, x > 3).astype(x.dtype),),
        "neither branch takes the bend",
        differs_where(_first(3)),
    ),
    seen(MARGIN, "2 at the margin", _margin_vjp(2), "a hinge", differs_where(np.ones_like)),
    seen(MARGIN, "-1 at the margin", _margin_vjp(-1), "a hinge", differs_where(np.ones_like)),
    seen(
        KEPT_SOFTMAX,
        "−∞ from −∞",
        _softmax_of_infinities_vjp,
        "a row that is masked as a whole, recomputed",
        differs_where(_row_of_infinities),
    ),
    Specimen(
        WINDOWED,
        "window of the first length",
        _with_first_window,
        depends_on_its_first_length,
        origin="a cache without a key",
    ),
    seen(
        PRODUCT,
        "nothing for the first output",
        _short_circuited,
        "a backward that returns early",
        _differs_without_the_first,
    ),
)
