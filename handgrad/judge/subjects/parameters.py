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
HOLDERS = {"params": ("grads", "gradients", "dparams"), "parameters": ("gradients", "grads")}
HOLDERS |= {"weights": ("grads", "gradients", "dweights"), "_params": ("_grads",)}


@dataclass(frozen=True)
class Path:
    """A place in an object: attributes ('.', name), and items ('[', key)."""

    steps: tuple[tuple[str, Any], ...]

    def __str__(self):
        text = "".join(f".{k}" if how == "." else f"[{k!r}]" for how, k in self.steps)
        return text.removeprefix(".")

    def get(self, root):
        return reduce(_step, self.steps, root)

    def put(self, root, value):
        holder: Any = reduce(_step, self.steps[:-1], root)
        how, key = self.steps[-1]
        if how == ".":
            object.__setattr__(holder, key, value)
        else:
            holder[key] = value

    def found(self, root):
        """What is there, or None."""
        try:
            return self.get(root)
        except (AttributeError, KeyError, IndexError, TypeError):
            return None

    @property
    def is_named(self):
        """Whether a name leads to it, and not a number."""
        return isinstance(self.steps[-1][1], str)

    def beside(self, how, key):
        return Path((*self.steps[:-1], (how, key)))

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
        for wrapped in WRAPPED:
            text = text.removesuffix(f".{wrapped}") if self.gradient_is_grad else text
        return text

    @property
    def gradient_is_grad(self):
        return self.gradient is not None and self.gradient.steps[-1] == (".", "grad")


def find(layer, start: Callable):
    """The parameters of a layer. `start(layer)` is a forward: the outputs, and its backward to call.

    Only copies are run, so a layer that cannot be copied has none.
    """
    try:
        with Contained():
            used = copy.deepcopy(layer)
            start(used)[1]()
            arrays = dict(list(_arrays(used))[:MOST])
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
        if parameter.gradient is not None:
            parameter.accumulates = _adds_up(used, parameter.gradient, start)
    mark_trained(found, used, start)
    return found


def mark_trained(found, used, start):
    """Mark the parameters that a backward changes, on a copy of a layer."""
    tried = copy.deepcopy(used)
    try:
        _, backward = start(tried)
        before = [np.array(as_numpy(p.places[0].get(tried))) for p in found]
        backward()
    except CodeError:
        return
    for parameter, value in zip(found, before, strict=True):
        after = parameter.places[0].found(tried)
        parameter.trained = _is_array(after) and not np.array_equal(as_numpy(after), value)


def _arrays(root):
    """(path, array) of every real array that an object holds."""
    return paths_to(root, _is_array)


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
    kind = type(value)
    return (hasattr(value, "__dict__") and not callable(value)) or hasattr(kind, "forward")


def _is_array(value):
    if not isinstance(value, np.ndarray) and library_of([value]) == "numpy":
        return False
    dtype = as_numpy(value).dtype
    return is_floating(dtype) and np.size(as_numpy(value)) > 0


def _moves(used, path, y, start):
    """Whether the output moves with an array that forward leaves where it is."""
    moved = copy.deepcopy(used)
    before = path.get(moved)
    plain = as_numpy(before)
    noise = np.random.default_rng(0).normal(size=plain.shape)
    changed = (plain * (1 + MOVE * noise) + MOVE * noise).astype(plain.dtype)
    value = to_library(changed, library_of([before]))
    for other, array in _arrays(moved):
        if array is before:
            _put(other, moved, value)
    try:
        again, _ = start(moved)
        stays = np.array_equal(as_numpy(path.get(moved)), changed)
    except (CodeError, AttributeError, KeyError, IndexError, TypeError):
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
    for place in places:
        for path in _candidates(place, used):
            gradient = path.found(used)
            if path in moved or not (_is_array(gradient) or isinstance(gradient, np.floating)):
                continue
            if np.shape(as_numpy(gradient)) == shape:
                return Parameter(places, path)
            if path.is_named:
                named = named or path
    return Parameter(places, named)


def _candidates(place, used):
    """The places where the gradient of a parameter may be, by its name."""
    how, key = place.steps[-1]
    yield place.then(".", "grad")
    if key in WRAPPED and len(place.steps) > 1:
        yield place.beside(".", "grad")
    if how == ".":
        yield from _attributes_beside(place, key, used)
    elif len(place.steps) > 1:
        holder = Path(place.steps[:-1])
        if key == 0:
            yield place.beside("[", 1)  # [parameter, gradient]
        outer = holder.steps[-1][1]
        for name in HOLDERS.get(outer, ("grads",)) if isinstance(outer, str) else ():
            yield from (holder.beside(".", name).then("[", stem) for stem in (key, f"d{key}"))
        if isinstance(key, str):
            yield from (place.beside("[", form.format(key)) for form in FORMS)


def _attributes_beside(place, key, used):
    """Attributes of the same object: dW, grad_W, grads["W"]."""
    names = {k.lower(): k for k in getattr(Path(place.steps[:-1]).get(used), "__dict__", {})}
    for stem in (key, *SHORT.get(str(key).lower(), ())):
        for form in FORMS:
            if (name := names.get(form.format(stem).lower())) and name != key:
                yield place.beside(".", name)
    for grads in ("grads", "gradients"):
        yield from (place.beside(".", grads).then("[", stem) for stem in (key, f"d{key}"))


def _adds_up(used, gradient, start):
    """Whether a second call adds its gradient to that of the first."""
    tried = copy.deepcopy(used)
    found = []
    for _ in range(3):
        try:
            start(tried)[1]()
        except CodeError:
            return False
        found.append(np.array(as_numpy(gradient.get(tried)), dtype=float))
    first, second, third = found
    step = second - first
    size = np.max(np.abs(step))
    return bool(size > 0 and np.all(np.abs(third - second - step) <= 1e-5 * np.max(np.abs(third))))
