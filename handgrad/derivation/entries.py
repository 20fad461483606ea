"""Entries: arrays whose axes bear letters, as in y[i] = sum[j](W[i, j] * x[j]).

A letter is an array of whole numbers on an axis of its own, counted from the last. So products
broadcast by name, a subscript takes numbers out of an array, and sum[j](…) evaluates what it holds
with one more axis in front, over which it sums. A letter that stands in an array's subscript beside
axes without letters, as in h[t] @ W, is a step: it takes one number after the other.
"""

import ast
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from handgrad.derivation.bounds import bound_broadcast, bound_elements
from handgrad.derivation.branches import note_choice
from handgrad.derivation.errors import DerivationError, EmptyError
from handgrad.derivation.expressions import elements, names_in, spelled, words_in
from handgrad.derivation.indices import bound_in, is_step, size_of

REDUCTIONS = {"sum": 0, "mean": 0, "prod": 1, "max": -math.inf, "min": math.inf}
REDUCTIONS["logsumexp"] = -math.inf


@dataclass(frozen=True)
class Grid:
    """The letters of an expression with their numbers, and how many axes they have together.

    `times` are the names whose first axis counts steps. `inside` is true at the places that a
    `where` looks at.
    """

    letters: Mapping[str, Any] = field(default_factory=dict)
    depth: int = 0
    times: frozenset[str] = frozenset()
    inside: Any = True

    def without_axes(self):
        """The grid for what stands for one array, whatever the letters are."""
        return replace(self, letters={}, depth=0, inside=True) if self.depth else self

    def extended(self, ranges):
        """The grid with more letters, {letter: (first, end)}, on axes in front of the others."""
        letters, depth = dict(self.letters), self.depth
        for letter, (first, end) in reversed(ranges.items()):
            letters[letter] = np.arange(first, end).reshape((-1,) + (1,) * depth)
            depth += 1
        return replace(self, letters=letters, depth=depth)

    def where(self, condition, *, there=True):
        """The grid of the places at which a condition on the letters is true, or is false."""
        if not isinstance(condition, bool | np.bool_ | np.ndarray):
            return self  # a condition on values, while JAX traces them
        return replace(self, inside=self.inside & (np.asarray(condition) == there))


NO_GRID = Grid()


def mentions(node, grid):
    """Whether an expression depends on a letter of the grid."""
    return not words_in(node).isdisjoint(grid.letters)


def scalar(node, value):
    """A value without letters among entries: it must be one number."""
    if np.ndim(value) if hasattr(value, "shape") else isinstance(value, tuple):
        raise DerivationError(f"{spelled(node)} is an array here: give it its indices")
    return value


def kronecker(index, walk):
    """δ[i, j]: 1 where i = j, else 0."""
    parts = elements(index)
    if len(parts) != 2:
        raise DerivationError("δ takes two indices, as in δ[i, j]")
    return 1.0 * np.asarray(walk(parts[0]) == walk(parts[1]))


def taken(base, whole, index, walk):
    """The entries of an array at indices that depend on letters."""
    parts = elements(index)
    if len(parts) != whole.ndim or any(isinstance(part, ast.Slice) for part in parts):
        message = f"{spelled(base)} has {whole.ndim} axes, and here {len(parts)} indices"
        raise DerivationError(f"{message}: among entries every axis has one")
    if (places := _in_order(parts, whole.shape, walk.grid)) is not None:
        return _spread(whole, places)
    axes = zip(parts, whole.shape, strict=True)
    numbers = [_inside(base, part, walk(part), size, walk.grid) for part, size in axes]
    bound_elements(np.broadcast_shapes(*map(np.shape, numbers)))
    return whole[tuple(numbers)]


def _in_order(parts, shape, grid):
    """The places of the letters that index an array, where each takes a whole axis; else None."""
    places = []
    for part, size in zip(parts, shape, strict=True):
        numbers = grid.letters.get(part.id) if isinstance(part, ast.Name) else None
        if numbers is None or numbers.size != size or not size or np.ravel(numbers)[0] != 0:
            return None
        places.append(-numbers.ndim)
    return places if len(set(places)) == len(places) else None


def _spread(whole, places):
    """An array with its axes at these places, counted from the last, and axes of 1 between."""
    order = sorted(range(whole.ndim), key=places.__getitem__)
    shape = [1] * -min(places, default=0)
    for axis, place in enumerate(places):
        shape[place] = whole.shape[axis]
    return whole.transpose(order).reshape(shape)


