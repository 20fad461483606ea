"""torch's code for JAX: the forward of somebody's Function or module, made traceable.

torch says which operations it ran, in its own small vocabulary; each is made again by JAX.
"""

import operator
from functools import partial
from typing import Any

import numpy as np

from handgrad.judge.calls import CodeError, contained
from handgrad.judge.libraries import as_numpy, to_library

SAME = {"mul": "multiply", "sub": "subtract", "div": "divide", "neg": "negative", "pow": "power"}
SAME |= {"amax": "max", "amin": "min", "gt": "greater", "ge": "greater_equal", "lt": "less"}
SAME |= {"le": "less_equal", "eq": "equal", "ne": "not_equal", "mm": "matmul", "bmm": "matmul"}
SAME |= {"mv": "matmul", "permute": "transpose", "unsqueeze": "expand_dims"}
AS_THEY_ARE = {"alias", "clone", "detach", "lift_fresh_copy", "contiguous"}
WHOLE = ("_softmax", "_log_softmax", "native_layer_norm", "stack", "var")  # to be taken apart too


def retraced(subject, inputs):
    """A subject's forward, of leaves, as a function of JAX: what torch runs at these inputs."""
    module = _recorded(subject, inputs)

    def traced(*leaves):
        values: dict[Any, Any] = {}
        given = iter(leaves)
        for node in module.graph.nodes:
            if node.op == "output":
                return _filled(node.args[0], values)
            if node.op == "placeholder":
                values[node] = next(given)
            elif node.op == "get_attr":
                values[node] = as_numpy(getattr(module, node.target))
            else:
                arguments, options = _filled((node.args, node.kwargs), values)
                values[node] = _operation(node.target)(*arguments, **options)
        raise CodeError("nothing comes out")

    return traced


@contained
def _recorded(subject, inputs):
    """The graph of torch's operations, each in terms of a few simple ones."""
    import torch
    from torch import _decomp
    from torch.fx.experimental.proxy_tensor import make_fx

    whole = [getattr(torch.ops.aten, name) for name in WHOLE]
    simpler: Any = {**_decomp.core_aten_decompositions(), **_decomp.get_decompositions(whole)}
    given = (to_library(x, "torch") for x in inputs)
    return make_fx(torch.func.functionalize(subject.by_operations), simpler)(*given)


def _filled(x, values):
    """Arguments with the nodes in them replaced by their values."""
    if isinstance(x, tuple | list):
        return type(x)(_filled(part, values) for part in x)
    if isinstance(x, dict):
        return {key: _filled(part, values) for key, part in x.items()}
    return values.get(x, x) if type(x).__module__ == "torch.fx.node" else x


def _operation(target):
    """JAX's counterpart of an operation of torch's."""
    name = getattr(getattr(target, "overloadpacket", target), "__name__", "")
    if name in AS_THEY_ARE:
        return lambda x, *_, **__: x
    if name in OWN:
        return OWN[name]
    from jax import lax
    from jax import numpy as jnp

    found = getattr(jnp, SAME.get(name, name), None) or getattr(lax, name, None)
    if found is None:
        raise CodeError(f"{name} has no counterpart here")
    return partial(_without_options, found)


def _without_options(function, *arguments, dim=None, **options):
    """The call, with an axis by JAX's name; dtype, layout and device are left out."""
    for name in ("dtype", "layout", "device", "pin_memory", "memory_format"):
        options.pop(name, None)
    return function(*arguments, **({} if dim is None else {"axis": dim}), **options)


def _jnp():
    from jax import numpy

    return numpy


def _reduced(name):
    def reduce(x, dim=None, keepdim=False, **_):
        axis = tuple(dim) if isinstance(dim, list) else dim
        return getattr(_jnp(), name)(x, axis=axis or None, keepdims=keepdim)

    return reduce


def _variance(x, dim=None, correction=1, keepdim=False):
    axis = tuple(dim) if dim else None
    return _jnp().var(x, axis=axis, ddof=int(correction), keepdims=keepdim)


def _filling(value):
    return lambda like, *filled, **_: _jnp().full_like(like, filled[0] if filled else value)


def _made(value):
    return lambda shape, *filled, **_: _jnp().full(shape, filled[0] if filled else value, float)


def _part(x, dim, start=None, end=None, step=1):
    index = [slice(None)] * x.ndim
    index[dim] = slice(start, None if end is None else min(end, x.shape[dim]), step)
    return tuple(index)


def _slice(x, dim=0, *span):
    return x[_part(x, dim, *span)]


