"""NumPy code for JAX: the forward of somebody's NumPy function, rule or layer, made traceable.

The code runs with arrays of a class of our own. They hold JAX arrays, answer NumPy's functions by
JAX's, and can be written into, as NumPy's arrays can. Beside them goes what NumPy gives at the inputs
that are at hand: where the code asks whether something is so, that answers.
"""

import copy
import functools
import operator
import types
from typing import Any

import numpy as np

from handgrad.judge.calls import CodeError, Contained
from handgrad.judge.copies import in_cell

MADE = {"zeros", "empty", "ones", "full", "zeros_like", "empty_like", "ones_like", "full_like"}
REDUCED = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min"}
REDUCED |= {"logical_and": "all", "logical_or": "any"}
DEPTH = 4  # functions that call functions


def retraced(subject, inputs):
    """A subject's forward, of leaves, as a function that JAX can trace, or tries to.

    It decides as at these inputs.
    """
    held = subject.held

    def traced(*leaves):
        from jax import Array

        made = copy.copy(subject)  # anew for each trace: a layer keeps what it was traced with
        made.held = tuple(map(_translated, held)) if isinstance(held, tuple) else _translated(held)
        pairs = zip(leaves, inputs, strict=True)
        given = [Traced(x, at) if isinstance(x, Array) else x for x, at in pairs]
        return _plain(made.forward(*given))

    return traced


class Traced(np.lib.mixins.NDArrayOperatorsMixin):
    """A JAX array that NumPy's functions and operators take, and that can be written into.

    `seen` is the array itself at the inputs at hand; None where it is not known.
    """

    def __init__(self, value, seen=None):
        self.value, self.seen = value, seen

    def __array_ufunc__(self, ufunc, method, *arguments, **options):
        if method == "at":
            target, index, values = arguments
            at = target.value.at[_plain(index)]
            target.value = at.add(_plain(values)) if ufunc is np.add else NotImplemented
            target.seen = None
            return None
        name = ufunc.__name__ if method == "__call__" else REDUCED[ufunc.__name__]
        return _called(getattr(_jnp(), name), getattr(ufunc, method), arguments, options)

    def __array_function__(self, function, _, arguments, options):
        return _called(_counterpart(function), function, arguments, options)

    def __getitem__(self, index):
        seen = _at_hand(operator.getitem, (self, index))
        return Traced(self.value[_plain(index)], seen)

    def __setitem__(self, index, values):
        self.value = self.value.at[_plain(index)].set(_plain(values))
        self.seen = _at_hand(_put, (self, index, values))

    def __getattr__(self, name):
        found = getattr(self.value, name)
        if callable(found):
            original = getattr(self.seen, name, None)
            return lambda *arguments, **options: _called(found, original, arguments, options)
        return Traced(found, getattr(self.seen, name, None)) if hasattr(found, "aval") else found

    def __len__(self):
        return len(self.value)

    def __iter__(self):
        return (self[k] for k in range(len(self)))

    def __bool__(self):
        return bool(self.value if self.seen is None else self.seen)

    def __float__(self):
        return float(self.value)

    def __array__(self, *_, **__):
        raise TypeError("a traced array has no numbers yet")

    def copy(self):
        return Traced(self.value, self.seen)

    @property
    def strides(self):
        return np.empty(self.value.shape, self.value.dtype).strides


class _Module:
    """A module of NumPy's: its functions give JAX's results wherever a traced array goes in."""

    def __init__(self, module):
        self.module = module

    def __getattr__(self, name):
        found = getattr(self.module, name)
        if isinstance(found, types.ModuleType):
            return _Module(found)
        if name in {"array", "asarray", "ascontiguousarray", "asfortranarray"}:
            return functools.partial(_array, found, keep=name != "array")
        if name in MADE:
            return functools.partial(_made, found)
        return found


def _array(function, x, *arguments, keep, **options):
    """An array of what may be traced, or hold traced numbers."""
    if isinstance(x, Traced):
        return x if keep else x.copy()
    leaves = _leaves(x)
    if any(isinstance(leaf, Traced) for leaf in leaves):
        return Traced(_jnp().asarray(_plain(x)), _at_hand(function, (x,)))
    return function(x, *arguments, **options)


def _empty_like(traced: Any) -> Any:
    return np.empty(traced.shape, traced.dtype)


def _made(function: Any, *arguments: Any, **options: Any):
    """A new array that traced numbers may be written into, if it is to hold real ones."""
    plain = [_empty_like(a) if isinstance(a, Traced) else a for a in arguments]
    filled = function.__name__ in {"full_like", "full"}
    if filled and any(isinstance(a, Traced) for a in arguments[1:2]):
        like = np.empty(getattr(arguments[0], "shape", arguments[0]))
        filling: Any = _plain(arguments[1])
        return Traced(_jnp().full(like.shape, filling), _at_hand(function, arguments))
    options.pop("order", None)
    made = function(*plain, **options)
    return Traced(_jnp().asarray(made), made) if made.dtype.kind == "f" else made


