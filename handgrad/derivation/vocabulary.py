"""The functions that a derivation may call, for NumPy and for JAX alike.

They are the array API's, by its names, and the few more that derivations need. What can grow its
arguments is held within bounds before it runs.
"""

import ast
import functools
import importlib
import inspect
import itertools
import math
import pkgutil
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.derivation.advanced import advanced, run_by_jax
from handgrad.derivation.bounds import (
    MAX_TUPLE,
    bound_elements,
    bound_product,
    broadcast_shape,
)
from handgrad.derivation.errors import DerivationError

ELEMENTWISE = (
    "abs acos acosh asin asinh atan atanh ceil conj cos cosh exp expm1 floor isfinite isinf isnan "
    "log log10 log1p log2 logical_not negative round sign sin sinh sqrt square tan tanh "
    "ones_like zeros_like"
)
PAIRWISE = "atan2 hypot logaddexp logical_and logical_or maximum minimum"
OF_NUMBERS = (
    f"{ELEMENTWISE} {PAIRWISE} erf erfc relu sigmoid softplus where clip lgamma digamma erfinv"
)
REDUCTIONS = "all any max min prod sum"
ALONG_AXIS = "argmax argmin argsort sort"
LINALG = "cholesky det inv"
MOVING = {"diagonal": 1, "matrix_transpose": 1, "moveaxis": 3, "reshape": 2, "swapaxes": 3}
MOVING_ALONG = {"expand_dims": 2, "flip": 1, "roll": 2, "squeeze": 1}
SUBSCRIPTS = re.compile(r"[A-Za-z.,\s]{0,60}(->[A-Za-z.\s]{0,30})?")
MAX_WORK = 10_000_000


@dataclass(frozen=True)
class Function:
    """A function of the vocabulary: what to call, and with what it may be called."""

    call: Callable[..., Any]
    positional: int
    keywords: frozenset[str] = frozenset()
    broadcasts: bool = True
    takes_text: bool = False
    elementwise: bool = False


class Vocabulary(Mapping):
    """Functions by name: those of a table, and the references, which are imported when one is used."""

    def __init__(self, table):
        self.table = table

    def __getitem__(self, name):
        return self.table[name] if name in self.table else _references()[name]

    def __contains__(self, name):
        return name in self.table or name in _names_of_references()

    def __iter__(self):
        return iter({**self.table, **dict.fromkeys(_names_of_references())})

    def __len__(self):
        return len(list(iter(self)))


def vocabulary(xp):
    """The functions by name, on NumPy or on jax.numpy."""
    return _table(xp.__name__)


@functools.cache
def _table(library):
    xp = importlib.import_module(library)
    axis, axes = frozenset({"axis"}), frozenset({"axis", "keepdims"})
    table = {name: Function(getattr(xp, name), 1) for name in ELEMENTWISE.split()}
    table |= {name: Function(getattr(xp, name), 2) for name in PAIRWISE.split()}
    table |= {name: Function(getattr(xp, name), 2, axes) for name in REDUCTIONS.split()}
    table |= {name: Function(getattr(xp, name), 2, axis) for name in ALONG_AXIS.split()}
    table |= {name: Function(getattr(xp.linalg, name), 1) for name in LINALG.split()}
    table |= {f"cum{name}": _running(xp, name) for name in ("prod", "sum")}
    table |= _moving(xp) | _making(xp) | _multiplying(xp) | _statistical(xp)
    table |= {
        name: Function(call, positional, frozenset(keywords), broadcasts=name == "clip")
        for name, call, positional, keywords in advanced(xp)
    }
    own = getattr(xp, "OWN", {})  # what a library has in a better form than the one made here
    table |= {name: replace(table[name], call=call) for name, call in own.items()}
    table |= {name: replace(table[name], elementwise=True) for name in OF_NUMBERS.split()}
    return Vocabulary(table)


def _running(xp, name):
    """cumsum or cumprod: from the front or in reverse, each number itself among them or not."""
    run, neutral = getattr(xp, f"cum{name}"), {"prod": 1.0, "sum": 0.0}[name]

    def call(x, axis=None, exclusive=False, reverse=False):
        x, axis = (xp.reshape(x, (-1,)), 0) if axis is None else (x, axis)
        x = xp.flip(x, axis) if reverse else x
        if exclusive:
            x = xp.moveaxis(x, axis, 0)
            x = xp.moveaxis(xp.concatenate([xp.full_like(x[:1], neutral), x[:-1]]), 0, axis)
        y = run(x, axis=axis)
        return xp.flip(y, axis) if reverse else y

    return Function(call, 2, frozenset({"axis", "exclusive", "reverse"}))


