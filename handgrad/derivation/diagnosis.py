"""The diagnosis of a wrong link: the simplest mend under which it holds at every point."""

import ast
import functools
import itertools
import math

import numpy as np

from handgrad.common.factors import FORMS, NUMBERS
from handgrad.common.text import listed
from handgrad.derivation.budget import BudgetError, spend
from handgrad.derivation.comparison import evaluated, is_number, same, values_at
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.expressions import is_derivative, names_in, parse
from handgrad.derivation.mends import additions, exchanges, renamed
from handgrad.derivation.notation import Kind
from handgrad.derivation.shapes import without_warnings

FACTORS = ("{0}", "(1 - {0})", "({0} > 0)")
MORE_FACTORS = ("{0}**2", "(1 - {0}**2)", "{0} * (1 - {0})", "exp({0})", "cos({0})", "sin({0})")
REDUCE = {"summed": np.sum, "averaged": np.mean}
CLOSE = 1e-4  # a first look, before the exact one
PLAUSIBLE = 1e6  # a larger factor comes of rounding
MOST_PATHS = 6


def diagnose(chain, link, pairs):
    """A sentence on what would make a wrong link right, or "" if no simple mend does.

    `pairs` holds the points and the right values there.
    """
    with without_warnings():
        return _diagnosis(_Case(chain, link, pairs))


def _diagnosis(case):
    if is_number(case.link.node):
        return case.number
    return next(_sentences(case), "") or _missing_move(case)


def _sentences(case):
    """What would make the link right, the likeliest first."""
    if any(map(is_derivative, names_in(case.link.node))):
        yield from _holding(case, _exchanges)
    if case.actual and case.single:
        for hypothesis in (_shapes, _factors, _paths, _several_paths, _other_nodes):
            yield from (said for said, change in hypothesis(case) if case.turned(change))
    for hypothesis in (_factors_in_the_line, _exchanges, _renames, _other_factors, _additions):
        yield from _holding(case, hypothesis)


def _holding(case, hypothesis):
    return (said for said, node in hypothesis(case) if case.holds(node))


class _Case:
    """A wrong link with its values, if it has any, and the right ones."""

    def __init__(self, chain, link, pairs):
        self.chain, self.link = chain, link
        self.points = [point for point, _ in pairs]
        self.right = [right for _, right in pairs]
        try:
            self.actual = [evaluated(link.node, point, chain) for point in self.points]
        except DerivationError:
            self.actual = []
        self.single = len(self.right[0][0]) == 1

    def holds(self, node):
        """Whether another expression is right at every point."""
        ast.fix_missing_locations(node)
        try:
            pairs = zip(self.points, self.right, strict=True)
            return self._near(node) and all(
                same(evaluated(node, point, self.chain), right) for point, right in pairs
            )
        except BudgetError:
            raise
        except DerivationError:
            return False

    def _near(self, node):
        """Whether an expression is about right at the first point."""
        right = self.right[0][0]
        values = values_at(node, self.points[0].names, self.chain)
        return len(values) == len(right) and all(
            np.shape(a) == t.shape
            and np.allclose(a, t, CLOSE, CLOSE * np.max(np.abs(t), initial=0.0), equal_nan=True)
            for a, t in zip(values, right, strict=True)
        )

    def turned(self, change):
        """Whether the values become right when each is changed: change(value, point)."""
        spend()
        for point, actual, right in zip(self.points, self.actual, self.right, strict=True):
            places = (point, *point.near)
            try:
                changed = [
                    tuple(change(a, p) for a in v) for v, p in zip(actual, places, strict=True)
                ]
            except (ValueError, TypeError, KeyError):
                return False
            if not same(changed, right):
                return False
        return True

    def alike(self, name):
        """The other names of values that have the shape of this one's, and a place in the line."""
        names = self.points[0].names
        shape = np.shape(names.get(name))
        return [
            other
            for other, value in names.items()
            if other not in (name, *self.chain.targets, *self._out_of_place)
            and np.shape(value) == shape
            and isinstance(value, np.ndarray | np.floating | int | float)
        ]

    @property
    def _out_of_place(self):
        """The gradients, where only moves are expected, and the other way round."""
        letters = {Kind.GRADIENT: "δ", Kind.DIFFERENTIAL: "d", Kind.DEFINITION: "dδ"}
        paths = self.points[0].paths
        return {f"{x}{name}" for x in letters.get(self.chain.kind, "") for name in paths}

    @property
    def nodes(self):
        """The real arrays of the derivation, without their gradients and moves."""
        point = self.points[0]
        return [name for name in point.paths if f"d{name}" in point.names]

    @property
    def factors(self):
        """The names that may be factors: what comes in from above or with a move, then nodes."""
        point, kind = self.points[0], self.chain.kind
        upstream = [f"d{n}" for n, paths in point.paths.items() if paths and paths[-1][0] == ""]
        moves = [f"δ{name}" for name in point.paths if f"δ{name}" in point.names]
        masks = [name for name, value in point.names.items() if is_mask(value)]
        first = {Kind.GRADIENT: upstream, Kind.DIFFERENTIAL: moves}.get(kind, [])
        return [*first, *self.nodes, *masks]

    @property
    def sizes(self):
        """The sizes of the derivation: whole numbers with names."""
        return {
            name: value
            for name, value in self.points[0].names.items()
            if isinstance(value, int) and not isinstance(value, bool) and value > 1
        }

    @property
    def number(self):
        """What a number should be, where it stands for one."""
        if not self.points[0].at_values or not self.single or self.right[0][0][0].size != 1:
            return ""
        return f"the value is {self.right[0][0][0].item():.10g}"


