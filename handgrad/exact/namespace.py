"""The functions of exact arrays, by the names of the array API and of NumPy.

Each takes exact arrays, and NumPy's beside them. Of NumPy's alone, those that move or add numbers
return NumPy's own.
"""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np

from handgrad.exact import elementary, matrices, ordering, reductions
from handgrad.exact.errors import InexactError
from handgrad.exact.numbers import Exact, chosen, inverse, lift, linear, view

MOVING = (
    "atleast_1d atleast_2d broadcast_to copy cumsum diagonal expand_dims flip fliplr flipud "
    "matrix_transpose moveaxis ravel repeat reshape roll rollaxis rot90 squeeze swapaxes take "
    "take_along_axis tile trace transpose tril triu"
)
VIEWS = (
    "atleast_1d atleast_2d broadcast_to diagonal expand_dims flip fliplr flipud matrix_transpose "
    "moveaxis ravel reshape rollaxis rot90 squeeze swapaxes transpose"
)
JOINING = "column_stack concatenate dstack hstack stack vstack"
ABOUT = {
    "count_nonzero": ordering.count_nonzero,
    "isfinite": lambda x: np.isfinite(lift(x).real),
    "isinf": lambda x: np.isinf(lift(x).real),
    "isnan": lambda x: np.isnan(lift(x).real),
    "logical_and": lambda a, b: np.logical_and(_truth(a), _truth(b)),
    "logical_not": lambda x: np.logical_not(_truth(x)),
    "logical_or": lambda a, b: np.logical_or(_truth(a), _truth(b)),
    "isdtype": np.isdtype,
    "ndim": lambda x: x.ndim,
    "shape": lambda x: x.shape,
    "size": lambda x, axis=None: x.size if axis is None else x.shape[axis],
}
ARITHMETIC = {
    "add": lambda a, b: lift(a) + b,
    "conj": lift,
    "divide": lambda a, b: lift(a) / b,
    "matmul": matrices.matmul,
    "multiply": lambda a, b: lift(a) * b,
    "negative": lambda x: -lift(x),
    "positive": lift,
    "reciprocal": lambda x: inverse(lift(x)),
    "real": lift,
    "subtract": lambda a, b: lift(a) - b,
}


def _truth(x):
    return ~x.top.is_zero() if isinstance(x, Exact) else np.asarray(x, dtype=bool)


def moving(name):
    """NumPy's function of one array, which only moves its numbers, or adds them."""
    function = getattr(np, name)

    def call(x, *arguments, **options):
        if any(isinstance(a, Exact) for a in (*arguments, *options.values())):
            raise InexactError(f"{name} at places that are computed")
        if not isinstance(x, Exact):
            return function(x, *arguments, **options)
        made = view if name in VIEWS else linear
        return made(lambda values: function(values, *arguments, **options), x)

    return call


def joining(name):
    """NumPy's function that puts arrays together."""
    function = getattr(np, name)

    def call(arrays, *arguments, **options):
        arrays = list(arrays)
        if not any(isinstance(a, Exact) for a in arrays):
            return function(arrays, *arguments, **options)
        return chosen(lambda *parts: function(parts, *arguments, **options), *map(lift, arrays))

    return call


def permute_dims(x, axes):
    return TABLE["transpose"](x, axes)


def diag(x, k=0):
    if not isinstance(x, Exact):
        return np.diag(x, k)
    return linear(lambda values: np.diag(values, k), x)


def pad(x, pad_width, mode="constant", constant_values=0, **_options):
    if mode != "constant" or constant_values != 0:
        raise InexactError(f"pad with {mode}")
    return linear(lambda values: np.pad(values, pad_width), x)


def split(x, places, axis=0):
    """The parts of an array."""
    numbers = np.split(np.arange(x.shape[axis]), places)
    return [TABLE["take"](x, part, axis=axis) for part in numbers]


def astype(x, dtype, **_options):
    """The array itself where floats are asked for."""
    if not isinstance(x, Exact):
        return np.asarray(x).astype(dtype)
    if np.dtype(dtype).kind != "f":
        raise InexactError(f"a number turned into {np.dtype(dtype)}")
    return x


def zeros(shape, dtype=float, **_options):
    """Zeros that can be filled with exact numbers, where they are floats."""
    plain = np.zeros(shape, dtype)
    return lift(plain) if plain.dtype.kind == "f" else plain


def filled_like(value):
    def call(x, dtype=None, shape=None, **_options):
        plain = np.full(x.shape if shape is None else shape, value, dtype or float)
        return lift(plain) if plain.dtype.kind == "f" else plain

    return call


def full_like(x, fill_value, **options):
    return filled_like(fill_value)(x, **options)


def asarray(x, **_options):
    return x if isinstance(x, Exact) else np.asarray(x)


def _without_device(function):
    def call(*arguments, device=None, **options):
        del device  # all exact numbers live in one place
        return function(*arguments, **options)

    return call


def _unknown(name):
    def call(*_arguments, **_options):
        raise InexactError(f"{name} has no exact form")

    return call


def vector_norm(x, *, axis=None, keepdims=False, **order):
    return reductions.norm(x, order.get("ord"), axis, keepdims)


def last_diagonal(x, *, offset=0):
    return TABLE["diagonal"](x, offset, -2, -1)


def last_trace(x, *, offset=0):
    return TABLE["trace"](x, offset, -2, -1)


LINALG = {"diagonal": last_diagonal, "trace": last_trace, "vector_norm": vector_norm}
LINALG |= {"norm": reductions.norm}
UNKNOWN = {name: _unknown(name) for name in ("eigh", "irfft", "fft", "ifft", "lu", "rfft", "svd")}
UNKNOWN["imag"] = _unknown("imag")
MAKING = {name: _without_device(getattr(np, name)) for name in ("arange", "eye", "full", "ones")}
MAKING |= {"empty": _without_device(np.empty), "zeros": zeros, "asarray": asarray, "array": asarray}
MAKING |= {"zeros_like": filled_like(0.0), "empty_like": filled_like(0.0)}
MAKING |= {"ones_like": filled_like(1.0), "full_like": full_like}
NUMBERS = {
    "bool": np.bool_,
    "e": math.e,
    "inf": math.inf,
    "nan": math.nan,
    "newaxis": None,
    "pi": math.pi,
}
TYPES = "float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64"
NUMBERS |= {name: getattr(np, name) for name in TYPES.split()}
OWN = {**reductions.OWN, **elementary.OWN, **UNKNOWN, "relu": ordering.relu}
TABLE: dict[str, Any] = {name: moving(name) for name in MOVING.split()}
TABLE |= {name: joining(name) for name in JOINING.split()}
TABLE |= {"concat": TABLE["concatenate"], "permute_dims": permute_dims, "diag": diag}
TABLE |= {"pad": pad, "split": split, "astype": astype}
TABLE |= ABOUT | ARITHMETIC | MAKING | NUMBERS | OWN
TABLE |= ordering.TABLE | elementary.TABLE | reductions.TABLE | matrices.TABLE
TABLE |= {"fft": SimpleNamespace(**UNKNOWN)}
TABLE |= {"linalg": SimpleNamespace(**(UNKNOWN | matrices.TABLE | LINALG))}


def __getattr__(name):
    """The function of this name."""
    if name in TABLE:
        return TABLE[name]
    raise AttributeError(f"{name} has no exact form")
