"""JAX's primitives on NumPy's arrays, in extended precision where the machine has it.

Each function takes the operands of a primitive and its parameters by JAX's names. What is not in
the table runs in XLA, in float64.
"""

import functools
import math

import numpy as np

from handgrad.common.factorizations import cholesky, lu, triangular_solve

TURNS = 10_000  # of a loop
EXTENDED = np.longdouble if np.finfo(np.longdouble).nmant >= 63 else np.float64
ELEMENTWISE = {
    "abs": np.abs,
    "acos": np.arccos,
    "acosh": np.arccosh,
    "add": np.add,
    "add_any": np.add,
    "and": np.bitwise_and,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "atanh": np.arctanh,
    "cbrt": np.cbrt,
    "ceil": np.ceil,
    "copy": np.array,
    "copy_p": np.array,
    "cos": np.cos,
    "cosh": np.cosh,
    "div": lambda x, y: (
        x / y if np.result_type(x, y).kind in "fc" else np.trunc(x / y).astype(x.dtype)
    ),
    "eq": np.equal,
    "erf": np.vectorize(math.erf, otypes=[EXTENDED]),
    "erfc": np.vectorize(math.erfc, otypes=[EXTENDED]),
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "floor": np.floor,
    "ge": np.greater_equal,
    "gt": np.greater,
    "is_finite": np.isfinite,
    "le": np.less_equal,
    "log": np.log,
    "log1p": np.log1p,
    "logistic": lambda x: 1 / (1 + np.exp(-x)),
    "lt": np.less,
    "max": np.maximum,
    "min": np.minimum,
    "mul": np.multiply,
    "ne": np.not_equal,
    "neg": np.negative,
    "not": np.invert,
    "or": np.bitwise_or,
    "pow": np.power,
    "rem": np.fmod,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "sign": np.sign,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "square": np.square,
    "stop_gradient": np.array,
    "sub": np.subtract,
    "tan": np.tan,
    "tanh": np.tanh,
    "xor": np.bitwise_xor,
}
REDUCTIONS = {
    "reduce_and": np.logical_and,
    "reduce_max": np.maximum,
    "reduce_min": np.minimum,
    "reduce_or": np.logical_or,
    "reduce_prod": np.multiply,
    "reduce_sum": np.add,
}
CUMULATIVE = {
    "cumlogsumexp": np.logaddexp,
    "cummax": np.maximum,
    "cummin": np.minimum,
    "cumprod": np.multiply,
    "cumsum": np.add,
}


def is_foreign(x):
    """Whether something is not NumPy's array, and stands for one in NumPy's functions."""
    return hasattr(x, "__array_function__") and not isinstance(x, np.ndarray)


def is_key(x):
    """Whether it is a typed key of JAX's random numbers."""
    return str(getattr(x, "dtype", "")).startswith("key<")


def extended(x):
    """A value as the programs hold it: real numbers in extended precision, others as they are.

    Arrays that are not NumPy's, and that its functions take for its own, stay as they are, too.
    """
    if not isinstance(x, np.ndarray):
        if is_foreign(x) or is_key(x):
            return x
        x = np.asarray(x)
    return x.astype(EXTENDED) if x.dtype.kind == "f" and x.dtype.itemsize >= 8 else x


def _reduced(ufunc, x, axes, **_):
    return ufunc.reduce(x, axis=tuple(axes)) if axes else x


def _cumulated(ufunc, x, axis, reverse):
    turned = np.flip(x, axis) if reverse else x
    result = ufunc.accumulate(turned, axis=axis)
    return np.flip(result, axis) if reverse else result


def dot_general(a, b, dimension_numbers, **_):
    (of_a, of_b), (along_a, along_b) = dimension_numbers
    letters_a = list(range(a.ndim))
    letters_b = list(range(a.ndim, a.ndim + b.ndim))
    for i, j in zip((*of_a, *along_a), (*of_b, *along_b), strict=True):
        letters_b[j] = letters_a[i]
    free_a = [n for i, n in enumerate(letters_a) if i not in (*of_a, *along_a)]
    free_b = [n for j, n in enumerate(letters_b) if j not in (*of_b, *along_b)]
    letters = [letters_a[i] for i in along_a] + free_a + free_b
    return np.einsum(a, letters_a, b, letters_b, letters)


def broadcast_in_dim(x, shape, broadcast_dimensions, **_):
    sizes = [1] * len(shape)
    for axis, target in enumerate(broadcast_dimensions):
        sizes[target] = x.shape[axis]
    return np.broadcast_to(x.reshape(sizes), shape)


def reshape(x, new_sizes, dimensions, **_):
    return (x if dimensions is None else x.transpose(dimensions)).reshape(new_sizes)


