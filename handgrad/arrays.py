"""One code for every array library: an array's namespace, and what the array API standard lacks."""

import math
import operator
from functools import reduce
from typing import Any

import numpy as np

WORDS = {np.dtype(f"f{size}"): np.dtype(f"i{size}") for size in (2, 4, 8)}
GUESSED = 2048  # numbers of a mask: for fewer, NumPy's `where` is quick enough
PLANNED = 1000  # numbers in a sum of products: for fewer, planning it takes longer than the sum


def array_namespace(*arrays):
    """The array API namespace of the arrays: the first that is not NumPy's, else NumPy's.

    Python numbers have NumPy's. torch needs array-api-compat, which the extra `torch` installs.
    """
    for array in arrays:
        if isinstance(array, np.ndarray | float | int):
            continue
        if type(array).__module__.partition(".")[0] == "torch":
            import array_api_compat

            return array_api_compat.array_namespace(array)
        if hasattr(array, "__array_namespace__"):
            xp = array.__array_namespace__()
            if xp is not np:
                return xp
    return np


def shape_of(x):
    """The shape of an array, or () for a Python number."""
    return getattr(x, "shape", ())


def device_of(x):
    """Where an array lives, or None while JAX traces it, when that is not yet known."""
    return getattr(x, "device", None)


def outline(x):
    """An array of shape (0, *x.shape): it holds no element, and remembers x's shape.

    A backward that needs only a shape keeps this: it is an array, so it may cross any jit.
    """
    return array_namespace(x).empty((0, *shape_of(x)))


def outlined(residual):
    """The shape that an outline remembers."""
    return residual.shape[1:]


def where(mask, a, b):
    """a where the mask is true, else b.

    NumPy's own takes up to 17 times as long where nobody can predict the mask: so all bits of a
    number of a or of b are taken, and none of the other's.
    """
    dtype = _common([v for v in (a, b) if type(v) not in (float, int)])
    if dtype not in WORDS or type(mask) is not np.ndarray or mask.size < GUESSED:
        return array_namespace(mask, a, b).where(mask, a, b)
    word = WORDS[dtype]
    ones = -np.asarray(mask, bool).view(np.int8).astype(word)
    a, b = (np.asarray(v, dtype).view(word) for v in (a, b))
    return (a & ones | b & ~ones).view(dtype)


def _common(arrays) -> Any:
    """The dtype that all of them have, if they are NumPy's own arrays; else None."""
    dtypes = {x.dtype if type(x) is np.ndarray else None for x in arrays}
    return dtypes.pop() if len(dtypes) == 1 else None


def kept(mask, x):
    """x where the mask is true, else 0: also where x is infinite, of which a product makes NaN."""
    return where(mask, x, 0)


def log(x):
    """log x: −∞ at 0 and NaN below, without NumPy's warning."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return array_namespace(x).log(x)


def along(ndim, axis, index):
    """The index that takes `index` along one axis and everything along the others."""
    key = [slice(None)] * ndim
    key[axis] = index
    return tuple(key)


def chunks(n, size):
    """The indices that take n rows, so many at a time; one that takes none where n is 0."""
    return [(slice(i, min(n, i + size)), ...) for i in range(0, max(1, n), size)]


def is_whole(x):
    """Whether an array holds whole numbers or truth values."""
    kind = getattr(x.dtype, "kind", None)  # NumPy's isdtype refuses bfloat16
    return kind in "biu" if kind else array_namespace(x).isdtype(x.dtype, ("bool", "integral"))


def constant(numbers, like):
    """Known numbers as an array with the library, the dtype and the device of another one.

    Beside whole numbers, such as those of an image, fractions stay what they are.
    """
    numbers = np.asarray(numbers)
    dtype = None if numbers.dtype.kind == "f" and is_whole(like) else like.dtype
    return array_namespace(like).asarray(numbers, dtype=dtype, device=device_of(like))


def log1p(x):
    """log(1 + x): −∞ at −1 and NaN below, without NumPy's warning."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return array_namespace(x).log1p(x)


def fresh(x):
    """x in memory of its own: a gradient never shares memory with dy."""
    return x * 1


def largest(x, axis):
    """The largest |x| along the axes, which stay with size 1; and 1 where that is 0 or infinite."""
    xp = array_namespace(x)
    s = xp.max(xp.abs(x), axis=axis, keepdims=True)
    return xp.where((s > 0) & xp.isfinite(s), s, 1)


def norm(x, axis):
    """√(Σ x²) along the axes, which stay with size 1. No square overflows or is lost to 0."""
    xp = array_namespace(x)
    s = largest(x, axis)
    return s * xp.sqrt(xp.sum((x / s) ** 2, axis=axis, keepdims=True))


