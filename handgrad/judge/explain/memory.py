"""Memory: gradients that depend on other calls, and arrays that are shared or overwritten."""

import itertools

import numpy as np

from handgrad.common.text import listed
from handgrad.judge.explain.points import redrawn
from handgrad.judge.explain.words import close, input_name, of_gradients, rounded, stated
from handgrad.judge.libraries import as_numpy, is_floating, to_library
from handgrad.judge.trial import outputs_of

STATE = "state is kept: "
TELLING = 4  # numbers: what fits fewer may fit by chance


class Call:
    """One call of a subject: its arguments, what came out, and what was right."""

    def __init__(self, trial, truth, inputs, dy):
        self.inputs, self.dy = inputs, dy
        self.grads = _copied(trial, trial.vjp(dy, inputs))
        self.y = [y.copy() for y in trial.last_y]
        self.right = truth(inputs, dy)

    def gives(self, i, expected):
        return expected is not None and close(self.grads[i], expected)


def kept_state(trial, truth):
    """A sentence on what is kept from one call to another, or ""."""
    fresh = _anew(trial)
    if sentence := _of_forward(trial):
        return STATE + sentence
    others = [_other(trial, k) for k in range(2)]
    calls = []
    for inputs, dy in [(trial.inputs, trial.dy), *others, (trial.inputs, others[0][1])]:
        calls.append(Call(fresh, truth, inputs, dy))
        if sentence := _of_last(trial, truth, calls):
            return STATE + sentence
    found = _adds_up(trial, fresh, calls[0]) or _overwritten(trial, fresh, calls[0])
    return STATE + found if found else ""


def _of_forward(trial):
    """Whether a forward gives what belongs to an earlier one."""
    if trial.subject.pristine is None:
        return ""
    inputs, _ = _other(trial, 5)
    first = _outputs(trial, trial.subject.pristine.anew(), inputs)
    used = trial.subject.pristine.anew()
    before = [y.copy() for y in _outputs(trial, used, trial.inputs)]
    again = _outputs(trial, used, inputs)
    if all(map(_same, again, first)):
        return ""
    if all(map(close, again, before)):
        return "forward gives the output of an earlier call again (a cache, keyed by the shape?)"
    return "forward gives another output after another call"


def _outputs(trial, subject, inputs):
    return outputs_of(subject.forward(*(to_library(x, trial.library) for x in inputs)))


def _other(trial, k):
    rng = trial.generator("another call", str(k))
    inputs = tuple(redrawn(x, rng) if i in trial.real else x for i, x in enumerate(trial.inputs))
    return inputs, tuple(rng.normal(size=d.shape).astype(d.dtype) for d in trial.dy)


def _copied(trial, grads):
    return {i: np.array(as_numpy(grads[i]), dtype=float) for i in trial.grads}


def _of_last(trial, truth, calls):
    """Whether the last call gives what belongs to an earlier one."""
    last = calls[-1]
    off = [i for i in trial.grads if last.right is not None and not last.gives(i, last.right[i])]
    if not off or len(calls) == 1:
        return ""
    for k, old in enumerate(calls[:-1]):
        which = "the first call" if k == 0 else "an earlier call"
        for words, expected in _memories(truth, old, last, calls, which):
            if expected is None:
                continue
            guilty = [i for i in off if i in expected and last.gives(i, expected[i])]
            if guilty:
                return stated(trial, guilty, words)
    return ""


def _memories(truth, old, last, calls, which):
    """(words, gradients) for what may have been kept of an old call."""
    yield f"is computed from the inputs of {which} (stale inputs)", truth(old.inputs, last.dy)
    yield f"is computed from the dy of {which} (stale dy)", truth(last.inputs, old.dy)
    yield f"is the one of {which}, as from a cache", old.right
    sums = [call.right for call in calls]
    if all(right is not None for right in sums):
        total = {i: sum(right[i] for right in sums) for i in last.grads}
        yield "accumulates over calls: it is added to, and never set to 0", total
        mean = {i: total[i] / len(calls) for i in last.grads}
        yield "is averaged over calls", mean
    for j, x in enumerate(old.inputs):
        if is_floating(x.dtype) and len(old.inputs) > 1:
            mixed = (*last.inputs[:j], x, *last.inputs[j + 1 :])
            yield f"is computed from input {j} of {which} (a stale input)", truth(mixed, last.dy)
    if last.right is not None:
        for i, dx in last.right.items():
            yield from _blend(i, last.grads[i], dx, old.grads[i], which)