def _called(function, original, arguments, options):
    """A function of JAX's on arrays of ours, beside NumPy's original; `out` is written into."""
    out = options.pop("out", None)
    for unused in ("order", "casting", "subok"):
        options.pop(unused, None)
    named: Any = _plain(options)
    result = function(*_plain(arguments), **named)
    seen = _at_hand(original, arguments, options)
    if out is not None:
        target = out[0] if isinstance(out, tuple) else out
        target.value = _jnp().broadcast_to(result, target.value.shape).astype(target.value.dtype)
        target.seen = None if seen is None else _at_hand(_put, (target, ..., seen))
        return target
    return _wrapped(result, seen)


def _at_hand(function, arguments, options=None):
    """What NumPy gives at the inputs that are at hand, or None."""
    try:
        with Contained():
            return function(*_seen(arguments), **_seen(options or {}))
    except CodeError:
        return None


def _put(x, index, values):
    """A copy of x with other values at an index."""
    x = np.array(x)
    x[index] = values
    return x


def _counterpart(function):
    """The function of the same name in jax.numpy, or what stands for it here."""
    name = function.__name__
    if name in OWN:
        return OWN[name]
    inside = "linalg" if "linalg" in (function.__module__ or "") else None
    return getattr(getattr(_jnp(), inside) if inside else _jnp(), name)


def _windows(x, window_shape, axis=None, **_):
    return x.ravel()[np.lib.stride_tricks.sliding_window_view(_spots(x), window_shape, axis)]


def _as_strided(x, shape=None, strides=(), **_):
    spots = _spots(x)
    apart = [s // x.dtype.itemsize * spots.itemsize for s in strides]
    return x.ravel()[np.lib.stride_tricks.as_strided(spots, shape, apart)]


def _spots(x):
    return np.arange(x.size).reshape(x.shape)


OWN = {
    "sliding_window_view": _windows,
    "as_strided": _as_strided,
    "copy": lambda x: x,
    "iscomplexobj": lambda x: False,
}


def _plain(x) -> Any:
    """The JAX arrays in what may hold ours."""
    return _unwrapped(x, lambda traced: traced.value)


def _seen(x) -> Any:
    """The arrays at hand in what may hold ours."""
    return _unwrapped(x, _known)


def _known(traced):
    if traced.seen is None:
        raise LookupError("this is not known")
    return traced.seen


def _unwrapped(x, taken):
    if isinstance(x, Traced):
        return taken(x)
    if isinstance(x, tuple | list):
        parts = [_unwrapped(part, taken) for part in x]
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    return {k: _unwrapped(v, taken) for k, v in x.items()} if isinstance(x, dict) else x


def _wrapped(x, seen):
    if isinstance(x, tuple | list):
        known = seen if isinstance(seen, tuple | list) and len(seen) == len(x) else [None] * len(x)
        parts = list(map(_wrapped, x, known))
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    return Traced(x, seen) if hasattr(x, "aval") else x


def _leaves(x):
    return [leaf for part in x for leaf in _leaves(part)] if isinstance(x, tuple | list) else [x]


def _jnp():
    from jax import numpy

    return numpy


def _translated(thing, depth=DEPTH) -> Any:
    """A copy of a function, or of an object with methods, for which numpy is our module."""
    if thing is np:
        return _Module(np)
    if depth == 0:
        return thing
    if isinstance(thing, types.FunctionType):
        return _function(thing, depth - 1)
    if isinstance(thing, functools.partial | types.MethodType):
        return _bound(thing, depth)
    module = type(thing).__module__.partition(".")[0]
    if isinstance(thing, type) or module in {"numpy", "jax", "jaxlib", "builtins", "torch"}:
        return thing
    return _object(thing, depth - 1)


def _bound(thing, depth):
    if isinstance(thing, functools.partial):
        return functools.partial(_translated(thing.func, depth), *thing.args, **thing.keywords)
    return types.MethodType(_function(thing.__func__, depth - 1), thing.__self__)


def _function(function, depth):
    if (function.__module__ or "").partition(".")[0] in {"numpy", "jax"}:
        return function
    names = _names_in(function.__code__)
    used = {
        name: _translated(value, depth)
        for name, value in function.__globals__.items()
        if name in names and not name.startswith("__")
    }
    cells = tuple(
        types.CellType(_translated(in_cell(c), depth)) for c in function.__closure__ or ()
    )
    made = types.FunctionType(
        function.__code__,
        function.__globals__ | used,
        function.__name__,
        function.__defaults__,
        cells,
    )
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def _names_in(code):
    inner = (c for c in code.co_consts if isinstance(c, types.CodeType))
    return set(code.co_names).union(*map(_names_in, inner))


def _object(thing, depth):
    """A copy of an object whose methods, and the functions that it holds, are translated."""
    methods = {}
    for cls in reversed(type(thing).__mro__[:-1]):
        for name, value in vars(cls).items():
            if isinstance(value, types.FunctionType):
                methods[name] = _function(value, depth)
    try:
        copied = copy.copy(thing)
        object.__setattr__(copied, "__class__", type(type(thing).__name__, (type(thing),), methods))
        for name, value in vars(copied).items():
            if isinstance(value, types.FunctionType):
                object.__setattr__(copied, name, _translated(value, depth))
    except TypeError:
        return thing
    return copied
