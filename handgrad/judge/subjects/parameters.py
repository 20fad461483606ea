"""Parameters: the arrays of a layer that move its output, and where it leaves their gradients.

They are found by trying: an array is a parameter if the output moves with it, and if forward leaves
it as it is. Its gradient is where a name says so, whatever the shape of what lies there: `dW`, `grad_W`,
`grads["W"]`, `W.grad`. A position, as `grads[0]`, needs the shape too.
"""

import copy
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from handgrad.judge.calls import CodeError, Contained
from handgrad.judge.libraries import as_numpy, is_floating, library_of, to_library
from handgrad.judge.subjects.base import FORMS

DEPTH = 5  # objects inside objects
MOST = 60  # arrays that are tried
MOVE = 1e-3
WRAPPED = ("data", "value", "val", "array", "v", "param", "x")
SHORT = {"weight": ("w",), "weights": ("w", "weight"), "kernel": ("k", "w"), "bias": ("b",)}
SHORT |= {"biases": ("b", "bias"), "gamma": ("g",), "beta": ("b",)}
HOLDERS = ("grads", "gradients", "dparams", "dweights", "_grads")
NOWHERE = (AttributeError, KeyError, IndexError, TypeError)


@dataclass(frozen=True)
class Path:
    """A place in an object: attributes ('.', name), and items ('[', key)."""

    steps: tuple[tuple[str, Any], ...]

    def __str__(self):
        text = "".join(f".{k}" if how == "." else f"[{k!r}]" for how, k in self.steps)
        return text.removeprefix(".")

    @property
    def holder(self):
        return Path(self.steps[:-1])

    def get(self, root):
        return reduce(_step, self.steps, root)

    def put(self, root, value):
        holder: Any = self.holder.get(root)
        how, key = self.steps[-1]
        if how == ".":
            object.__setattr__(holder, key, value)
        elif isinstance(holder, tuple):
            self.holder.put(root, (*holder[:key], value, *holder[key + 1 :]))
        else:
            holder[key] = value

    def assigned(self, root, name, value):
        """The line of a script that does so, for an object that bears a name there."""
        how, key = self.steps[-1]
        if how == "." or not isinstance(self.holder.get(root), tuple):
            return f"{name}.{self} = {value}"
        holder = f"{name}.{self.holder}"
        return f"{holder} = (*{holder}[:{key}], {value}, *{holder}[{key + 1}:])"

    def found(self, root):
        """What is there, or None."""
        try:
            return self.get(root)
        except NOWHERE:
            return None

    def then(self, how, key):
        return Path((*self.steps, (how, key)))


def _step(holder, step):
    how, key = step
    return getattr(holder, key) if how == "." else operator.getitem(holder, key)


@dataclass
class Parameter:
    """The places that hold one parameter, and the place of its gradient; None if it has none.

    It is `trained` where backward itself gives it another value, as a step of training does.
    """

    places: list[Path]
    gradient: Path | None
    accumulates: bool = False
    trained: bool = False

    @property
    def name(self):
        text = re.sub(r"\.?_(?:parameters|modules)\['(\w+)'\]", r".\1", str(self.places[0]))
        text = text.removeprefix(".")
        if self.gradient is not None and self.gradient.steps[-1] == (".", "grad"):
            text = re.sub(rf"\.(?:{'|'.join(WRAPPED)})$", "", text)
        return text


def find(layer, start: Callable):
    """The parameters of a layer. `start(layer)` is a forward: the outputs, and its backward to call.

    Only copies are run, so a layer that cannot be copied has none.
    """
    try:
        with Contained():
            used = copy.deepcopy(layer)
            start(used)[1]()
            arrays = dict(list(paths_to(used, _is_array))[:MOST])
            y, _ = start(copy.deepcopy(used))
            moved = [path for path in arrays if _moves(used, path, y, start)]
    except CodeError:
        return []
    groups = {}
    for path in moved:
        groups.setdefault(id(arrays[path]), []).append(path)
    kept = [[p for p in ps if p.found(layer) is not None] or ps for ps in groups.values()]
    found = [_parameter(used, places, set(moved)) for places in kept]
    for parameter in found:
        parameter.accumulates = _adds_up(used, parameter.gradient, start)
    mark_trained(found, used, start)
    return found


def mark_trained(found, used, start):
    """Mark the parameters that a backward changes, on a copy of a layer."""
    places = [p.places[0] for p in found]
    values = _after_backwards(used, places, start, 1)
    for parameter, value in zip(found, zip(*values, strict=True), strict=False):
        before, after = value
        parameter.trained = after is not None and not np.array_equal(after, before)