def _select(x, dim, index):
    return _jnp().take(x, index, axis=dim)


def _put(x, indices, values, accumulate=False):
    if len(indices) == 1 and indices[0].dtype == bool:
        return _jnp().where(indices[0], values, x)
    index = tuple(slice(None) if k is None else k for k in indices)
    return x.at[index].add(values) if accumulate else x.at[index].set(values)


def _part_put(x, values, dim=0, *span):
    return x.at[_part(x, dim, *span)].set(values)


def _inverse(x):
    return _jnp().linalg.inv(x), 0


def _convolution(x, w, b, *how):
    from jax import lax

    stride, padding, dilation, transposed, _, groups = how
    if transposed:
        raise CodeError("a transposed convolution has no counterpart here")
    pads = [(p, p) for p in padding]
    y = lax.conv_general_dilated(
        x, w, stride, pads, rhs_dilation=dilation, feature_group_count=groups
    )
    return y if b is None else y + b.reshape(-1, *[1] * len(stride))


def _scatter(x, dim, index, values, way):
    places = list(np.indices(index.shape, sparse=True))
    places[dim] = index
    return getattr(x.at[tuple(places)], way)(values)


OWN = {
    "sum": _reduced("sum"),
    "mean": _reduced("mean"),
    "var": _variance,
    "amax": lambda x, dim=(), keepdim=False: _reduced("max")(x, list(dim), keepdim),
    "amin": lambda x, dim=(), keepdim=False: _reduced("min")(x, list(dim), keepdim),
    "sigmoid": lambda x: 1 / (1 + _jnp().exp(-x)),
    "t": lambda x: x.T,
    "transpose": lambda x, a, b: _jnp().swapaxes(x, a, b),
    "getitem": operator.getitem,
    "split": lambda x, size, dim=0: _jnp().split(x, range(size, x.shape[dim], size), dim),
    "split_with_sizes": lambda x, sizes, dim=0: _jnp().split(x, np.cumsum(sizes)[:-1], dim),
    "addmm": lambda b, x, w: x @ w + b,
    "scalar_tensor": lambda value, **_: np.asarray(value, float),
    "copy": lambda x, values: _jnp().broadcast_to(values, x.shape),
    "slice_scatter": _part_put,
    "select_scatter": lambda x, values, dim, k: x.at[(slice(None),) * (dim % x.ndim) + (k,)].set(
        values
    ),
    "linalg_inv_ex": _inverse,
    "_linalg_check_errors": lambda *_, **__: None,
    "convolution": _convolution,
    "view": lambda x, shape: x.reshape(shape),
    "_unsafe_view": lambda x, shape: x.reshape(shape),
    "reshape": lambda x, shape: x.reshape(shape),
    "expand": lambda x, shape: _jnp().broadcast_to(
        x,
        [
            m if n == -1 else n
            for n, m in zip(shape, (1,) * (len(shape) - x.ndim) + x.shape, strict=True)
        ],
    ),
    "squeeze": lambda x, dim=None: _jnp().squeeze(x, tuple(dim) if isinstance(dim, list) else dim),
    "cat": lambda parts, dim=0: _jnp().concatenate(parts, dim),
    "stack": lambda parts, dim=0: _jnp().stack(parts, dim),
    "clamp": lambda x, low=None, high=None: _jnp().clip(x, low, high),
    "clamp_min": lambda x, low: _jnp().maximum(x, low),
    "slice": _slice,
    "select": _select,
    "index_select": _select,
    "index": lambda x, indices: x[tuple(slice(None) if k is None else k for k in indices)],
    "gather": lambda x, dim, index: _jnp().take_along_axis(x, index, dim),
    "index_put": _put,
    "index_add": lambda x, dim, index, values: _put(x, [*[None] * dim, index], values, True),
    "scatter": lambda x, dim, index, values: _scatter(x, dim, index, values, "set"),
    "scatter_add": lambda x, dim, index, values: _scatter(x, dim, index, values, "add"),
    "zeros_like": _filling(0),
    "ones_like": _filling(1),
    "full_like": _filling(0),
    "zeros": _made(0),
    "ones": _made(1),
    "full": _made(0),
    "new_zeros": lambda _, shape, **__: _jnp().zeros(shape),
    "_to_copy": lambda x, dtype=None, **_: x if dtype is None else x.astype(_kind(dtype)),
    "convert_element_type": lambda x, dtype: x.astype(_kind(dtype)),
}


def _kind(dtype):
    """NumPy's name of torch's dtype."""
    return str(dtype).rpartition(".")[2]