def _moving(xp):
    """Functions that move numbers or put arrays together."""
    axis = frozenset({"axis"})

    def take(x, indices, axis=None):
        shape = [1] if axis is None else list(x.shape)
        shape[axis or 0] = np.size(indices)
        bound_elements(shape)
        return xp.take(x, xp.asarray(indices), axis=axis)

    def take_along_axis(x, indices, axis=-1):
        bound_elements(broadcast_shape(x.shape, np.shape(indices)))
        return xp.take_along_axis(x, xp.asarray(indices), axis=axis)

    def where(condition, x, y):  # with one argument, NumPy's is another function
        return xp.where(condition, x, y)

    def permute_dims(x, axes):
        return xp.permute_dims(x, tuple(int(a) % x.ndim for a in axes))

    table = {name: Function(getattr(xp, name), n) for name, n in MOVING.items()}
    table |= {name: Function(getattr(xp, name), n, axis) for name, n in MOVING_ALONG.items()}
    return table | {
        "broadcast_to": Function(
            lambda x, shape: _sized(shape, lambda: xp.broadcast_to(x, shape)), 2
        ),
        "concat": Function(lambda arrays, axis=0: xp.concatenate(arrays, axis=axis), 1, axis),
        "permute_dims": Function(permute_dims, 2),
        "stack": Function(lambda arrays, axis=0: xp.stack(arrays, axis=axis), 1, axis),
        "take": Function(take, 2, axis, broadcasts=False),
        "take_along_axis": Function(take_along_axis, 2, axis, broadcasts=False),
        "tril": Function(xp.tril, 1, frozenset({"k"})),
        "triu": Function(xp.triu, 1, frozenset({"k"})),
        "where": Function(where, 3),
    }


def _making(xp):
    """Functions that make arrays of whole numbers and shapes."""

    def arange(*limits):
        bound_elements((len(range(*limits)),))
        return xp.arange(*limits)

    def one_hot(indices, classes, axis=-1):
        bound_elements((np.size(indices), classes))
        hit = xp.expand_dims(xp.asarray(indices), -1) == xp.arange(classes)
        return xp.moveaxis(1.0 * hit, -1, axis)

    def diag(x):
        if x.ndim == 1:
            bound_elements((x.size, x.size))
        return xp.diag(x)

    return {
        "arange": Function(arange, 3),
        "argsort": Function(
            lambda x, axis=-1: xp.argsort(xp.asarray(x), axis=axis, stable=True),
            1,
            frozenset({"axis"}),
        ),
        "diag": Function(diag, 1),
        "eye": Function(lambda n: _sized((n, n), lambda: xp.eye(n)), 1),
        "one_hot": Function(one_hot, 2, frozenset({"axis"})),
        "ones": Function(lambda shape: _sized(shape, lambda: xp.ones(shape)), 1),
        "zeros": Function(lambda shape: _sized(shape, lambda: xp.zeros(shape)), 1),
    }


def _multiplying(xp):
    """Products and sums of products."""

    def einsum(subscripts, *arrays):
        if not SUBSCRIPTS.fullmatch(subscripts):
            raise DerivationError(
                f"{subscripts!r} is not a list of subscripts, such as 'ij,jk->ik'"
            )
        if _work(subscripts, arrays) > MAX_WORK:
            raise DerivationError("this einsum is too large for a derivation")
        return xp.einsum(subscripts, *arrays)

    def inner(a, b):
        if np.shape(a) != np.shape(b):
            raise DerivationError(f"inner pairs equal shapes, not {np.shape(a)} and {np.shape(b)}")
        return xp.sum(a * b)

    def outer(a, b):
        bound_elements((a.size, b.size))
        return xp.outer(a, b)

    def matmul(a, b):
        bound_product(a, b)
        return xp.matmul(a, b)

    def solve(a, b):
        bound_elements(b.shape)
        return xp.linalg.solve(a, b)

    return {
        "einsum": Function(einsum, 8, broadcasts=False, takes_text=True),
        "inner": Function(inner, 2),
        "matmul": Function(matmul, 2, broadcasts=False),
        "outer": Function(outer, 2, broadcasts=False),
        "solve": Function(solve, 2, broadcasts=False),
        "trace": Function(lambda x: xp.trace(x, axis1=-2, axis2=-1), 1),
    }