def _adds_up(used, gradient, start):
    """Whether a second call adds its gradient to that of the first."""
    values = [] if gradient is None else _after_backwards(used, [gradient], start, 3)[1:]
    if len(values) < 3:
        return False
    first, second, third = (value.astype(float) for (value,) in values)
    step = second - first
    size = np.max(np.abs(step))
    return bool(size > 0 and np.all(np.abs(third - second - step) <= 1e-5 * np.max(np.abs(third))))


def _after_backwards(used, places, start, count):
    """What is at some places after one forward, and after each of so many backwards, of one copy."""
    tried, values = copy.deepcopy(used), []
    try:
        for call in range(count):
            _, backward = start(tried)
            if not call:
                values.append([_at(place, tried) for place in places])
            backward()
            values.append([_at(place, tried) for place in places])
    except CodeError:
        return []
    return values


def _at(place, root):
    """A copy of the array at a place, or None."""
    value = place.found(root)
    return np.array(as_numpy(value)) if _is_real(value) else None


def paths_to(root, is_wanted, steps=(), depth=0, seen=None):
    """(path, value) of everything of a kind that an object holds."""
    seen = set() if seen is None else seen
    for step, value in _members(root):
        here = (*steps, step)
        if is_wanted(value):
            yield Path(here), value
        elif depth < DEPTH and id(value) not in seen and _may_hold(value):
            seen.add(id(value))
            yield from paths_to(value, is_wanted, here, depth + 1, seen)


def _members(holder):
    if isinstance(holder, dict):
        return [(("[", k), v) for k, v in holder.items()]
    if isinstance(holder, list | tuple):
        return [(("[", k), v) for k, v in enumerate(holder)]
    return [((".", k), v) for k, v in getattr(holder, "__dict__", {}).items()]


def _may_hold(value):
    if isinstance(value, dict | list | tuple):
        return True
    return (hasattr(value, "__dict__") and not callable(value)) or hasattr(type(value), "forward")


def _is_array(value):
    if not isinstance(value, np.ndarray) and library_of([value]) == "numpy":
        return False
    dtype = as_numpy(value).dtype
    return is_floating(dtype) and np.size(as_numpy(value)) > 0


def _is_real(value):
    return _is_array(value) or isinstance(value, np.floating)


def _moves(used, path, y, start):
    """Whether the output moves with an array that forward leaves where it is."""
    moved = copy.deepcopy(used)
    before = path.get(moved)
    plain = as_numpy(before)
    noise = np.random.default_rng(0).normal(size=plain.shape)
    changed = (plain * (1 + MOVE * noise) + MOVE * noise).astype(plain.dtype)
    value = to_library(changed, library_of([before]))
    for other, array in paths_to(moved, _is_array):
        if array is before:
            _put(other, moved, value)
    try:
        again, _ = start(moved)
        stays = np.array_equal(as_numpy(path.get(moved)), changed)
    except (CodeError, *NOWHERE):
        return False
    return stays and any(
        a.shape != b.shape or np.any(a != b) for a, b in zip(y, again, strict=False)
    )


def _put(path, root, value):
    try:
        path.put(root, value)
    except (AttributeError, TypeError):
        return  # a tuple, or an attribute that cannot be set


def _parameter(used, places, moved):
    """The parameter at these places: a gradient of its shape comes before one of its name alone."""
    shape = np.shape(as_numpy(places[0].get(used)))
    named = None
    for path in (path for place in places for path in _candidates(place, used)):
        gradient = path.found(used)
        if path in moved or not _is_real(gradient):
            continue
        if np.shape(as_numpy(gradient)) == shape:
            return Parameter(places, path)
        if isinstance(path.steps[-1][1], str):
            named = named or path
    return Parameter(places, named)


def _candidates(place, used):
    """The places where the gradient of a parameter may be, by its name."""
    holder, (how, key) = place.holder, place.steps[-1]
    yield place.then(".", "grad")
    if key in WRAPPED and holder.steps:
        yield holder.then(".", "grad")
    if (how, key) == ("[", 0):
        yield holder.then("[", 1)  # [parameter, gradient]
    beside = {str(k).lower(): (how, k) for (how, k), _ in _members(holder.get(used))}
    for stem in (key, *SHORT.get(str(key).lower(), ())) if isinstance(key, str) else ():
        for form in FORMS:
            if (step := beside.get(form.format(stem).lower())) and step[1] != key:
                yield holder.then(*step)
    around = holder if how == "." else holder.holder
    for name in HOLDERS if how == "." or holder.steps else ():
        yield from (around.then(".", name).then("[", stem) for stem in (key, f"d{key}"))
