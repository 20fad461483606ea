"""Memory: gradients that depend on other calls, and arrays that are shared or overwritten."""

import itertools

import numpy as np

from handgrad.common.text import listed
from handgrad.judge.explain.points import redrawn
from handgrad.judge.explain.words import close, rounded, stated
from handgrad.judge.libraries import as_numpy, to_library
from handgrad.judge.trial import outputs_of

STATE = "state is kept: "
TELLING = 4  # numbers: what fits fewer may fit by chance


class Call:
    """One call of a subject: its arguments, what came out, and what was right."""

    def __init__(self, trial, truth, inputs, dy):
        self.inputs, self.dy = inputs, dy
        self.grads = _copied(trial, trial.vjp(dy, inputs))
        self.right = truth(inputs, dy)


def kept_state(trial, truth):
    """A sentence on what is kept from one call to another, or ""."""
    fresh = trial.on(trial.subject.pristine.anew()) if trial.subject.pristine else trial
    if trial.subject.pristine is not None and (sentence := _of_forward(trial)):
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
    inputs, _ = _other(trial, 5)
    used, fresh = trial.subject.pristine.anew(), trial.subject.pristine.anew()
    before = _outputs(trial, used, trial.inputs)
    again, first = _outputs(trial, used, inputs), _outputs(trial, fresh, inputs)
    if all(map(_same, again, first)):
        return ""
    if all(map(close, again, before)):
        return "forward gives the output of an earlier call again (a cache, keyed by the shape?)"
    return "forward gives another output after another call"


def _outputs(trial, subject, inputs):
    given = (to_library(x, trial.library) for x in inputs)
    return [y.copy() for y in outputs_of(subject.forward(*given))]


def _other(trial, k):
    rng = trial.generator("another call", str(k))
    inputs = tuple(redrawn(x, rng) if i in trial.real else x for i, x in enumerate(trial.inputs))
    return inputs, tuple(rng.normal(size=d.shape).astype(d.dtype) for d in trial.dy)


def _copied(trial, grads):
    return {i: np.array(as_numpy(grads[i]), dtype=float) for i in trial.grads}


def _of_last(trial, truth, calls):
    """Whether the last call gives what belongs to an earlier one."""
    last = calls[-1]
    if last.right is None or len(calls) == 1:
        return ""
    off = [i for i in trial.grads if not close(last.grads[i], last.right[i])]
    for k, old in enumerate(calls[:-1] if off else ()):
        which = "the first call" if k == 0 else "an earlier call"
        for words, expected in _memories(truth, old, last, calls, which):
            alike = [i for i in off if i in (expected or {}) and close(last.grads[i], expected[i])]
            if alike:
                return stated(trial, alike, words)
    return ""


def _memories(truth, old, last, calls, which):
    """(words, gradients) for what may have been kept of an old call."""
    yield f"is computed from the inputs of {which} (stale inputs)", truth(old.inputs, last.dy)
    yield f"is computed from the dy of {which} (stale dy)", truth(last.inputs, old.dy)
    yield f"is the one of {which}, as from a cache", old.right
    if all(call.right is not None for call in calls):
        total = {i: sum(call.right[i] for call in calls) for i in last.grads}
        yield "accumulates over calls: it is added to, and never set to 0", total
    for i, dx in last.right.items():
        yield from _blend(i, last.grads[i], dx, old.grads[i], which)


def _blend(i, wrong, right, before, which):
    """wrong = right + c (before − right)"""
    apart, off = before - right, wrong - right
    square = float(np.sum(apart * apart))
    c = float(np.sum(off * apart)) / square if square else 0.0
    several = np.sum(np.abs(off) > 1e-3 * np.max(np.abs(off), initial=0)) >= TELLING
    only_a_factor = close(wrong, right * np.sum(wrong * right) / np.sum(right * right))
    if 0 < c < 0.999 and several and close(c * apart, off) and not only_a_factor:
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
    now = _copied(trial, grads)
    guilty = [i for i in kept if not _same(now[i], kept[i])]
    return stated(trial, guilty, "is a buffer that the next call overwrites") if guilty else ""


def _same(a, b):
    return a.shape == b.shape and np.array_equal(a, b, equal_nan=True)


def overwriting(subject, inputs, library, dy=None):
    """Which argument a call writes into, as a sentence, or ""."""
    mine = [np.array(x) for x in inputs]
    given_x = [to_library(x, library) for x in mine]
    y, backward = subject.vjp(*given_x)
    y = subject.forward(*given_x) if y is None else y
    outputs, rng = outputs_of(y), np.random.default_rng(0)
    drawn = (rng.normal(size=o.shape).astype(o.dtype) for o in outputs)
    given = [np.array(d) for d in dy or drawn]
    before = [d.copy() for d in given]
    for part, run in (("forward", None), ("backward", backward)):
        if run is not None:
            upstream = [to_library(d, library) for d in given]
            run(type(y)(upstream) if isinstance(y, tuple | list) else upstream[0])
        names = [
            n if n.startswith("input ") else f"input {k} ({n})" for k, n in enumerate(subject.names)
        ]
        written = [names[k] for k, x in enumerate(mine) if not _same(x, inputs[k])]
        written += ["dy" for d, old in zip(given, before, strict=True) if not _same(d, old)]
        if written:
            told = listed(dict.fromkeys(written))
            return f"{part} writes into {told}: overwritten in place (a mutation)"
    return ""
