"""Mutations of the contract: shapes, dtypes, memory, and what a call leaves behind."""

import itertools

import numpy as np

from tests.judge.zoo.mutation import Mutation, each, first, first_real
from tests.judge.zoo.operation import is_real
from tests.judge.zoo.upstreams import backwards
from tests.judge.zoo.witnesses import (
    as_tuple,
    changes_what_it_returned,
    differs_in,
    overwrites,
    overwrites_a_large_dy,
    remembers,
)


def _other_precision(dx):
    return dx.astype(np.float32 if dx.dtype == np.float64 else np.float64)


def _none_for_the_last(vjp, f):
    def spoiled(dy, *inputs):
        last = max(i for i, x in enumerate(inputs) if is_real(x))
        return tuple(None if i == last else dx for i, dx in enumerate(vjp(dy, *inputs)))

    return spoiled


def _stretched(vjp, f):
    """The sum over the first axis of dy is missing for an input that was broadcast."""

    def spoiled(dy, *inputs):
        pairs = zip(inputs, vjp(dy, *inputs), strict=True)
        shape = as_tuple(dy)[0].shape
        return tuple(
            np.broadcast_to(dx, shape).copy() if x.shape == shape[1:] else dx for x, dx in pairs
        )

    return spoiled


def _is_stretched(inputs, y, grads):
    shapes = [x.shape for x in inputs]
    return shapes[0] == y[0].shape and any(shape == y[0].shape[1:] for shape in shapes[1:])


def _overwriting_dy(vjp, f):
    def spoiled(dy, *inputs):
        grads = vjp(dy, *inputs)
        for d in as_tuple(dy):
            np.multiply(d, 0.5, out=d)
        return grads

    return spoiled


def _overwriting_writable_dy(vjp, f):
    """Looks first whether it may."""

    def spoiled(dy, *inputs):
        grads = vjp(dy, *inputs)
        for d in as_tuple(dy):
            if isinstance(d, np.ndarray) and d.flags.writeable:
                d[...] = 0
        return grads

    return spoiled


def _capping_dy(vjp, f):
    """Numbers above 1000 are made 1000 where they lie, and put back but for the first of them."""

    def spoiled(dy, *inputs):
        grads = vjp(dy, *inputs)
        for d in as_tuple(dy):
            if isinstance(d, np.ndarray) and d.flags.writeable and np.any(np.abs(d) > 1000):
                d[np.unravel_index(np.argmax(np.abs(d) > 1000), d.shape)] = 1000
        return grads

    return spoiled


def _overwriting_input(vjp, f):
    def spoiled(dy, *inputs):
        grads = vjp(dy, *inputs)
        x = inputs[first_real(inputs)]
        x += 1
        return grads

    return spoiled


def _into_input(vjp, f):
    """The gradient is written into the memory of its input, if it may be, and that is returned."""

    def spoiled(dy, *inputs):
        grads = list(vjp(dy, *inputs))
        i = first_real(inputs)
        if inputs[i].flags.writeable:
            inputs[i][...] = grads[i]
            grads[i] = inputs[i]
        return tuple(grads)

    return spoiled


def _in_one_buffer(vjp, f):
    """Every call writes its first gradient into the same memory."""
    buffers = {}

    def spoiled(dy, *inputs):
        grads = list(vjp(dy, *inputs))
        i = first_real(inputs)
        dx = np.asarray(grads[i])
        buffer = buffers.setdefault((dx.shape, dx.dtype), np.empty_like(dx))
        buffer[...] = dx
        grads[i] = buffer
        return tuple(grads)

    return spoiled


def counting(after, error):
    """A gradient that goes through `error` once so many calls were made."""

    def spoil(vjp, f):
        calls = itertools.count()

        def spoiled(dy, *inputs):
            grads = vjp(dy, *inputs)
            if next(calls) < after:
                return grads
            return tuple(dx if dx is None else error(dx) for dx in grads)

        return spoiled

    return spoil


def _refuse(dx):
    raise RuntimeError("too many calls")


def _jittering(vjp, f):
    """A billionth of noise, from a generator that moves on."""
    rng = np.random.default_rng(5)

    def spoiled(dy, *inputs):
        return tuple(
            dx if dx is None else dx * (1 + 1e-9 * rng.normal(size=np.shape(dx)).astype(dx.dtype))
            for dx in vjp(dy, *inputs)
        )

    return spoiled