def products_before(x, axis):
    """For each number along an axis the product of those before it: 1 for the first."""
    xp = array_namespace(x)
    products = xp.cumulative_prod(x, axis=axis, include_initial=True)
    return products[(*(slice(None),) * (axis % x.ndim), slice(-1), ...)]


def sums_from_the_end(x, axis):
    """For each number along an axis the sum of itself and of those after it."""
    xp = array_namespace(x)
    if xp.__name__ == "jax.numpy":
        from jax import lax

        return lax.cumsum(x, axis % x.ndim, reverse=True)
    return xp.flip(xp.cumulative_sum(xp.flip(x, axis=axis), axis=axis), axis=axis)


def scan(step, state, inputs, *, reverse=False) -> Any:
    """The last state, and what each step leaves: state, outputs = step(state, *rows).

    The rows are those of the inputs, along their first axes; what a step leaves is a tuple of arrays,
    and stands where its rows do. With reverse=True the last rows come first.
    """
    xp = array_namespace(*inputs)
    if xp.__name__ == "jax.numpy":
        from jax import lax

        return lax.scan(lambda state, rows: step(state, *rows), state, inputs, reverse=reverse)
    steps = range(inputs[0].shape[0])
    if not steps:  # one step shows the shapes of what there would be
        _, outputs = step(state, *(xp.zeros_like(xp.sum(x, axis=0)) for x in inputs))
        return state, tuple(xp.stack([array])[:0, ...] for array in outputs)
    left = []
    for t in reversed(steps) if reverse else steps:
        state, outputs = step(state, *(x[t, ...] for x in inputs))
        left.append(outputs)
    ordered = reversed(left) if reverse else left
    return state, tuple(map(xp.stack, zip(*ordered, strict=True)))


def einsum(subscripts, *arrays):
    """Σ of products by subscripts such as "ij,jk->ik". The sum over what stands on the left alone."""
    xp = array_namespace(*arrays)
    if xp is np and all(array.dtype.kind != "V" for array in arrays):  # V: bfloat16, for one
        small = sum(array.size for array in arrays) < PLANNED
        return np.einsum(subscripts, *arrays, optimize=not small)
    if xp is not np and hasattr(xp, "einsum"):
        return xp.einsum(subscripts, *arrays)
    inputs, _, output = subscripts.partition("->")
    letters = [*output, *sorted(set(inputs) - {*output, ","})]
    product = 1
    for names, array in zip(inputs.split(","), arrays, strict=True):
        order = sorted(range(array.ndim), key=lambda axis: letters.index(names[axis]))
        sizes = dict(zip(names, array.shape, strict=True))
        shape = tuple(sizes.get(letter, 1) for letter in letters)
        product = product * xp.reshape(xp.permute_dims(array, tuple(order)), shape)
    return xp.sum(product, axis=tuple(range(len(output), len(letters))))


def unbroadcast(dy, shape):
    """dy summed over the axes along which an array of this shape was stretched to dy's."""
    stretched = shape_of(dy)
    if stretched == shape:
        return dy
    xp = array_namespace(dy)
    extra = len(stretched) - len(shape)
    ones = (extra + axis for axis, size in enumerate(shape) if size == 1)
    return xp.reshape(xp.sum(dy, axis=(*range(extra), *ones)), shape)


def pad(x, widths, value=0.0):
    """x with `widths[i]` copies of value on both sides of axis i, counted from the last axes."""
    xp = array_namespace(x)
    if xp.__name__ == "jax.numpy":  # XLA makes one pass of this, and several of concat
        before = [(0, 0)] * (x.ndim - len(widths))
        return xp.pad(x, [*before, *((n, n) for n in widths)], constant_values=value)
    for axis, width in enumerate(widths, x.ndim - len(widths)):
        if width:
            shape = (*x.shape[:axis], width, *x.shape[axis + 1 :])
            edge = xp.full(shape, value, dtype=x.dtype, device=device_of(x))
            x = xp.concat([edge, x, edge], axis=axis)
    return x


def add_at(n, index, rows):
    """n rows of zeros, plus each row at its index: y[index[i]] += rows[i]."""
    return _at("add", n, index, rows, 0)


def max_at(n, index, rows):
    """n rows of −∞, or the largest of the rows at each index."""
    return _at("max", n, index, rows, -math.inf)


