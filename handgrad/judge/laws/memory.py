"""Whose memory it is: what was given stays as it was, and what was returned is the caller's."""

import numpy as np

from handgrad.judge.compare import breach, differences, same
from handgrad.judge.laws.linearity import scaled, scales_of
from handgrad.judge.libraries import as_numpy
from handgrad.judge.trial import is_finite


def gradients_own_their_memory(trial):
    """No gradient shares memory with an input or with dy. (torch and JAX see to it themselves.)"""
    for i in trial.grads if trial.library == "numpy" else ():
        dx = as_numpy(trial.first[i])
        count = len(trial.inputs)
        for name, arrays in (("an input", trial.given[:count]), ("dy", trial.given[count:])):
            if _is_of(dx, arrays):
                says = f"the gradient of {{input}} shares memory with {name}"
                yield breach(says, i, note=name == "dy")


def nothing_is_overwritten(trial):
    """Neither forward nor backward writes into what it was given: read-only arrays will do."""
    if trial.origin is not None:  # its first vjp had such memory
        grads, given = trial.grads, (*trial.inputs, *trial.dy)
        is_written_to = not all(map(same, trial.given, given))
    else:
        grads, is_written_to = _in_writable_memory(trial, trial.dy)
    if is_written_to:
        yield breach("an input or dy is written to")
    if grads is not trial.grads and is_finite(trial.grads.values()):
        what = "is another for arrays that can be written to"
        yield from differences(trial, grads, trial.grads, what)


def nothing_is_overwritten_at_any_scale(trial):
    """Nor where dy is large or small, or has the other sign."""
    for c in scales_of(trial):
        if _in_writable_memory(trial, scaled(trial.dy, c))[1]:
            yield breach(f"an input or dy is written to, for dy times {c:g}")


def _in_writable_memory(trial, dy):
    """The gradients for copies that can be written to, and whether they were."""
    given = (*trial.inputs, *dy)
    copies = tuple(map(np.array, given))
    grads = trial.real_vjp(copies[len(trial.inputs) :], copies[: len(trial.inputs)])
    return grads, not all(map(same, copies, given))


def results_last(trial):
    """No call overwrites what an earlier one returned, whatever dy they had."""
    kept = []
    for dy in (scaled(trial.dy, c) for c in (1.0, 0.0, *scales_of(trial))):
        for inputs in (trial.inputs, trial.halved, trial.inputs):
            kept += [(x, x.copy()) for x in _returned(trial, dy, inputs)]
    if not all(same(x, copied) for x, copied in kept):
        yield breach("a call overwrites what an earlier one returned")


def results_are_the_callers(trial):
    """Who writes into what was returned changes no later call. (JAX's arrays cannot be written to.)"""
    for like in (
        ([*trial.dy], [np.ones_like(d) for d in trial.dy]) if trial.library != "jax" else ()
    ):
        given = [d.copy() for d in like]  # of which a gradient may be a view
        returned = _returned(trial, given, trial.inputs)
        expected = [x.copy() for x in returned]
        pairs = list(zip(returned, expected, strict=True))
        own = [(x, y) for x, y in pairs if x.flags.writeable and not _is_of(x, given)]
        own = [(x, y) for x, y in own if not _is_of(x, trial.inputs)]
        for x, _ in own:
            x[...] = x.dtype.type(1) if x.dtype.kind in "biu" else x.dtype.type("nan")
        again = _returned(trial, [d.copy() for d in like], trial.inputs)
        if not all(map(same, again, expected)):
            yield breach("a call gives another result after an earlier one was written to")
        for x, before in own:
            x[...] = before  # what is kept is right again


def _is_of(x, arrays):
    return any(np.may_share_memory(x, array) for array in arrays)


def _returned(trial, dy, inputs):
    """The very arrays that backward and forward return."""
    grads = trial.vjp(dy, inputs)
    return [as_numpy(grads[i]) for i in trial.grads] + [*trial.forward(inputs)]
