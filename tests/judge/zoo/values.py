"""Mutations of the values of a gradient."""

import numpy as np

from tests.judge.zoo.mutation import Mutation, each, first, first_real


def _entry(factor):
    """Changes the entry in the middle."""

    def change(dx):
        dx.flat[dx.size // 2] *= factor
        return dx

    return change


def _scaled_part(part, factor):
    """Changes a part, given as an index."""

    def change(dx):
        dx[part] *= factor
        return dx

    return change


def _biased(vjp, f):
    """Adds a billionth of the root mean square of dy."""

    def spoiled(dy, *inputs):
        d = dy[0] if isinstance(dy, tuple) else dy
        bias = 1e-9 * np.sqrt(np.mean(d * d))
        return tuple(dx if dx is None else dx + bias for dx in vjp(dy, *inputs))

    return spoiled


def _by_length(power):
    """Scales by the length of the first axis of the first real input, or by its inverse."""

    def spoil(vjp, f):
        def spoiled(dy, *inputs):
            n = inputs[first_real(inputs)].shape[0]
            return tuple(dx if dx is None else dx * float(n) ** power for dx in vjp(dy, *inputs))

        return spoiled

    return spoil


def _swapped(vjp, f):
    def spoiled(dy, *inputs):
        grads = vjp(dy, *inputs)
        return (grads[1], grads[0], *grads[2:])

    return spoiled


def _last_dropped(vjp, f):
    """The last real input's gradient is 0."""

    def spoiled(dy, *inputs):
        grads = list(vjp(dy, *inputs))
        i = max(i for i, dx in enumerate(grads) if dx is not None)
        grads[i] = grads[i] * 0
        return tuple(grads)

    return spoiled


def _truncated(bits):
    """Keeps so many bits of the significand."""

    def change(dx):
        significand, exponent = np.frexp(dx)
        return np.ldexp(np.rint(significand * 2.0**bits) * 2.0**-bits, exponent).astype(dx.dtype)

    return change


def _is_vector(inputs, y, grads):
    return grads[0].ndim >= 1 and grads[0].shape[-1] > 2


def _is_matrix(inputs, y, grads):
    return grads[0].ndim >= 2 and min(grads[0].shape) > 1


def _is_square(inputs, y, grads):
    return _is_matrix(inputs, y, grads) and grads[0].shape[-1] == grads[0].shape[-2]


def _has_rows(inputs, y, grads):
    return grads[0].ndim >= 1 and grads[0].shape[0] > 1


def _is_dense(inputs, y, grads):
    """Whether the middle entry of every gradient is large enough to be seen beside the rest."""
    return _has_rows(inputs, y, grads) and all(
        abs(dx.flat[dx.size // 2]) > 0.05 * np.max(np.abs(dx)) for dx in grads
    )


def _has_twins(inputs, y, grads):
    return len(grads) > 1 and inputs[0].shape == inputs[1].shape


def _has_two(inputs, y, grads):
    return len(grads) > 1


SCALED = tuple(
    Mutation(name, each(lambda dx, factor=factor: dx * factor))
    for name, factor in (
        ("zero", 0.0),
        ("negated", -1.0),
        ("doubled", 2.0),
        ("halved", 0.5),
        ("off by 1e-3", 1 + 1e-3),
        ("off by 1e-6", 1 + 1e-6),
        ("off by 1e-9", 1 + 1e-9),
    )
)

MUTATIONS = (
    *SCALED,
    Mutation("times the length", _by_length(1), _has_rows),
    Mutation("divided by the length", _by_length(-1), _has_rows),
    Mutation("only the first off by 1e-6", first(lambda dx: dx * (1 + 1e-6)), _has_two),
    Mutation("one entry off by 1e-3", first(_entry(1 + 1e-3)), _is_dense),
    Mutation("one entry off by 1e-6", first(_entry(1 + 1e-6)), _is_dense),
    Mutation("one entry zeroed", first(_entry(0)), _is_dense),
    Mutation("one row zeroed", first(_scaled_part(0, 0)), _is_matrix),
    Mutation("one row doubled", first(_scaled_part(-1, 2)), _is_matrix),
    Mutation("last column dropped", first(_scaled_part((..., -1), 0)), _is_matrix),
    Mutation("last row off by 1e-3", first(_scaled_part(-1, 1 + 1e-3)), _is_matrix),
    Mutation("rolled", first(lambda dx: np.roll(dx, 1, axis=-1)), _is_vector),
    Mutation("flipped", first(lambda dx: dx[..., ::-1].copy()), _is_vector),
    Mutation("rows rolled", first(lambda dx: np.roll(dx, 1, axis=0)), _is_matrix),
    Mutation("transposed", first(lambda dx: dx.swapaxes(-1, -2).copy()), _is_square),
    Mutation("averaged over rows", first(lambda dx: dx * 0 + dx.mean(axis=0)), _is_matrix),
    Mutation("biased by 1e-9", _biased),
    Mutation("swapped", _swapped, _has_twins),
    Mutation("last input dropped", _last_dropped, _has_two),
    Mutation("in half precision", each(lambda dx: dx.astype(np.float16).astype(dx.dtype))),
    Mutation("eight bits", each(_truncated(8))),
    Mutation("twenty bits", each(_truncated(20))),
    Mutation(
        "in single precision",
        each(lambda dx: dx.astype(np.float32).astype(dx.dtype)),
        precisions=("float64",),
    ),
    Mutation("absolute value", each(np.abs)),
    Mutation("clipped to 0.1", each(lambda dx: np.clip(dx, -0.1, 0.1))),
)
