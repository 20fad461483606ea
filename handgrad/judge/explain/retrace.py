"""NumPy code for JAX: the forward of somebody's NumPy function, rule or layer, made traceable.

The code runs with arrays of a class of our own. They hold JAX arrays, answer NumPy's functions by
JAX's, and can be written into, as NumPy's arrays can. Beside them goes what NumPy gives at the inputs
that are at hand: where the code asks whether something is so, that answers.
"""

import contextlib
import functools
import operator
import sys
import types
from typing import Any

import numpy as np

from handgrad.judge.calls import CodeError, Contained
from handgrad.judge.explain.sources import is_installed

MADE = {"zeros", "empty", "ones", "full", "zeros_like", "empty_like", "ones_like", "full_like"}
REDUCED = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min"}
REDUCED |= {"logical_and": "all", "logical_or": "any"}
NAMES = {"np", "numpy"}


def retraced(subject, inputs):
    """A subject's forward, of leaves, as a function that JAX can trace, or tries to.

    It decides as at these inputs.
    """

    def traced(*leaves):
        from jax import Array

        made = subject.anew()  # a layer keeps what it was traced with
        pairs = zip(leaves, inputs, strict=True)
        given = [Traced(x, at) if isinstance(x, Array) else x for x, at in pairs]
        with _numpy_is_ours(made.held):
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


@contextlib.contextmanager
def _numpy_is_ours(held):
    """Within, somebody's modules have our module where they have NumPy's."""
    owners = [
        part for one in (held if isinstance(held, tuple) else (held,)) for part in _parts(one)
    ]
    spaces = [part.__globals__ for part in owners if isinstance(part, types.FunctionType)]
    spaces += [vars(m) for m in sys.modules.copy().values() if isinstance(m, types.ModuleType)]
    found = [(s, name) for s in spaces for name in NAMES & s.keys() if s[name] is np]
    places = [(space, name) for space, name in found if _is_somebodys(space.get("__name__", ""))]
    try:
        for space, name in places:
            space[name] = _Module(np)
        yield
    finally:
        for space, name in places:
            space[name] = np


def _parts(thing):
    """A function, and what stands behind it; or the methods of an object."""
    thing = getattr(thing, "func", getattr(thing, "__func__", thing))
    return thing, *(value for cls in type(thing).__mro__ for value in vars(cls).values())


def _is_somebodys(name):
    package = name.partition(".")[0]
    return package != "handgrad" and not is_installed(sys.modules.get(name, types.ModuleType(name)))
