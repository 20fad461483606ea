"""Contracts: gradients of the wrong number, shape or type, and code that looks at the layout."""

import itertools

import numpy as np

from handgrad.common.text import many
from handgrad.judge.diagnosis.hypotheses import axes_named, orders, some_axes
from handgrad.judge.diagnosis.naming import gradients_of, stated
from handgrad.judge.diagnosis.truth import close
from handgrad.judge.laws.layout import backwards, columns_first, off_every_word, strided
from handgrad.judge.libraries import as_numpy, is_floating
from handgrad.judge.subjects import StatefulLayer

LAYOUTS = {
    "Fortran order (columns first, F-contiguous)": columns_first,
    "a strided array (every second number of a larger one)": strided,
    "an array that is not aligned (its numbers lie off every word)": off_every_word,
    "an array that lies backwards in memory (negative strides)": backwards,
}


def misfit(trial, truth):
    """A sentence on what does not fit: the number, the shapes, the types."""
    grads, inputs = trial.first, len(trial.inputs)
    if not isinstance(grads, tuple):
        return f"the gradients are not in a tuple, but in a {type(grads).__name__}"
    few = len(grads) < inputs and not isinstance(trial.subject, StatefulLayer)
    if few or len(grads) > inputs or not grads:
        what = "too few: one is missing" if len(grads) < inputs else "too many"
        return f"{many(len(grads), 'gradient')} for {many(inputs, 'input')}: {what}"
    for look in (_kinds, _shapes, _types):
        sentences = [look(trial, truth, i, dx) for i, dx in enumerate(grads[: len(trial.inputs)])]
        if any(sentences):
            return "; ".join(filter(None, sentences))
    return ""


def _kinds(trial, _, i, dx):
    name = gradients_of(trial, [i])
    if i in trial.real:
        return f"{name} is None: it is missing" if dx is None else ""
    if dx is None or as_numpy(dx).dtype.kind == "V" or not np.any(as_numpy(dx)):
        return ""
    return f"{name} should be None: {trial.inputs[i].dtype} numbers have no gradient"


def _shapes(trial, truth, i, dx):
    if i not in trial.real or as_numpy(dx).shape == trial.inputs[i].shape:
        return ""
    wrong, wanted = np.asarray(as_numpy(dx), dtype=float), trial.inputs[i].shape
    right = truth()
    why = _reshaped(wrong, right[i]) if right is not None else ""
    why = why or _by_shape(wrong.shape, wanted, [y.shape for y in trial.y])
    return f"{gradients_of(trial, [i])} has the shape {wrong.shape}, and not {wanted}: {why}"


def _reshaped(wrong, right):
    """What was done to the right gradient, by its numbers."""
    looks = (_repeated, _unsummed, _oversummed, _rearranged)
    return next((said for look in looks if (said := look(wrong, right))), "")


def _repeated(wrong, right):
    for axis in range(wrong.ndim if wrong.ndim == right.ndim + 1 else 0):
        rows = np.moveaxis(wrong, axis, 0)
        if len(rows) > 1 and all(close(row, right) for row in rows):
            return f"it is repeated along axis {axis} (broadcast)"
    return ""


def _unsummed(wrong, right):
    ways = ((np.sum, "sum"), (np.mean, "mean"))
    for axes in some_axes(wrong.ndim):
        for (keepdims, kept), (reduce, word) in itertools.product(
            ((False, ""), (True, ", with the axis kept")), ways
        ):
            if close(reduce(wrong, axis=axes, keepdims=keepdims), right):
                return f"the {word} over {axes_named(axes)}{kept} is missing"
    return ""


def _oversummed(wrong, right):
    for axes in some_axes(right.ndim):
        for keepdims, reduce in itertools.product((False, True), (np.sum, np.mean)):
            if close(wrong, reduce(right, axis=axes, keepdims=keepdims)):
                return f"a {reduce.__name__} over {axes_named(axes)} too many"
        if any(close(wrong, np.take(right, place, axes[0])) for place in (0, -1)):
            return f"it is one row alone, along axis {axes[0]}"
    return ""


def _rearranged(wrong, right):
    for order in orders(right.ndim):
        if close(wrong, np.transpose(right, order)):
            how = "" if right.ndim == 2 else f": its axes are permuted, in the order {order}"
            return f"it is transposed{how}"
    if wrong.size == right.size and close(wrong.ravel(), right.ravel()):
        return "its numbers are right, and only need another shape (reshape)"
    return ""


def _by_shape(shape, wanted, outputs):
    """What the shape alone says."""
    if shape in outputs and len(shape) >= len(wanted):
        return "it has the shape of the output: the sum over the axes along which the input was stretched is missing"
    if sorted(shape) == sorted(wanted):
        return "it is transposed, and not right either"
    return "its numbers do not fit either"


def _types(trial, _, i, dx):
    if i not in trial.real:
        return ""
    dtype, wanted = as_numpy(dx).dtype, trial.inputs[i].dtype
    if dtype == wanted:
        return ""
    name = gradients_of(trial, [i])
    if is_floating(dtype) and dtype.itemsize < wanted.itemsize:
        return f"{name} has lost bits: it is {dtype}, where the input is {wanted}; somewhere it is cast to lower precision"
    return f"{name} is {dtype}, where the input is {wanted}: a constant or a cast has another type"


def layout(trial):
    """Which argument the code reads in its memory's order, as a sentence, or ""."""
    for words, change in LAYOUTS.items():
        for name, dy, inputs in _laid_out(trial, change):
            try:
                grads = trial.real_vjp(dy, inputs)
            except Exception as error:
                return (
                    f"the layout of {name} matters: {words} raises {type(error).__name__}: {error}"
                )
            guilty = [i for i, dx in trial.grads.items() if not close(grads[i], dx, 1e-9)]
            if guilty:
                flat = _is_flat_read(trial, name, dy, inputs, grads)
                how = " (it reads its memory as if it were in C order)" if flat else ""
                return stated(
                    trial, guilty, f"depends on the layout of {name}: wrong for {words}{how}"
                )
    return "the layout in memory matters: a repeated (broadcast) array gives another gradient"


def _laid_out(trial, change):
    """(name, dy, inputs) with one argument after the other laid out in another way."""
    for k, d in enumerate(trial.dy):
        if d.ndim:
            yield "dy", [*trial.dy[:k], change(d), *trial.dy[k + 1 :]], trial.inputs
    for i, x in enumerate(trial.inputs):
        if x.ndim:
            inputs = (*trial.inputs[:i], change(x), *trial.inputs[i + 1 :])
            yield f"input {i}", list(trial.dy), inputs


def _is_flat_read(trial, name, dy, inputs, grads):
    """Whether the result is that for the numbers in the order of memory."""

    def flat(x):
        return np.ravel(x, order="K").reshape(x.shape)

    if name == "dy":
        dy = [flat(d) for d in dy]
    else:
        inputs = tuple(flat(x) for x in inputs)
    expected = trial.real_vjp(dy, inputs)
    return all(close(grads[i], dx, 1e-9) for i, dx in expected.items())