def is_mask(value):
    """Whether a value is an array of truth values."""
    return isinstance(value, np.ndarray) and value.dtype.kind == "b"


def _shapes(case):
    """A value of another shape: transposed, or not summed over an axis."""
    actual, right = case.actual[0][0][0], case.right[0][0][0]
    if actual.shape != actual.T.shape == right.shape or actual.ndim == 2:
        yield "it is transposed", lambda a, _: a.T
    if actual.shape == right.shape:
        return
    reshaped = f"it only needs the shape {right.shape}", lambda a, _: np.reshape(a, right.shape)
    if np.squeeze(actual).shape == np.squeeze(right).shape:
        yield reshaped
    axes = (
        c for n in range(actual.ndim) for c in itertools.combinations(range(actual.ndim), n + 1)
    )
    for chosen in axes:
        axis = chosen[0] if len(chosen) == 1 else chosen
        for (word, reduce), keepdims in itertools.product(REDUCE.items(), (False, True)):
            kept = ", keepdims=True" if keepdims else ""
            change = functools.partial(_reduced, reduce=reduce, axis=axis, keepdims=keepdims)
            yield f"it is not {word} over axis={axis}{kept}", change
    broadcast = f"it is not broadcast to the shape {right.shape}"
    yield broadcast, lambda a, _: np.broadcast_to(a, right.shape)
    yield reshaped


def _factors(case):
    """A value that is a fixed multiple of the right one."""
    ratio = _ratio(case.actual[0][0][0], case.right[0][0][0])
    if ratio is not None:
        wrong = "the sign is turned" if np.isclose(ratio, -1) else f"it is {_times(ratio, case)}"
        yield wrong, lambda a, _: a / ratio


def _times(ratio, case):
    """How many times too large or too small something is."""
    sign = " and the sign is turned" if ratio < 0 else ""
    for name, number in _numbers(case.sizes):
        division = f": is a division by {name}, or a mean," if name in case.sizes else ""
        if np.isclose(abs(ratio), number):
            return f"{name} times too large{sign}{division and division + ' missing?'}"
        if np.isclose(abs(ratio), 1 / number):
            return f"{name} times too small{sign}{division and division + ' too many?'}"
    large, word = max((abs(ratio), "large"), (1 / abs(ratio), "small"))
    return f"{large:.8g} times too {word}{sign}"


def _numbers(sizes):
    """Numbers that are forgotten, with their names, the likeliest first."""
    yield "2", 2.0
    for count in (1, 2, 3):
        for names in itertools.combinations(sorted(sizes), count):
            yield " * ".join(names), math.prod(sizes[name] for name in names)
    yield from NUMBERS.items()
    for name, size in sizes.items():
        yield from ((form.replace("N", name), of(size)) for form, of in FORMS.items())
    for above, below in itertools.combinations(sizes, 2):
        yield f"{above} / {below}", sizes[above] / sizes[below]


def _paths(case):
    """A gradient to which one of its paths has the wrong weight: none, twice, its sign turned."""
    if case.chain.kind is not Kind.GRADIENT:
        return
    actual, right = case.actual[0][0][0], case.right[0][0][0]
    node = case.chain.targets[0][1:]
    for i, (through, term) in enumerate(case.points[0].paths[node]):
        if (share := _ratio(right - actual, term) if actual.shape == right.shape else None) is None:
            continue
        where = f"the path through {through}" if through else "its own upstream gradient"
        change = functools.partial(_with_path, node=node, i=i, times=share)
        yield f"{where} {_weight(1 - share, case)}", change