def _inside(base, part, numbers, size, grid):
    """The numbers of an index. They must lie inside wherever a `where` does not leave them out."""
    if not isinstance(numbers, int) and getattr(numbers, "dtype", np.dtype(float)).kind not in "iu":
        raise DerivationError(f"{spelled(part)} is not an index: an index is a whole number")
    if not isinstance(numbers, int | np.ndarray):
        return numbers  # a label, while JAX traces: NumPy has seen it
    outside = (np.asarray(numbers) < 0) | (np.asarray(numbers) >= size)
    if np.any(outside & grid.inside):
        message = f"{spelled(part)} leaves {spelled(base)}, which has the size {size} there"
        raise DerivationError(f"{message}: state a range, or leave it out by a where")
    return np.clip(numbers, 0, max(size - 1, 0))


def refuse_wrapped(index, chosen):
    """Refuse a number that counts from the end unless it was written so: x[t - 1] at t = 0."""
    parts = chosen if isinstance(chosen, tuple) else (chosen,)
    for part, number in zip(elements(index), parts, strict=True):
        if isinstance(number, int) and number < 0 and names_in(part):
            raise DerivationError(f"{spelled(part)} is {number}: leave that out by a where")


def chosen(arguments, walk):
    """where(c, a, b): a may leave its arrays where c is false, and b where c is true."""
    condition = walk(arguments[0])
    note_choice(arguments[0], condition)
    if isinstance(condition, bool) and not walk.grid.depth:  # of steps, and not of values
        return walk(arguments[1 if condition else 2])
    grid = walk.grid
    yes, no = grid.where(condition), grid.where(condition, there=False)
    function = walk.functions["where"]
    values = condition, walk.on(yes)(arguments[1]), walk.on(no)(arguments[2])
    bound_broadcast(*values)
    return function.call(*values)


def value_on(node, chain, walk):
    """The value of one side of a chain: an array with an axis for each of the chain's letters.

    Steps come first, then the letters of the grid, each in the order of the chain.
    """
    if walk.grid.times != chain.times:
        walk = walk.on(replace(walk.grid, times=chain.times))
    return value_over(node, chain, walk, *spans(chain, walk))


def spans(chain, walk):
    """The ranges of a chain's letters, {letter: (first, end)}, and those letters that are steps."""
    ranges = ranges_of(chain, walk)
    return ranges, [letter for letter in ranges if is_step(letter, chain.nodes, walk)]


def value_over(node, chain, walk, ranges, steps):
    """The value of an expression over these ranges of a chain's letters, steps first."""
    if not ranges:
        return walk(node)
    wide = {letter: limits for letter, limits in ranges.items() if letter not in steps}
    own = walk.on(walk.grid.extended(wide))
    counts = tuple(end - first for first, end in wide.values())

    def value(at):
        found = own.at(dict(zip(steps, at, strict=True)))(node)
        if not wide:
            return found
        try:
            return walk.functions["broadcast_to"].call(found, counts)
        except ValueError:
            message = f"{spelled(node)} has other entries than {chain.shown}"
            raise DerivationError(message) from None

    numbers = [*itertools.product(*(range(*ranges[letter]) for letter in steps))]
    if not steps:
        return value(())
    if not numbers:
        raise DerivationError(f"{', '.join(steps)} takes no steps")
    values = tuple(value(at) for at in numbers)
    if len({np.shape(one) for one in values}) > 1:
        raise DerivationError(f"{spelled(node)} has other shapes in other steps")
    bound_elements((len(values), *np.shape(values[0])))
    stacked = walk.functions["stack"].call(values)
    sizes = tuple(ranges[letter][1] - ranges[letter][0] for letter in steps)
    return walk.functions["reshape"].call(stacked, (*sizes, *np.shape(values[0])))


def defined(chain, walk):
    """The array that a chain defines, its axes in the order of the indices in front."""
    value = value_on(chain.links[0].node, chain, walk)
    if not chain.letters:
        return value
    (head,) = chain.heads
    letters = [_letter(part) for part in elements(head.slice)]
    if letters != list(chain.letters):
        message = f"in front of a definition stand letters alone, each once, as in {head_of(chain)}"
        raise DerivationError(message, chain.line)
    order = sorted(letters, key=lambda letter: not is_step(letter, chain.nodes, walk))
    axes = [*map(order.index, letters), *range(len(letters), np.ndim(value))]
    return value if axes == sorted(axes) else walk.functions["permute_dims"].call(value, axes)


