"""More of the vocabulary: factorizations, Fourier transforms, and functions that NumPy lacks.

What NumPy lacks is run by JAX's program of it, as a reference is.
"""

import functools
import importlib
import math

import numpy as np

from handgrad.common.oracle import in_double_precision
from handgrad.common.primitives import is_foreign
from handgrad.derivation.bounds import bound_elements
from handgrad.derivation.budget import spend
from handgrad.derivation.errors import DerivationError

MAX_SIDE = 64  # of a matrix that is factorized: it takes the cube of that
BY_JAX = {
    "digamma": ("jax.scipy.special", "digamma", 1, ()),
    "erfinv": ("jax.scipy.special", "erfinv", 1, ()),
    "lgamma": ("jax.scipy.special", "gammaln", 1, ()),
    "logcumsumexp": ("jax.lax", "cumlogsumexp", 2, ("axis",)),
    "lu": ("jax.scipy.linalg", "lu", 1, ()),
}
FACTORIZATIONS = ("eigh", "lu", "qr", "slogdet", "svd")


def advanced(xp):
    """(name, function, positional arguments, keywords) of each."""
    yield from _products(xp)
    yield from _transforms(xp)
    for name in ("eigh", "qr", "slogdet"):
        yield name, _of_small(functools.partial(_tuple, getattr(xp.linalg, name))), 1, ()
    svd = functools.partial(xp.linalg.svd, full_matrices=False)
    yield "svd", _of_small(functools.partial(_tuple, svd)), 1, ()
    for name, (module, attribute, positional, keywords) in BY_JAX.items():
        function = functools.partial(_by_jax, module, attribute, xp)
        yield (
            name,
            _of_small(function) if name in FACTORIZATIONS else function,
            positional,
            keywords,
        )


def _products(xp):
    def kron(a, b):
        bound_elements((np.size(a), np.size(b)))
        return xp.kron(a, b)

    def convolve(a, b):
        bound_elements((np.size(a), np.size(b)))
        return xp.convolve(a, b)

    def tensordot(a, b, axes=2):
        if not isinstance(axes, int):
            raise DerivationError("tensordot takes the number of axes over which it sums")
        shared = math.prod(np.shape(b)[:axes])
        bound_elements((np.size(a) // max(1, shared), np.size(b) // max(1, shared)))
        return xp.tensordot(a, b, axes)

    yield "clip", lambda x, low, high: xp.minimum(xp.maximum(x, low), high), 3, ()
    yield "convolve", convolve, 2, ()
    yield "kron", kron, 2, ()
    yield "tensordot", tensordot, 3, ("axes",)
    yield "vec", lambda a: xp.reshape(xp.swapaxes(a, -1, -2), (-1,)), 1, ()


def _transforms(xp):
    def irfft(x, n):
        bound_elements((*np.shape(x)[:-1], n))
        return xp.fft.irfft(x, n)

    for name in ("fft", "ifft", "rfft"):
        yield name, functools.partial(_transformed, xp, name), 1, ()
    yield "irfft", irfft, 2, ()
    yield "real", xp.real, 1, ()
    yield "imag", xp.imag, 1, ()


def _transformed(xp, name, x):
    """A Fourier transform: NumPy imports them when the first is asked for."""
    return getattr(xp.fft, name)(x)


def _of_small(function):
    """The function for matrices of a few rows and columns, and stacks of them."""

    def call(a):
        if np.ndim(a) < 2 or max(np.shape(a)[-2:]) > MAX_SIDE:
            raise DerivationError(f"a matrix to factorize has at most {MAX_SIDE} rows and columns")
        return function(a)

    return call


def _tuple(function, a):
    return tuple(function(a))


def _by_jax(module, attribute, xp, x, **options):
    """JAX's function, on its own arrays, or by its program on NumPy's."""
    function = getattr(importlib.import_module(module), attribute)
    if xp is not np:
        return function(x, **options)
    x = np.asarray(x)
    return run_by_jax(function, options, [x])


def run_by_jax(function, options, arguments):
    """What a function of JAX gives for NumPy's arrays, by its program."""
    arguments = [a if is_foreign(a) else np.asarray(a) for a in arguments]
    kinds = tuple((a.shape, a.dtype) for a in arguments)
    program, several = _program(function, tuple(sorted(options.items())), kinds)
    results = [as_double(x) for x in program(*arguments, tick=spend)]
    return tuple(results) if several else results[0]


@functools.lru_cache(maxsize=256)
def _program(function, options, kinds):
    """The program of a function with these options, for arrays of these shapes and dtypes.

    The second result says whether the function returns a tuple.
    """
    import jax

    from handgrad.common.jaxpr import Program

    arguments = [jax.ShapeDtypeStruct(*kind) for kind in kinds]
    with in_double_precision():
        traced = jax.make_jaxpr(functools.partial(function, **dict(options)), return_shape=True)
        closed, shapes = traced(*arguments)
    return Program(closed), isinstance(shapes, tuple)


def as_double(x):
    """Real numbers in float64, others as they are."""
    return np.asarray(x, dtype=float) if x.dtype.kind == "f" and not is_foreign(x) else x
