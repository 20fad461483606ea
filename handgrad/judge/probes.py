"""Probes: THE table of inputs at which gradients are wrong, made of ordinary ones.

A probe has a reach. *special* inputs are any that a user might meet: zeros, ties, equal rows,
labels that were not given. *extreme* ones are far beyond the given: large, tiny, far from 0. A
domain is kept. What is not finite, and what has another shape, is *risky*: native code may not come
back from it.
"""

import itertools
import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from handgrad.judge import values
from handgrad.judge.sizes import reshaped, resized, sizes_of
from handgrad.judge.trial import rms, spread

FEW = 5_000  # numbers: so many may larger sizes come to
LONG = (33, 129, 513, 1025)  # past the widths of registers, blocks and shared memory
SMALL = (1, 2, 3, 4, 5, 6)
NARROW = (np.int8, np.uint8, np.int16, np.int32)
CHANGES = (
    ("of small integers", lambda x: np.rint(2 * x / (rms(x) or 1.0)), "special"),
    ("times 1e-3", lambda x: 1e-3 * x, "special"),
    ("times 20", lambda x: 20 * x, "extreme"),
    ("times -1", np.negative, "special"),
    ("far from 0", values.far_from_0, "extreme"),
)


@dataclass(frozen=True)
class Probe:
    """Inputs, and in words what is particular about them."""

    words: str
    inputs: tuple[np.ndarray, ...]
    reach: str = "special"
    risky: bool = False


def of_values(trial, domains):
    """Every probe of the same shapes, from ordinary to strange."""
    for i, x in enumerate(trial.inputs):
        if _is_option(trial, i) or not x.size:
            continue
        manners = values.real(x, trial) if i in trial.real else values.discrete(x, domains[i])
        for words, changed, reach in itertools.chain(manners, values.of_domain(x, domains[i])):
            if changed.shape == x.shape and _stays(domains[i], changed):
                inputs = list(trial.inputs)
                inputs[i] = changed.astype(x.dtype)
                risky = not np.all(np.isfinite(changed.astype(float)))
                yield Probe(f"{trial.name(i)} {words}", tuple(inputs), reach, risky)
    if len(trial.inputs) > 1:
        yield from _together(trial, domains)
    yield from of_integers(trial)


def ordinary(trial, domains):
    """Inputs that are as ordinary: where the given ones tell nothing."""
    rng = trial.generator("others")
    yield Probe("with their signs turned", _changed(trial, domains, np.negative))
    for size, words in ((1.0, "drawn again"), (0.1, "drawn smaller")):
        drawn = _changed(trial, domains, lambda x, s=size: s * spread(x) * rng.normal(size=x.shape))
        yield Probe(words, drawn)