def _blend(i, wrong, right, before, which):
    """wrong = right + c (before − right)"""
    apart = before - right
    square = float(np.sum(apart * apart))
    c = float(np.sum((wrong - right) * apart)) / square if square else 0.0
    off = np.abs(wrong - right)
    several = np.sum(off > 1e-3 * np.max(off, initial=0)) >= TELLING
    if close(wrong, right * np.sum(wrong * right) / np.sum(right * right)):
        return  # only a factor
    if 0 < c < 0.999 and several and close(c * apart, wrong - right):
        yield f"has {rounded(c)} of that of {which} mixed in (a moving average)", {i: wrong}


def _adds_up(trial, fresh, first):
    """Whether the same call gives more at every turn."""
    runs = [_copied(trial, fresh.vjp(first.dy, first.inputs)) for _ in range(3)]
    steps = [{i: run[i] - before[i] for i in run} for before, run in itertools.pairwise(runs)]
    guilty = [i for i in trial.grads if np.any(steps[0][i]) and close(steps[1][i], steps[0][i])]
    return stated(trial, guilty, "accumulates from call to call") if guilty else ""


def _overwritten(trial, fresh, first):
    """Whether a call writes into what an earlier one returned."""
    grads = fresh.vjp(first.dy, first.inputs)
    kept, (inputs, dy) = _copied(trial, grads), _other(trial, 3)
    fresh.vjp(dy, inputs)
    guilty = [i for i in kept if not _same(np.asarray(as_numpy(grads[i]), dtype=float), kept[i])]
    return stated(trial, guilty, "is a buffer that the next call overwrites") if guilty else ""


def _anew(trial):
    """A trial of an instance that was never called, if there is one."""
    return trial.on(trial.subject.pristine.anew()) if trial.subject.pristine else trial


def _same(a, b):
    return a.shape == b.shape and np.array_equal(a, b, equal_nan=True)


def overwriting(subject, inputs, library, dy=None):
    """Which argument a call writes into, as a sentence, or ""."""
    names = subject.names
    mine = [np.array(x) for x in inputs]
    given_x = [to_library(x, library) for x in mine]
    y, backward = subject.vjp(*given_x)
    y = subject.forward(*given_x) if y is None else y
    several = isinstance(y, tuple | list)
    outputs = [np.array(as_numpy(o)) for o in (y if several else [y])]
    given = [np.array(d) for d in dy or _dense(outputs)]
    before = [d.copy() for d in given]
    for part, run in (("forward", None), ("backward", backward)):
        if run is not None:
            upstream = [to_library(d, library) for d in given]
            run(type(y)(upstream) if several else upstream[0])
        changed = [k for k, x in enumerate(mine) if not _same(x, inputs[k])]
        written = [_title(names, k) for k in changed]
        written += ["dy" for d, old in zip(given, before, strict=True) if not _same(d, old)]
        if written:
            return f"{part} writes into {listed(dict.fromkeys(written))}: overwritten in place (a mutation)"
    return ""


def _title(names, k):
    known = names[k] if k < len(names) else ""
    return f"input {k}" if known.startswith("input ") or not known else f"input {k} ({known})"


def _dense(outputs):
    rng = np.random.default_rng(0)
    return [rng.normal(size=o.shape).astype(o.dtype) for o in outputs]


def sharing(trial):
    """Which gradient is an argument itself, as a sentence, or ""."""
    grads = trial.real_vjp()
    for i, dx in grads.items():
        arrays = [(input_name(trial, j), x) for j, x in enumerate(trial.inputs)]
        for name, array in (*arrays, *(("dy", d) for d in trial.dy)):
            if np.may_share_memory(dx, array):
                return (
                    f"{of_gradients(trial, [i])} is not a copy: it shares memory with {name} (an alias), "
                    "so that writing into one changes the other"
                )
    return ""
