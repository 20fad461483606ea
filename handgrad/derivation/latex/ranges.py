r"""Ranges: where an index ends, said beside its equation as `0 \le i < n`, or in the text."""

import contextlib
from dataclasses import replace

from handgrad.derivation.latex.elaboration import read
from handgrad.derivation.latex.errors import UnreadError
from handgrad.derivation.latex.indices import between, limits_of


def heads_with_ranges(heads, ends, environment):
    """The heads with indices again, each index with its range, where the text states its end."""
    found = {}
    for letter, end in ends.items():
        if any(letter in head.indices for head in heads):
            with contextlib.suppress(UnreadError):
                found[letter] = f" : {read(end, environment)[0].text}"
    return [
        replace(head, indices=tuple(i + found.get(i, "") for i in head.indices))
        for head in heads
        if found.keys() & set(head.indices)
    ]


def ranges_beside(trees, environment):
    """{letter: its range} of what stands beside an equation; {} where indices count from 1."""
    if environment.header.first:
        return {}
    found = {}
    for node in trees:
        if sides := between(node):
            found |= limits_of(sides, environment)
    return found


def ranged(text, ranges):
    """dy[i : n], of dy[i]."""
    name, bracket, rest = text.partition("[")
    if not bracket or not ranges:
        return text
    parts = [f"{part}{ranges.get(part, '')}" for part in rest.removesuffix("]").split(", ")]
    return f"{name}[{', '.join(parts)}]"