def nearby(trial, domains, distances=(1e-3, 1e-5, 1e-6, 1e-4, 1e-5, 1e-3)):
    """The inputs moved by so much of each number; of one input alone at every second place."""
    for k, distance in enumerate(distances):
        rng = trial.generator("nearby", k)
        chosen = trial.real[k // 2 % len(trial.real)] if k % 2 and trial.real else None
        moved = list(trial.inputs)
        for i in trial.real if chosen is None else [chosen]:
            x = trial.inputs[i]
            if not np.array_equal(x, np.rint(x)):
                shaken = x * (1 + distance * rng.uniform(-1, 1, size=x.shape))
                moved[i] = values.kept(domains[i], shaken.astype(x.dtype))
        yield Probe("a little moved", tuple(moved))


def of_sizes(trial, domains):
    """Probes of other shapes. Axes of one size may belong together: they change together, and alone.

    Where others are multiples of it, these may hang on it, and change in step. A probe is in a
    chain: if forward does not take the first of it, none of it is tried. For what takes a size of 1
    alone may only stretch it, and a gradient need not be prepared for that.
    """
    seen = {tuple(x.shape for x in trial.inputs)}

    def chain(words, shaped, sizes, reach):
        made = []
        for size in dict.fromkeys(sizes):
            shapes = tuple(map(tuple, shaped(size)))
            if size > 0 and shapes not in seen and sum(map(math.prod, shapes)) <= FEW:
                seen.add(shapes)
                inputs = reshaped(trial.inputs, shapes, domains)
                made.append(Probe(f"{words} made {size}", inputs, reach, risky=True))
        return made

    for size in filter(None, sizes_of(trial.inputs)):
        hangs = size > 1 and any(n > size and n % size == 0 for n in sizes_of(trial.inputs))
        plain, in_step = (partial(how, trial.inputs, size) for how in (_replaced, _in_step))
        reach = "alone" if hangs else "special"
        yield chain(f"axes of {size}", plain, (size + 1, *SMALL, *LONG, size - 1), reach)
        if hangs:  # as the 4 H of a W : (D, 4 H) on H
            words = f"axes of {size}, with their multiples,"
            yield chain(words, in_step, (size + 1, *SMALL), "special")
    for i, x in enumerate(trial.inputs):
        for axis, size in enumerate(x.shape):
            if size and not _is_tied(trial.inputs, i, axis):
                single, words = partial(_alone, trial.inputs, i, axis), trial.name(i)
                yield chain(f"axis {axis} of {words}", single, (size + 1, 1), "alone")
    yield from _of_other_shapes(trial, domains)


def _alone(inputs, i, axis, size):
    """The shapes of the inputs, with another size for one axis of one input."""
    shapes = [list(x.shape) for x in inputs]
    shapes[i][axis] = size
    return shapes


def _replaced(inputs, size, new):
    """The shapes of inputs with one size for another."""
    return [[new if n == size else n for n in x.shape] for x in inputs]


def _in_step(inputs, size, new):
    """The same, and the multiples of the size with it."""
    return [[n if n % size else n // size * new for n in x.shape] for x in inputs]


def _is_tied(inputs, i, axis):
    """Whether an axis is as long as that of labels or a mask: each row has its own."""
    return any(
        x.shape[axis : axis + 1] == inputs[i].shape[axis : axis + 1]
        for k, x in enumerate(inputs)
        if k != i and {x.dtype.kind, inputs[i].dtype.kind} & {*"iub"}
    )


def _of_other_shapes(trial, domains):
    def made(words, sizes, reach="special"):
        return Probe(words, resized(trial.inputs, sizes, domains), reach, risky=True)

    own = list(filter(None, sizes_of(trial.inputs)))
    if len(own) > 1:
        more = made("all axes larger", {size: size + 1 for size in own})
        yield [more, made("all axes cut to 1", dict.fromkeys(own, 1))]
    if rows := next((x.shape[0] for x in trial.real_inputs if x.ndim), None):
        yield [made("one row more", {rows: rows + 1}), made("no rows", {rows: 0}, "empty")]


def _stays(domain, x):
    """Whether changed numbers are still in a domain that was stated or recognized."""
    return domain.name in {"real", "label", "mask"} or domain.holds(x)


def _is_option(trial, i):
    """Whether an input is a number that has no gradient, such as an ε."""
    return i in trial.subject.numbers and i not in trial.real


def _changed(trial, domains, change):
    """The inputs with a change of every real one, where it stays in its domain."""
    inputs = list(trial.inputs)
    for i in trial.real:
        changed = change(trial.inputs[i]).astype(trial.inputs[i].dtype)
        if _stays(domains[i], changed):
            inputs[i] = changed
    return tuple(inputs)


def _together(trial, domains):
    """The same happens to every real input; or all are 0; or two inputs meet."""
    for words, change, reach in CHANGES if len(trial.real) > 1 else ():
        yield Probe(f"all inputs {words}", _changed(trial, domains, change), reach)
    yield Probe("all inputs of zeros", _all_zero(trial, domains))
    for i, j in itertools.pairwise(trial.real):
        a, b = trial.inputs[i], trial.inputs[j]
        if a.shape != b.shape or not a.size:
            continue
        odd = np.arange(a.size).reshape(a.shape) % 2
        pairs = {"equal": (a, a), "equal here and there": (a, np.where(odd, a, b))}
        pairs["0 at the same places"] = np.where(odd, a, 0), np.where(odd, b, 0)
        for words, both in pairs.items():
            inputs = list(trial.inputs)
            for k, x in zip((i, j), both, strict=True):
                inputs[k] = values.kept(domains[k], x.astype(inputs[k].dtype))
            if all(_stays(domains[k], inputs[k]) for k in (i, j)):
                yield Probe(f"{trial.name(i)} and {trial.name(j)} {words}", tuple(inputs))


def _all_zero(trial, domains):
    """Zeros for every input, labels and indices too; masks, options and domains stay."""
    return tuple(
        x if _is_option(trial, i) or x.dtype == bool or not _stays(domains[i], 0 * x) else 0 * x
        for i, x in enumerate(trial.inputs)
    )


def of_integers(trial):
    """Labels and indices in narrower types: an offset may wrap."""
    for i, x in enumerate(trial.inputs):
        for kind in NARROW if x.dtype.kind in "iu" and x.size else ():
            limits = np.iinfo(kind)
            if kind != x.dtype and limits.min <= np.min(x) and np.max(x) <= limits.max:
                changed = list(trial.inputs)
                changed[i] = x.astype(kind)
                yield Probe(f"{trial.name(i)} of {np.dtype(kind).name}", tuple(changed))