def head_of(chain):
    """How the head of a definition should look."""
    return f"{chain.targets[0]}[{', '.join(chain.letters)}]"


def _letter(part):
    part = part.lower if isinstance(part, ast.Slice) else part
    return part.id if isinstance(part, ast.Name) else None


def ranges_of(chain, walk):
    """{letter: (first, end)} of the letters of a chain, as stated or as its axes show."""
    found = {}
    for letter in chain.letters:
        limits = chain.limits.get(letter)
        found[letter] = _range(letter, limits, chain.nodes, walk)[:2]
    return found


def reduced(node, walk):
    """sum[j](…), mean[i, j](…), max[j](…): over all numbers of these letters."""
    name, body = node.func.value.id, node.args
    if name not in REDUCTIONS or len(body) != 1 or node.keywords:
        known = ", ".join(f"{known}[j](…)" for known in REDUCTIONS)
        raise DerivationError(f"{spelled(node.func)} is not one of {known}, of one expression")
    ranges = {}
    for letter, limits in bound_in(node):
        if letter in walk.names or letter in walk.grid.letters or letter in ranges:
            raise DerivationError(f"{letter} is already defined, so it cannot be an index here")
        ranges[letter] = _range(letter, limits, body, walk)
    steps = [letter for letter in ranges if is_step(letter, body, walk)]
    if len(steps) == len(ranges):
        return _stepped(name, body[0], ranges, walk)
    if steps:
        raise DerivationError(f"give {steps[0]} a {name} of its own: its entries are arrays")
    return _over_axes(name, body[0], ranges, walk)


def _range(letter, limits, nodes, walk):
    """(first, end, mask): the numbers of a letter, as stated or as the axes show where it stands.

    `mask` tells which of them count, where the stated limits depend on other letters.
    """
    if limits is None:
        return 0, size_of(letter, nodes, walk), None
    values = [walk(limit) for limit in limits]
    low, high = values if len(values) == 2 else (0, values[0])
    if any(np.asarray(value).dtype.kind not in "iu" for value in (low, high)):
        raise DerivationError(f"the range of {letter} is made of whole numbers")
    first, end = int(np.min(low)), int(np.max(high))
    if end <= first:
        raise EmptyError(f"the range of {letter} is empty: it ends at {end}")
    bound_elements((max(0, end - first),))
    plain = np.ndim(low) == np.ndim(high) == 0
    return first, max(first, end), None if plain else lambda j: (j >= low) & (j < high)


def _over_axes(name, body, ranges, walk):
    """A reduction over axes in front of the others."""
    grid = walk.grid.extended({letter: limits[:2] for letter, limits in ranges.items()})
    masks = [mask(grid.letters[letter]) for letter, (_, _, mask) in ranges.items() if mask]
    kept: Any = np.logical_and.reduce(np.broadcast_arrays(*masks)) if masks else None
    value = walk.on(grid if kept is None else grid.where(kept))(body)
    counts = [end - first for first, end, _ in ranges.values()]
    count, axes = len(counts), tuple(range(len(counts)))
    shape = np.broadcast_shapes(
        np.shape(value), () if kept is None else np.shape(kept), (1,) * grid.depth
    )
    shape = (*counts, *shape[count:])
    bound_elements(shape)
    value = walk.functions["broadcast_to"].call(value, shape)
    if kept is None:
        return walk.functions[name].call(value, axis=axes)
    value = walk.functions["where"].call(kept, value, REDUCTIONS[name])
    if name == "mean":
        terms = np.sum(np.broadcast_to(kept, shape), axis=axes)
        return walk.functions["sum"].call(value, axis=axes) / terms
    return walk.functions[name].call(value, axis=axes)


def _stepped(name, body, ranges, walk):
    """A reduction of arrays, one step after the other."""
    numbers = itertools.product(*(range(first, end) for first, end, _ in ranges.values()))
    values = [walk.at(dict(zip(ranges, at, strict=True)))(body) for at in numbers]
    if not values:
        raise DerivationError(f"{name} over {', '.join(ranges)} has no terms")
    bound_elements((len(values), *np.shape(values[0])))
    return walk.functions[name].call(walk.functions["stack"].call(tuple(values)), axis=0)
