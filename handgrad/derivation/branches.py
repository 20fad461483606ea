"""Branches: which sides of every comparison were taken, so that none passes unseen.

A comparison of real numbers, and what has a kink, such as maximum or abs, is noted wherever it is
evaluated within `watching`. Points at other scales are then looked for, until both sides were seen.
"""

import ast
import contextlib
from contextvars import ContextVar
from dataclasses import dataclass, field

import numpy as np

from handgrad.derivation.expressions import spelled

WATCHED: ContextVar["Branches | None"] = ContextVar("WATCHED", default=None)
OFTEN = 8  # of so many numbers at random, nearly never all have one sign
MOST_JOINED = 60  # conditions
FEW = 4
ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
KINKS = {
    "abs": lambda x: [(f"{x} > 0", lambda x: x > 0)],
    "relu": lambda x: [(f"{x} > 0", lambda x: x > 0)],
    "sign": lambda x: [(f"{x} > 0", lambda x: x > 0)],
    "maximum": lambda a, b: [(f"{a} > {b}", lambda a, b: a > b)],
    "minimum": lambda a, b: [(f"{a} < {b}", lambda a, b: a < b)],
    "clip": lambda x, a, b: [
        (f"{x} < {a}", lambda x, a, _: x < a),
        (f"{x} > {b}", lambda x, _, b: x > b),
    ],
}


JUMPS = {
    *KINKS,
    "where",
    "max",
    "min",
    "sort",
    "argsort",
    "argmax",
    "argmin",
    "floor",
    "ceil",
    "round",
}


def is_smooth(derivation):
    """Whether nothing is compared, so that a rounding more or less takes no other side."""
    nodes = (node for chain in derivation.chains for side in chain.nodes for node in ast.walk(side))
    return not any(
        isinstance(node, ast.Compare | ast.FloorDiv | ast.Mod)
        or (isinstance(node, ast.Name) and node.id in JUMPS)
        for node in nodes
    )


@contextlib.contextmanager
def unwatched():
    """Note nothing of what is evaluated within."""
    before = WATCHED.set(None)
    try:
        yield
    finally:
        WATCHED.reset(before)


def conditions_met():
    """The conditions that were met so far, in words, if anybody watches."""
    watched = WATCHED.get()
    return tuple(dict.fromkeys(words for _, words in watched.met)) if watched else ()


@dataclass
class Branches:
    """The conditions that were met, by their place and words: how often each was true, and false.

    One that `remembers` has the conditions themselves in `sides`.
    """

    met: dict[tuple[int, str], list[int]] = field(default_factory=dict)
    sides: dict[tuple[int, str], list[np.ndarray]] = field(default_factory=dict)
    remembers: bool = False

    @contextlib.contextmanager
    def watching(self):
        """Note what is evaluated within."""
        before = WATCHED.set(self)
        try:
            yield self
        finally:
            WATCHED.reset(before)

    def note(self, line, words, condition):
        """Note the sides of a condition that were taken."""
        sides = self.met.setdefault((line, words), [0, 0])
        true = int(np.count_nonzero(condition))
        sides[0] += true
        sides[1] += np.size(condition) - true
        if self.remembers:
            parts, whole = self.sides.setdefault((line, words), []), np.ravel(condition)
            if not any(np.array_equal(whole, part) for part in parts[-FEW:]):  # it may stand twice
                parts.append(whole)

    def add(self, other):
        """Count the sides that were taken elsewhere too."""
        for key, sides in other.met.items():
            mine = self.met.get(key, [0, 0])
            self.met[key] = [a + b for a, b in zip(mine, sides, strict=True)]

    @property
    def unseen(self):
        """(line, words): each condition that was always false or always true."""
        return [
            (line, f"{words} was never {'true' if not true else 'false'}")
            for (line, words), (true, false) in sorted(self.met.items())
            if not (true and false)
        ]

    @property
    def enough(self):
        """Whether each side was taken so often that one of its parts is hardly left out."""
        return all(min(sides) >= OFTEN for sides in self.met.values())

    def adds_to(self, other):
        """Whether a side was taken here that was not taken often there."""
        return any(
            mine and theirs < OFTEN
            for key, sides in self.met.items()
            for mine, theirs in zip(sides, other.met.get(key, [OFTEN, OFTEN]), strict=True)
        )

    def cells(self):
        """Which sides were taken together: of all conditions on as many numbers, number by number."""
        groups = {}
        for parts in self.sides.values():
            whole = np.concatenate(parts)
            groups.setdefault(whole.size, []).append(whole)
        found = set()
        for size, conditions in groups.items():
            first = conditions[:MOST_JOINED]
            codes = np.sum([c.astype(np.int64) << i for i, c in enumerate(first)], axis=0)
            found.update((size, code) for code in codes.tolist())
        return found


def note_comparison(node, left, right, condition):
    """Note a comparison of real numbers by their order."""
    watched = WATCHED.get()
    if watched is not None and type(node.ops[0]) in ORDER and _is_real(left, right):
        watched.note(node.lineno, spelled(node), condition)


def note_call(node, name, values):
    """Note on which side of its kinks a function was called."""
    watched = WATCHED.get()
    if watched is None or name not in KINKS or not _is_real(*values) or node.keywords:
        return
    try:
        conditions = KINKS[name](*map(spelled, node.args))
    except TypeError:
        return  # too few arguments, which the function says itself
    for words, condition in conditions:
        watched.note(node.lineno, words, condition(*values))


def note_choice(node, condition):
    """Note which sides of a where were taken, unless its condition is a comparison of its own."""
    watched = WATCHED.get()
    mask = isinstance(condition, np.ndarray) and condition.dtype == bool and condition.size > 1
    if watched is not None and mask and isinstance(node, ast.Name):
        watched.note(node.lineno, spelled(node), condition)


def _is_real(*values):
    """Whether one of some values is a real number of NumPy's, and none is traced."""
    plain = all(isinstance(v, int | float | np.ndarray | np.generic) for v in values)
    return plain and any(np.asarray(v).dtype.kind == "f" and hasattr(v, "dtype") for v in values)