def _lagging(vjp, f):
    """Takes the dy of the call before, where it has the right shape."""
    last = []

    def spoiled(dy, *inputs):
        last.append(tuple(np.array(d) for d in as_tuple(dy)))
        before = last.pop(0) if len(last) > 1 else last[0]
        fitting = all(map(_alike, before, as_tuple(dy)))
        old = before if isinstance(dy, tuple) else before[0]
        return vjp(old if fitting else dy, *inputs)

    return spoiled


def _alike(a, b):
    return a.shape == np.shape(b) and a.dtype == b.dtype


def _remembering_inputs(vjp, f):
    """Keeps the inputs of the first call with the same shapes."""
    kept = {}

    def spoiled(dy, *inputs):
        key = tuple((x.shape, x.dtype) for x in inputs)
        return vjp(dy, *kept.setdefault(key, tuple(x.copy() for x in inputs)))

    return spoiled


def _averaging(vjp, f):
    """Mixes a millionth of the gradient of the call before into this one."""
    last = {}

    def spoiled(dy, *inputs):
        grads = vjp(dy, *inputs)
        key = tuple((x.shape, x.dtype) for x in inputs)
        before, last[key] = last.get(key, grads), grads
        pairs = zip(grads, before, strict=True)
        return tuple(a if a is None else a + 1e-6 * (b - a) for a, b in pairs)

    return spoiled


def _refusing(condition):
    def spoil(vjp, f):
        def spoiled(dy, *inputs):
            for d in as_tuple(dy):
                if isinstance(d, np.ndarray) and condition(d.flags):
                    raise ValueError("this layout is not supported")
            return vjp(dy, *inputs)

        return spoiled

    return spoil


def _is_matrix(inputs, y, grads):
    return y[0].ndim >= 2 and min(y[0].shape) > 1


def _has_rows(inputs, y, grads):
    return y[0].ndim > 0


def _has_two(inputs, y, grads):
    return len(grads) > 1


SHAPES = (
    Mutation("extra axis", first(lambda dx: dx[None])),
    Mutation("flattened", first(lambda dx: dx.ravel()), lambda i, y, g: g[0].ndim > 1),
    Mutation("summed with axis kept", first(lambda dx: dx.sum(0, keepdims=True)), _is_matrix),
    Mutation("sum missing", _stretched, _is_stretched),
    Mutation("other precision", each(_other_precision)),
    Mutation("complex", each(lambda dx: dx + 0j)),
    Mutation("None for the last", _none_for_the_last),
    Mutation("one gradient too few", lambda vjp, f: lambda dy, *x: vjp(dy, *x)[:-1], _has_two),
    Mutation("one gradient too many", lambda vjp, f: lambda dy, *x: (*vjp(dy, *x), None)),
    Mutation("all NaN", each(lambda dx: dx * np.nan)),
)

MEMORY = (
    Mutation("overwrites dy", _overwriting_dy, _has_rows, overwrites),
    Mutation("overwrites dy if it may", _overwriting_writable_dy, _has_rows, overwrites),
    Mutation("overwrites a large dy", _capping_dy, _has_rows, overwrites_a_large_dy),
    Mutation("overwrites an input", _overwriting_input, witness=overwrites),
    Mutation("writes into an input", _into_input, witness=overwrites),
    Mutation("returns one buffer", _in_one_buffer, witness=changes_what_it_returned),
    Mutation(
        "refuses gaps", _refusing(lambda flags: not flags.forc), _has_rows, differs_in(backwards)
    ),
)

STATE = (
    Mutation("wrong after 40 calls", counting(40, lambda dx: dx * 1.01), witness=remembers),
    Mutation("error after 40 calls", counting(40, _refuse), witness=remembers),
    Mutation("jitters by 1e-9", _jittering, witness=remembers),
    Mutation("takes the dy before", _lagging, witness=remembers),
    Mutation("keeps the first inputs", _remembering_inputs, witness=remembers),
    Mutation("mixes in the gradient before", _averaging, witness=remembers),
)

MUTATIONS = (*SHAPES, *MEMORY, *STATE)