def _several_paths(case):
    """A gradient in which several of its paths are missing."""
    if case.chain.kind is not Kind.GRADIENT:
        return
    node = case.chain.targets[0][1:]
    paths = case.points[0].paths[node]
    for count in range(2, min(len(paths), MOST_PATHS)):
        for chosen in itertools.combinations(range(len(paths)), count):
            names = listed([paths[i][0] or "its own upstream gradient" for i in chosen])
            change = functools.partial(_with_paths, node=node, chosen=chosen)
            yield f"the paths through {names} are missing", change


def _missing_move(case):
    """A differential in which the move of something that its node is made of does not appear."""
    if case.chain.kind is not Kind.DIFFERENTIAL:
        return ""
    here = names_in(case.link.node)
    for made_of in case.chain.made_of:
        if f"δ{made_of}" in case.points[0].names and f"δ{made_of}" not in here:
            return f"δ{made_of} does not appear: is its term missing?"
    return ""


def _weight(weight, case):
    """What is wrong with a path that is there so many times."""
    for known, words in ((0, "is missing"), (2, "is there twice"), (-1, "has the wrong sign")):
        if np.isclose(weight, known):
            return words
    return f"is {_times(weight, case)}"


def _other_nodes(case):
    """The gradient, or the differential, of another node."""
    letter = {Kind.GRADIENT: "d", Kind.DIFFERENTIAL: "δ"}.get(case.chain.kind)
    if not letter or isinstance(case.link.node, ast.Name):
        return
    for name in case.nodes:
        other = f"{letter}{name}"
        if other not in case.chain.targets:
            yield f"this is {other}", functools.partial(_exchanged, case=case, other=other)


def _reduced(value, _, reduce, axis, keepdims):
    return reduce(value, axis=axis, keepdims=keepdims)


def _with_path(value, point, node, i, times):
    """The value with a path of the node's gradient added so many times."""
    return value + times * point.paths[node][i][1]


def _with_paths(value, point, node, chosen):
    """The value with some paths of the node's gradient added."""
    return value + sum(point.paths[node][i][1] for i in chosen)


def _exchanged(value, point, case, other):
    """The right value, if this one is the other node's; else what it is."""
    wrong = point.names[other]
    agrees = value.shape == wrong.shape and np.allclose(value, wrong, rtol=1e-9, atol=0)
    return point.names[case.chain.targets[0]] if agrees else value


def _factors_in_the_line(case):
    """A factor made of a name that the line has anyway, or that comes in from above."""
    here = names_in(case.link.node)
    outside = [name for name in case.factors if name[0] in "dδ" and name not in case.nodes]
    names = [name for name in case.factors if name in here or name in outside]
    yield from _with_factors(case, names, FACTORS)


def _other_factors(case):
    """A factor made of any name."""
    yield from _with_factors(case, case.factors, FACTORS + MORE_FACTORS)


def _with_factors(case, names, forms):
    whole = case.link.node
    for form in forms:
        for op, what in ((ast.Mult, "missing"), (ast.Div, "too many")):
            for name in names:
                factor = form.format(name)
                yield f"a factor {factor} is {what}", ast.BinOp(whole, op(), parse(factor))


def _exchanges(case):
    """The expression with one of its parts exchanged."""
    yield from _in_words(exchanges(case.link.node, case.alike))


def _renames(case):
    """The expression with one name in the place of another, wherever that stands."""
    for name in dict.fromkeys(names_in(case.link.node)):
        for other in case.alike(name):
            changed = renamed(case.link.node, name, other)
            yield f"it holds with `{other}` in the place of every `{name}`", changed


def _additions(case):
    """The expression with a name or a function put to one of its parts."""
    yield from _in_words(additions(case.link.node, [*case.factors, *case.sizes]))


def _in_words(mends):
    for part, mend, node in mends:
        instead = f"`{ast.unparse(mend)}` in the place of `{ast.unparse(part)}`"
        yield f"it holds with {instead}", node


def _ratio(actual, right):
    """What the right value was multiplied by, where it is largest."""
    if actual.shape != right.shape or not right.size:
        return None
    spot = np.unravel_index(np.argmax(np.abs(right)), right.shape)
    with np.errstate(all="ignore"):
        ratio = actual[spot] / right[spot]
    plausible = np.isfinite(ratio) and 1 / PLAUSIBLE < abs(ratio) < PLAUSIBLE
    return float(ratio) if plausible else None