def pad(x, value, padding_config):
    """Zeros, or a value, before, between and behind the numbers; negative widths cut some off."""
    for axis, (before, behind, between) in enumerate(padding_config):
        size = x.shape[axis]
        spread = size + max(size - 1, 0) * between
        total = spread + max(before, 0) + max(behind, 0)
        out = np.full_like(x, value, shape=(*x.shape[:axis], total, *x.shape[axis + 1 :]))
        place = [slice(None)] * x.ndim
        place[axis] = slice(max(before, 0), max(before, 0) + spread, between + 1)
        out[tuple(place)] = x
        place[axis] = slice(max(-before, 0), total - max(-behind, 0))
        x = out[tuple(place)]
    return x


def convert_element_type(x, new_dtype, **_):
    new = np.dtype(new_dtype)
    if x.dtype.kind == "c" and new.kind != "c":
        x = x.real  # the transpose of what makes a real number complex
    return x.astype(EXTENDED if new == np.float64 else new)


def select_n(which, *cases):
    return np.where(which, cases[1], cases[0]) if which.dtype == bool else np.choose(which, cases)


def iota(dtype, shape, dimension, **_):
    sizes = [-1 if axis == dimension else 1 for axis in range(len(shape))]
    return np.broadcast_to(extended(np.arange(shape[dimension], dtype=dtype)).reshape(sizes), shape)


def sort(*operands, dimension, num_keys, **_):
    order = np.lexsort(operands[num_keys - 1 :: -1], axis=dimension)
    return [np.take_along_axis(x, order, dimension) for x in operands]


def dynamic_slice(x, *starts, slice_sizes):
    limits = zip(starts, x.shape, slice_sizes, strict=True)
    begins = [int(np.clip(start, 0, size - wanted)) for start, size, wanted in limits]
    return x[tuple(slice(b, b + n) for b, n in zip(begins, slice_sizes, strict=True))]


def dynamic_update_slice(x, update, *starts):
    limits = zip(starts, x.shape, update.shape, strict=True)
    begins = [int(np.clip(start, 0, size - wanted)) for start, size, wanted in limits]
    out = x.copy()
    out[tuple(slice(b, b + n) for b, n in zip(begins, update.shape, strict=True))] = update
    return out


def gather(x, starts, dimension_numbers, slice_sizes, mode, fill_value, **_):
    d = dimension_numbers
    batching = d.operand_batching_dims, d.start_indices_batching_dims
    gone = {*d.collapsed_slice_dims, *d.operand_batching_dims}
    index, inside = _grids(x, starts, d.start_index_map, batching, gone, slice_sizes)
    found = x[tuple(index)] if x.size else np.zeros(inside.shape, x.dtype)
    if not _clips(mode):
        found = np.where(inside, found, _filling(x.dtype, fill_value))
    batch = found.ndim - len(d.offset_dims)
    others = [axis for axis in range(found.ndim) if axis not in d.offset_dims]
    order = np.argsort([*others, *d.offset_dims])
    return found.transpose([*range(batch), *range(batch, found.ndim)]).transpose(order)


def scatter(combine, x, starts, updates, dimension_numbers, mode, **_):
    d = dimension_numbers
    batching = d.operand_batching_dims, d.scatter_indices_batching_dims
    gone = {*d.inserted_window_dims, *d.operand_batching_dims}
    others = [axis for axis in range(updates.ndim) if axis not in d.update_window_dims]
    updates = updates.transpose([*others, *d.update_window_dims])
    windows = iter(updates.shape[len(others) :])
    sizes = [1 if axis in gone else next(windows) for axis in range(x.ndim)]
    index, inside = _grids(x, starts, d.scatter_dims_to_operand_dims, batching, gone, sizes)
    out = np.empty_like(updates, shape=x.shape)
    out[...] = x
    inside = np.broadcast_to(inside | _clips(mode), updates.shape)
    chosen = tuple(np.broadcast_to(i, updates.shape)[inside] for i in index)
    combine(out, chosen, updates[inside])
    return out


def _grids(x, starts, mapped, batching, gone, sizes):
    """Where each number of a gather or scatter stands in x, and whether it lies inside.

    The axes are those of `starts` but its last, then those of the windows.
    """
    batch = starts.shape[:-1]
    windows = [axis for axis in range(x.ndim) if axis not in gone]
    along = dict(zip(*batching, strict=True))
    inside = np.ones(batch + tuple(sizes[axis] for axis in windows), bool)
    index = []
    for axis, size in enumerate(x.shape):
        place = np.zeros(batch, int)
        if axis in mapped:
            place = starts[..., mapped.index(axis)].astype(int)
            clipped = np.clip(place, 0, size - sizes[axis])
            inside &= (place == clipped).reshape(batch + (1,) * len(windows))
            place = clipped
        elif axis in along:
            order = [-1 if b == along[axis] else 1 for b in range(len(batch))]
            place = place + np.arange(size).reshape(order)
        place = place.reshape(batch + (1,) * len(windows))
        if axis in windows:
            order = [-1 if w == axis else 1 for w in windows]
            place = place + np.arange(sizes[axis]).reshape(order)
        index.append(place)
    return [np.broadcast_to(i, inside.shape) for i in index], inside