def _at(operation, n, index, rows, start):
    xp = array_namespace(rows, index)
    total: Any = xp.full((n, *rows.shape[1:]), start, dtype=rows.dtype, device=device_of(rows))
    if xp.__name__ == "jax.numpy":
        return getattr(total.at[index], operation)(rows)
    size = math.prod(rows.shape[1:])
    places = xp.astype(index, xp.int64)[:, None] * size + xp.arange(size, device=device_of(index))
    places, total = xp.reshape(places, (-1,)), xp.reshape(total, (-1,))
    numbers = xp.reshape(rows, (-1,))
    if xp is np:
        ufunc = {"add": np.add, "max": np.maximum}[operation]
        ufunc.at(total, places, numbers)  # 5 times as fast as row by row
    elif hasattr(total, "scatter_reduce"):  # torch
        reduction = {"add": "sum", "max": "amax"}[operation]
        total = total.scatter_reduce(0, places, numbers, reduction)
    else:
        hit = places == xp.arange(total.shape[0])[:, None]
        table = xp.concat([total[:, None], xp.where(hit, numbers, start)], axis=1)
        total = {"add": xp.sum, "max": xp.max}[operation](table, axis=1)
    return xp.reshape(total, (n, *rows.shape[1:]))


def scatter_add(shape, pieces):
    """Zeros of this shape, plus the values of every piece (index, values) at its index.

    An index is one slice per axis, its start and stop given and its step positive.
    """
    pieces = list(pieces)
    xp = array_namespace(*(values for _, values in pieces))
    if xp.__name__ == "jax.numpy":
        return reduce(operator.add, (_padded(shape, *piece) for piece in pieces))
    total = xp.zeros(shape, dtype=pieces[0][1].dtype, device=device_of(pieces[0][1]))
    for index, values in pieces:
        total[index] += values
    return total


def _padded(shape, index, values):
    """The values with zeros before, between and behind them: what XLA fuses, unlike a scatter."""
    from jax import lax

    spots = [range(*s.indices(n)) for s, n in zip(index, shape, strict=True)]
    config = [
        (r.start, n - r[-1] - 1, r.step - 1) if r else (0, n, 0)
        for r, n in zip(spots, shape, strict=True)
    ]
    return lax.pad(values, values.dtype.type(0), config)


def sigmoid(x):
    """1 / (1 + e⁻ˣ): a ratio of e = exp(−|x|), which never overflows, on either side of 0."""
    xp = array_namespace(x)
    e = xp.exp(-xp.abs(x))
    return where(x < 0, e, 1) / (1 + e)


def erf(x):
    """The error function, 2/√π times the integral of exp(−t²) from 0 to x."""
    xp = array_namespace(x)
    if xp.__name__ == "jax.numpy":
        from jax.scipy import special

        return special.erf(x)
    if native := getattr(xp, "erf", None):
        return native(x)
    size = xp.abs(x)
    return where(size < 0.5, _erf_near_0(x), xp.sign(x) * (1 - _erfc_far_out(size)))


def erfc(x):
    """1 − erf(x), with all its digits where erf(x) rounds to 1."""
    xp = array_namespace(x)
    if xp.__name__ == "jax.numpy":
        from jax.scipy import special

        return special.erfc(x)
    if native := getattr(xp, "erfc", None):
        return native(x)
    far = _erfc_far_out(xp.abs(x))
    return where(xp.abs(x) < 0.5, 1 - _erf_near_0(x), where(x < 0, 2 - far, far))


def _erf_near_0(x):
    """The Taylor series of erf, for |x| < ½: its terms fall below 2⁻⁵³ of x."""
    x = where(abs(x) < 0.5, x, 0.0)
    terms = [(-1) ** n / (math.factorial(n) * (2 * n + 1)) for n in range(12)]
    total = 0.0 * x
    for term in reversed(terms):
        total = total * x * x + term
    return 2 / math.sqrt(math.pi) * x * total


def _erfc_far_out(x):
    """erfc(x) for x ≥ ½: exp(−x²) x/π times the integral of exp(−t²) / (x² + t²).

    The trapezoidal rule with steps of ½ is exact to exp(−4π²), but for the pole at t = ix, whose
    residue is known. Chiarella and Reichel, Mathematics of Computation 22, 1968, page 137.
    """
    xp = array_namespace(x)
    x = where(x < 0.5, 0.5, where(x > 30, 30.0, x))  # beyond, erfc is 0 in every precision
    total = 1 / (x * x)
    for t in (0.5 * n for n in range(1, 13)):
        total = total + 2 * math.exp(-t * t) / (x * x + t * t)
    pole = xp.exp(-4 * math.pi * where(x > 6, 6.0, x))
    return xp.exp(-x * x) * x * total / (2 * math.pi) - where(x < 6, 2 * pole / (1 - pole), 0.0)


def softplus(x):
    """log(1 + eˣ), which is −log σ(−x), without overflow."""
    xp = array_namespace(x)
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))


def log_softmax(x, axis=-1):
    """log(eˣⁱ / Σⱼ eˣʲ): the largest exponent is 0, so nothing overflows."""
    xp = array_namespace(x)
    s = x - xp.max(x, axis=axis, keepdims=True)
    return s - xp.log(xp.sum(xp.exp(s), axis=axis, keepdims=True))
