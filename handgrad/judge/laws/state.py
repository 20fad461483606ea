"""A call depends on its arguments, and on no other call."""

import numpy as np

from handgrad.judge.calls import CodeError
from handgrad.judge.compare import breach, differences, same
from handgrad.judge.libraries import as_numpy
from handgrad.judge.sizes import resized, sizes_of

CALLS = 40
AFTER = "backward gives another gradient after {}"


def deterministic(trial):
    """The same call gives the same bits at once, and leaves the earlier results as they were."""
    backward = trial.started()
    y = [output.copy() for output in trial.last_y]
    if not _equal(trial, backward()):
        yield breach("the same call gives another gradient")
    if not all(map(same, trial.last_y, y)):
        yield breach("backward overwrites the output of its forward")
    yield from _overwritten(trial)


def _overwritten(trial):
    if not _equal(trial, trial.first):
        yield breach("a call overwrites the gradient that an earlier one returned")
    if not all(map(same, trial.raw_y, trial.y)):
        yield breach("a call overwrites the output that an earlier one returned")


def calls_do_not_matter(trial):
    """The same call gives the same bits: after another input, and after 40 calls."""
    for call in range(1, CALLS + 1):
        trial.vjp(inputs=trial.halved)
        if call in (1, CALLS) and not _equal(trial, trial.vjp()):
            yield breach(f"the same call gives another gradient after {call} others")
            return
    trial.forward(trial.halved)
    yield from _overwritten(trial)
    if not all(map(same, trial.forward(), trial.y)):
        yield breach("forward gives another value after backward")


def changes_in_place_are_seen(trial):
    """The same arrays with other numbers in them are another call. (JAX's arrays do not change.)"""
    if trial.subject.library == "jax" or trial.library == "jax":
        return
    inputs, dy = [x.copy() for x in trial.inputs], [d.copy() for d in trial.dy]
    arrays = [*inputs, *dy]
    for k in (*trial.real, *range(len(inputs), len(arrays))):
        half = [a * a.dtype.type(0.5) if n == k else a.copy() for n, a in enumerate(arrays)]
        try:
            expected = trial.real_vjp(half[len(inputs) :], half[: len(inputs)])
        except CodeError:
            continue  # inputs that the subject does not take
        trial.vjp(dy, inputs)
        arrays[k][...] = half[k]
        if any(differences(trial, trial.real_vjp(dy, inputs), expected, "")):
            yield breach("arrays that were changed in place give the gradient of before")
            return


def forwards_do_not_mix(trial):
    """A backward takes what its own forward left, although another forward came between.

    A layer that remembers one forward need not do so, and may refuse a second backward.
    """
    backward, reentrant = trial.started(), trial.subject.reentrant
    if not reentrant:
        backward()
    else:
        trial.forward(trial.halved)
        if not _equal(trial, backward()):
            yield breach(AFTER.format("another forward"))
            return
    try:
        again = trial.fitting(backward(), trial.inputs)
    except CodeError:
        if reentrant:
            raise
        return
    if all(same(again[i], dx) for i, dx in trial.grads.items()):
        return
    if all(_is_many_times(again[i], dx) for i, dx in trial.grads.items()):
        yield breach("a second backward adds to the gradients of the first", note=True)
    else:
        yield breach("backward gives another gradient a second time")


def instances_do_not_mix(trial):
    """A backward takes what its own instance's forward left, although another one's came between."""
    if (first := trial.subject.pristine) is not None:
        one, other = trial.on(first.anew()), trial.on(first.anew())
        backward = one.started()
        other.vjp(inputs=trial.halved)
        if not _equal(trial, backward()):
            yield breach(AFTER.format("calls of another instance"))


def the_past_does_not_matter(trial):
    """After other inputs, of other shapes or precision, an instance gives what a fresh one gives."""
    for elsewhere in _elsewhere(trial):
        if not _equal(trial, trial.vjp()):
            yield breach("the same call gives another gradient after other inputs")
            return
        if (first := trial.subject.pristine) is not None:
            fresh = elsewhere.on(first.anew())
            if not (
                _equal(elsewhere, fresh.vjp()) and _equal(trial, trial.on(fresh.subject).vjp())
            ):
                yield breach("a fresh instance gives another gradient than a used one")
                return


def _elsewhere(trial):
    """Trials at other inputs that are taken: smaller numbers, float32, and other shapes."""
    sizes = [size for size in sizes_of(trial.inputs) if size > 1]
    steps = [{size: size + step for size in sizes} for step in (1, -1)]
    others = [resized(trial.inputs, changed) for changed in steps]
    for inputs in (trial.halved, trial.in_single, *others):
        try:
            elsewhere = trial.at(inputs)
            _ = elsewhere.grads
        except CodeError:
            continue  # a shape or a precision that the subject does not take
        yield elsewhere


def _is_many_times(again, dx):
    """Whether a gradient is a whole number of times another: it was added up."""
    size = float(np.sum(dx * dx, dtype=float))
    times = np.rint(np.sum(again * dx, dtype=float) / size) if size else 2.0
    return times > 1 and np.allclose(again, times * dx, rtol=1e-5, atol=1e-6 * size**0.5)


def _equal(trial, grads):
    """Whether gradients, as the subject returns them, are those of a trial."""
    return all(same(as_numpy(grads[i]), dx) for i, dx in trial.grads.items())