def _statistical(xp):
    """The functions of the field that no library has under the same name and meaning."""
    along = frozenset({"axis"})

    def logsumexp(x, axis=None, keepdims=False):
        largest = xp.max(x, axis=axis, keepdims=True)
        total = xp.log(xp.sum(xp.exp(x - largest), axis=axis, keepdims=True)) + largest
        return total if keepdims else xp.squeeze(total, axis=axis)

    def softmax(x, axis=-1):
        return xp.exp(x - logsumexp(x, axis=axis, keepdims=True))

    def mean(x, axis=None, keepdims=False):
        total = xp.sum(x, axis=axis, keepdims=keepdims)
        return total / _terms(x, total)

    def var(x, axis=None, correction=0, keepdims=False):
        centred = x - mean(x, axis=axis, keepdims=True)
        total = xp.sum(centred * centred, axis=axis, keepdims=keepdims)
        return total / (_terms(x, total) - correction)

    def std(x, axis=None, correction=0, keepdims=False):
        return xp.sqrt(var(x, axis, correction, keepdims))

    def norm(x, axis=None, keepdims=False):
        return xp.sqrt(xp.sum(x * x, axis=axis, keepdims=keepdims))

    return {
        "erf": Function(_special(xp, "erf"), 1),
        "erfc": Function(_special(xp, "erfc"), 1),
        "log_softmax": Function(lambda x, axis=-1: x - logsumexp(x, axis, True), 1, along),
        "logsumexp": Function(logsumexp, 1, along | {"keepdims"}),
        "mean": Function(mean, 2, along | {"keepdims"}),
        "norm": Function(norm, 1, along | {"keepdims"}),
        "relu": Function(lambda x: xp.where(x > 0, x, 0.0), 1),
        "sigmoid": Function(lambda x: xp.exp(-xp.logaddexp(0.0, -x)), 1),
        "softmax": Function(softmax, 1, along),
        "softplus": Function(lambda x: xp.logaddexp(0.0, x), 1),
        "std": Function(std, 2, along | {"correction", "keepdims"}),
        "var": Function(var, 2, along | {"correction", "keepdims"}),
    }


def _terms(x, total):
    """How many numbers each sum has."""
    return np.size(x) / max(1, np.size(total))


def _special(xp, name):
    """A function that NumPy lacks: from the library itself, from Python's math, or from JAX."""
    if hasattr(xp, name):
        return getattr(xp, name)
    if xp is np:
        return np.vectorize(getattr(math, name), otypes=[float])
    return getattr(importlib.import_module("jax.scipy.special"), name)


@functools.cache
def _names_of_references():
    """What `__all__` lists in the files of `reference/`, which are not imported for it."""
    found = set()
    for path in importlib.import_module("handgrad.reference").__path__:
        for file in sorted(Path(path).glob("*.py")):
            for node in ast.parse(file.read_text(encoding="utf-8")).body:
                match node:
                    case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                        found.update(ast.literal_eval(value))
    return found


@functools.cache
def _references():
    """Every function of `reference/` by its name, unless the vocabulary has that name itself."""
    package = importlib.import_module("handgrad.reference")
    found = {}
    for module in pkgutil.iter_modules(package.__path__, "handgrad.reference."):
        family = importlib.import_module(module.name)
        found |= {name: _reference(getattr(family, name)) for name in family.__all__}
    return found


def _reference(function):
    """A reference as a function of the vocabulary, on JAX's arrays or by its program on NumPy's."""
    parameters = inspect.signature(function).parameters.values()
    options = frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
    several = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    arrays = 8 if several else len(parameters) - len(options)

    def call(*arguments, **chosen):
        import jax

        for name in ("copies", "sections"):
            if np.max(chosen.get(name, 0)) > MAX_TUPLE:
                raise DerivationError(f"{name} is at most {MAX_TUPLE} in a derivation")
        if any(isinstance(a, jax.Array) for a in arguments):
            return function(*arguments, **chosen)
        return run_by_jax(function, chosen, arguments)

    return Function(call, arrays, options, broadcasts=False)


def _sized(shape, make):
    """What `make` makes, if its shape is no larger than a derivation needs."""
    bound_elements(shape if isinstance(shape, tuple) else (shape,))
    return make()


def _work(subscripts, arrays):
    """How many products an einsum forms: the product of the sizes of all its indices."""
    sizes, rest = {}, ()
    for letters, array in zip(subscripts.partition("->")[0].split(","), arrays, strict=False):
        before, dots, after = letters.replace(" ", "").partition("...")
        shape = np.shape(array)
        sides = (zip(before, shape, strict=False), zip(after[::-1], shape[::-1], strict=False))
        for letter, size in itertools.chain(*sides):
            sizes[letter] = max(size, sizes.get(letter, 1))
        if dots:
            rest = broadcast_shape(rest, shape[len(before) : len(shape) - len(after)])
    return math.prod(max(1, size) for size in (*rest, *sizes.values()))