def _clips(mode):
    return mode.name in {"CLIP", "PROMISE_IN_BOUNDS"}


def _filling(dtype, value):
    if value is not None:
        return value
    return np.nan if dtype.kind == "f" else True if dtype.kind == "b" else np.iinfo(dtype).min


def _put(out, index, values):
    out[index] = values


def _unstacked(x, axis):
    return list(np.moveaxis(x, axis, 0))


def _slice(x, start_indices, limit_indices, strides):
    steps = strides or (1,) * x.ndim
    return x[tuple(map(slice, start_indices, limit_indices, steps))]


def scan(*operands, program, length, reverse, num_consts, num_carry, **_):
    """The last state of a loop, and what each of its steps leaves; `program` is what a step runs."""
    fixed, state = operands[:num_consts], operands[num_consts : num_consts + num_carry]
    rows = operands[num_consts + num_carry :]
    if not length:  # one step shows the shapes of what there would be
        left = program(*fixed, *state, *(np.zeros(x.shape[1:], x.dtype) for x in rows))
        return [*state, *(np.stack([x])[:0] for x in left[num_carry:])]
    left = []
    for t in reversed(range(length)) if reverse else range(length):
        results = program(*fixed, *state, *(x[t] for x in rows))
        state = results[:num_carry]
        left.append(results[num_carry:])
    columns = zip(*(reversed(left) if reverse else left), strict=True)
    return [*state, *map(np.stack, columns)]


def repeat(*operands, cond_program, body_program, cond_nconsts, body_nconsts, **_):
    """The last state of a loop that goes on while a condition holds.

    Raises OverflowError after TURNS turns: some loops end for no NaN.
    """
    fixed = cond_nconsts + body_nconsts
    state = operands[fixed:]
    for _turn in range(TURNS):
        (goes_on,) = cond_program(*operands[:cond_nconsts], *state)
        if not goes_on:
            return [*state]
        state = body_program(*operands[cond_nconsts:fixed], *state)
    raise OverflowError(f"a loop of more than {TURNS} turns")


TABLE = {
    **{name: lambda *xs, f=f, **_: f(*xs) for name, f in ELEMENTWISE.items()},
    **{name: functools.partial(_reduced, ufunc) for name, ufunc in REDUCTIONS.items()},
    **{name: functools.partial(_cumulated, ufunc) for name, ufunc in CUMULATIVE.items()},
    "argmax": lambda x, axes, index_dtype: np.argmax(x, axes[0]).astype(index_dtype),
    "argmin": lambda x, axes, index_dtype: np.argmin(x, axes[0]).astype(index_dtype),
    "broadcast_in_dim": broadcast_in_dim,
    "cholesky": cholesky,
    "clamp": lambda low, x, high: np.minimum(np.maximum(x, low), high),
    "concatenate": lambda *xs, dimension: np.concatenate(xs, dimension),
    "convert_element_type": convert_element_type,
    "dot_general": dot_general,
    "dynamic_slice": dynamic_slice,
    "dynamic_update_slice": dynamic_update_slice,
    "gather": gather,
    "integer_pow": lambda x, y: x**y if y >= 0 else 1 / x**-y,
    "iota": iota,
    "lu": lu,
    "optimization_barrier": lambda *xs: list(xs),
    "pad": pad,
    "reshape": reshape,
    "rev": lambda x, dimensions: np.flip(x, tuple(dimensions)),
    "round": lambda x, rounding_method: (
        np.round(x) if int(rounding_method) else np.copysign(np.floor(np.abs(x) + 0.5), x)
    ),
    "scan": scan,
    "while": repeat,
    "scatter": functools.partial(scatter, _put),
    "scatter-add": functools.partial(scatter, np.add.at),
    "scatter-mul": functools.partial(scatter, np.multiply.at),
    "select_n": select_n,
    "slice": _slice,
    "sort": sort,
    "split": lambda x, sizes, axis: np.split(x, np.cumsum(sizes)[:-1], axis),
    "squeeze": lambda x, dimensions: x.squeeze(tuple(dimensions)),
    "stack": lambda *xs, axis: np.stack(xs, axis),
    "triangular_solve": triangular_solve,
    "tile": np.tile,
    "transpose": lambda x, permutation: x.transpose(permutation),
    "unstack": _unstacked,
}
