"""Inputs: arguments as somebody gives them, and the arrays in them, which are the leaves.

An argument is an array, a number, a tree of them (tuples, lists, dicts), or an option: None, a
string, a flag, a function. Only leaves are judged; options are passed on as they are.
"""

from dataclasses import dataclass

import numpy as np

from handgrad.common.primitives import is_key
from handgrad.judge.libraries import as_numpy, is_floating


@dataclass(frozen=True)
class Leaf:
    """The place of a leaf in the arguments: its number, and its name, such as `params['W']`."""

    number: int
    name: str


class Arguments:
    """The arguments of one subject: their leaves as NumPy arrays, and how these go back.

    `numbers` are the leaves that were given as numbers of Python; with `whole` as options, integers
    of Python are not among the leaves. `options` are the places of arguments that are none.
    """

    def __init__(self, given, names=(), *, whole_are_options=False, options=()):
        self.leaves, self.names, self.numbers = [], [], set()
        self._given, self._named = given, names
        self._whole_are_options = whole_are_options
        self.device = _device_of(given)
        places = [f"input {k}" for k in range(len(given))]
        known = [*names, *places[len(names) :]]
        self.tree = tuple(
            x if k in options else self._place(x, known[k], places[k]) for k, x in enumerate(given)
        )
        self.is_flat = all(isinstance(node, Leaf) for node in self.tree)

    def with_options(self, places):
        """The same arguments, of which those at some places are options, whatever they are."""
        return Arguments(self._given, self._named, options=places)

    def with_whole_options(self):
        """The same arguments, of which integers of Python are options; None without such ones."""
        if self._whole_are_options or not any(type(x) is int for x in self._given):
            return None
        return Arguments(self._given, self._named, whole_are_options=True)

    def pack(self, leaves):
        """The arguments with these arrays for their leaves; what follows the leaves comes after."""
        count = len(self.leaves)
        return (*(_packed(node, leaves) for node in self.tree), *leaves[count:])

    def after(self, k, count):
        """The numbers of the leaves behind the first k of so many arguments: options are none."""
        if self.is_flat:
            return frozenset(range(k, count))
        first = sum(len(_flat(node, None)) for node in self.tree[:k])
        return frozenset(range(first, len(self.leaves)))

    def flat(self, grads):
        """Gradients, one for each argument, as one for each leaf; None where a tree has none.

        Fewer gradients than arguments are those of the first ones.
        """
        if self.is_flat:
            return tuple(grads)
        found = []
        for node, dx in zip(self.tree, grads, strict=False):
            found += _flat(node, dx)
        return (*found, *grads[len(self.tree) :])

    def _place(self, x, name, place):
        """A tree of leaves and options like x, which stands at a place under a name."""
        if isinstance(x, dict):
            items = {key: f"[{key!r}]" for key in x}
            return {k: self._place(x[k], f"{name}{at}", f"{place}{at}") for k, at in items.items()}
        if isinstance(x, list | tuple) and not _is_of_numbers(x):
            parts = enumerate(x)
            nodes = [self._place(v, f"{name}[{k}]", f"{place}[{k}]") for k, v in parts]
            return _like(x, nodes)
        if self._is_option(x):
            return x
        array = _array(place, float(x) if type(x) is int else x)
        if type(x) in {int, float}:
            self.numbers.add(len(self.leaves))
        self.leaves.append(array)
        self.names.append(name)
        return Leaf(len(self.leaves) - 1, name)

    def _is_option(self, x):
        if x is None or isinstance(x, str | bool | type | slice | np.dtype) or callable(x):
            return True
        if type(x).__module__ == "torch" and type(x).__name__ in {"dtype", "device"}:
            return True
        return is_key(x) or (self._whole_are_options and type(x) is int)


def _device_of(given):
    """Where the first of torch's tensors is; None without one."""
    return next((x.device for x in flattened(given) if hasattr(x, "detach")), None)


def flattened(x):
    """Everything in a tree that is not a tree."""
    if isinstance(x, dict):
        x = list(x.values())
    if not isinstance(x, list | tuple):
        return [x]
    return [leaf for item in x for leaf in flattened(item)]


def _is_of_numbers(x):
    """Whether a list is an array written out."""
    return bool(x) and all(
        type(v) in {int, float} or (isinstance(v, list | tuple) and _is_of_numbers(v)) for v in x
    )


def _packed(node, leaves):
    if isinstance(node, Leaf):
        return leaves[node.number]
    if isinstance(node, dict):
        return {key: _packed(v, leaves) for key, v in node.items()}
    if isinstance(node, list | tuple):
        return _like(node, [_packed(v, leaves) for v in node])
    return node


def _flat(node, dx):
    """The gradients of a tree's leaves."""
    if isinstance(node, Leaf):
        return [dx]
    if isinstance(node, dict):
        given = dx if isinstance(dx, dict) else {}
        return [g for key, v in node.items() for g in _flat(v, given.get(key))]
    if isinstance(node, list | tuple):
        given = dx if isinstance(dx, list | tuple) and len(dx) == len(node) else [None] * len(node)
        return [g for v, d in zip(node, given, strict=True) for g in _flat(v, d)]
    return []


def _like(x, items):
    return x._make(items) if hasattr(x, "_make") else type(x)(items)


def _array(name, x):
    """An input as an array of real numbers, integers or booleans. Raises TypeError for others."""
    try:
        array = as_numpy(x)
    except (TypeError, ValueError):
        kind = type(x).__name__
        raise TypeError(f"{name}, of type {kind}, is not an array of numbers") from None
    if np.iscomplexobj(array):
        raise TypeError(f"{name} is {array.dtype}: the judge needs real numbers")
    if not (is_floating(array.dtype) or array.dtype.kind in "iub"):
        kind = type(x).__name__
        raise TypeError(f"{name}, of type {kind}, is {array.dtype}: the judge needs numbers")
    return array
