"""Exact laws: what every backward obeys, whatever it computes.

A law takes a Trial and yields a sentence for each breach. They hold to the last bit, but for
additivity and layout, where another order of summation may round otherwise.
"""

import numpy as np

from handgrad.derivation.domains import generator
from handgrad.judge.trial import rms

CALLS = 40


def gradients_fit_their_inputs(trial):
    """One gradient per input, of its shape and dtype, finite; None for what has no gradient."""
    grads = trial.vjp()
    if not isinstance(grads, tuple) or len(grads) != len(trial.inputs):
        returned = f"{len(grads)} gradients" if isinstance(grads, tuple) else type(grads).__name__
        yield f"backward returned {returned} for {len(trial.inputs)} inputs, not a tuple of as many"
        return
    for i, (dx, x) in enumerate(zip(grads, trial.inputs, strict=True)):
        if i not in trial.real:
            if dx is not None:
                yield f"input {i} is {x.dtype} and can have no gradient, but one was returned"
        elif dx is None:
            yield f"the gradient of input {i} is None"
        elif np.shape(dx) != x.shape:
            yield f"the gradient of input {i} has the shape {np.shape(dx)}, the input {x.shape}"
        elif np.asarray(dx).dtype != x.dtype:
            yield f"the gradient of input {i} is {np.asarray(dx).dtype}, the input {x.dtype}"
        elif not np.all(np.isfinite(dx)):
            yield f"the gradient of input {i} is not finite"


def gradients_own_their_memory(trial):
    """No gradient shares memory with an input or with dy."""
    for i, dx in trial.real_vjp().items():
        for name, arrays in (("an input", trial.inputs), ("dy", trial.dy)):
            if any(np.shares_memory(dx, array) for array in arrays):
                yield f"the gradient of input {i} shares memory with {name}"


def zero_gives_zero(trial):
    """backward(0) is 0."""
    for i, dx in trial.real_vjp([np.zeros_like(d) for d in trial.dy]).items():
        if np.any(dx != 0):
            yield f"dy = 0 gives a gradient of input {i} up to {np.max(np.abs(dx)):.1e}"


def scaling_passes_through(trial):
    """backward(c dy) is c backward(dy), bit by bit: a sign or a power of two rounds nothing."""
    once = trial.real_vjp()
    for c in (-1.0, 2.0**-10, 2.0**10):
        for i, dx in trial.real_vjp([d * c for d in trial.dy]).items():
            if not np.array_equal(dx, once[i] * c):
                yield f"dy times {c:g} does not give the gradient of input {i} times {c:g}"


def sums_pass_through(trial):
    """backward(a + b) is backward(a) + backward(b), up to rounding."""
    rng = generator(0, "additivity")
    other = [np.asarray(rng.normal(size=d.shape)) for d in trial.dy]
    a, b = trial.real_vjp(), trial.real_vjp(other)
    both = trial.real_vjp([d + o for d, o in zip(trial.dy, other, strict=True)])
    expected = {i: a[i] + b[i] for i in both}
    yield from _differences(trial, both, expected, "is not additive in dy")


def calls_do_not_matter(trial):
    """The same call gives the same bits: after another input, and after 40 calls."""
    y, first = trial.forward(), trial.real_vjp()
    elsewhere = trial.with_real([x * 0.5 for x in trial.real_inputs])
    for call in range(1, CALLS + 1):
        trial.vjp(inputs=elsewhere)
        if call in (1, CALLS):
            again = trial.real_vjp()
            if not all(np.array_equal(first[i], again[i]) for i in first):
                yield f"the same call gives another gradient after {call} others"
    if not all(map(np.array_equal, y, trial.forward())):
        yield "forward gives another value after backward"


def nothing_is_overwritten(trial):
    """Neither forward nor backward writes into what it was given: read-only arrays will do."""
    once = trial.real_vjp()
    try:
        again = trial.real_vjp(map(_read_only, trial.dy), tuple(map(_read_only, trial.inputs)))
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        yield f"an input or dy is written to: {error}"
        return
    for i, dx in again.items():
        if not np.array_equal(dx, once[i]):
            yield f"read-only arrays give another gradient of input {i}"


def layout_does_not_matter(trial):
    """Columns first, every second number, backwards or repeated: the same numbers will do."""
    once = trial.real_vjp()
    for layout in (_columns_first, _strided, _reversed):
        again = trial.real_vjp(map(layout, trial.dy), tuple(map(layout, trial.inputs)))
        name = layout.__name__.strip("_").replace("_", " ")
        yield from _differences(trial, again, once, f"is another for {name} arrays")
    repeated = [np.broadcast_to(0.7, d.shape) for d in trial.dy]
    once = trial.real_vjp([d.copy() for d in repeated])
    yield from _differences(trial, trial.real_vjp(repeated), once, "is another for a repeated dy")


def precision_is_kept(trial):
    """float32 in, float32 out."""
    inputs = trial.with_real([x.astype(np.float32) for x in trial.real_inputs])
    for y in trial.forward(inputs):
        if y.dtype != np.float32:
            yield f"float32 inputs give a {y.dtype} output"
    for i, dx in trial.real_vjp([d.astype(np.float32) for d in trial.dy], inputs).items():
        if dx.dtype != np.float32:
            yield f"float32 inputs give a {dx.dtype} gradient of input {i}"


LAWS = (
    gradients_fit_their_inputs,
    gradients_own_their_memory,
    zero_gives_zero,
    scaling_passes_through,
    sums_pass_through,
    calls_do_not_matter,
    nothing_is_overwritten,
    layout_does_not_matter,
    precision_is_kept,
)


def _differences(trial, grads, expected, what):
    """A sentence for each gradient that differs by more than another order of summation does."""
    for i, dx in grads.items():
        scale = max(rms(expected[i]), *map(rms, trial.dy))
        worst = np.max(np.abs(dx - expected[i]), initial=0.0)
        if not worst <= 1e-12 * scale:
            yield f"the gradient of input {i} {what}, by {worst:.1e}"


def _read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def _columns_first(x):
    return np.array(x, order="F")


def _strided(x):
    """x as every second number of a larger array."""
    return np.repeat(x[..., None], 2, axis=-1)[..., 0]


def _reversed(x):
    """x laid out backwards in memory."""
    backwards = (slice(None, None, -1),) * x.ndim
    return x[backwards].copy()[backwards]
