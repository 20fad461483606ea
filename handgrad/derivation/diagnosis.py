"""The diagnosis of a wrong link: the simplest mend under which it holds at every point."""

import ast
import itertools
import math
from functools import partial

import numpy as np

from handgrad.common.factors import FORMS, NUMBERS
from handgrad.common.text import listed
from handgrad.derivation import trees
from handgrad.derivation.cases import Case
from handgrad.derivation.comparison import is_number, same
from handgrad.derivation.expressions import is_derivative, names_in
from handgrad.derivation.mends import Mends
from handgrad.derivation.notation import Kind
from handgrad.derivation.shapes import without_warnings

FACTORS = ("{0}", "(1 - {0})", "({0} > 0)")
MORE_FACTORS = ("{0}**2", "(1 - {0}**2)", "{0} * (1 - {0})", "exp({0})", "cos({0})", "sin({0})")
REDUCE = {"summed": np.sum, "averaged": np.mean}
PLAUSIBLE = 1e6  # a larger factor comes of rounding
PLAIN = 10
MOST_PATHS = 6


def diagnose(chain, link, pairs, conditions=()):
    """A sentence on what would make a wrong link right, or "" if no simple mend does.

    `pairs` holds the points and the right values there, `conditions` the comparisons that the
    derivation makes, in words.
    """
    with without_warnings():
        return _diagnosis(Case(chain, link, pairs, conditions))


def _diagnosis(case):
    if is_number(case.link.node):
        return case.number
    return next(_sentences(case), "")


def _sentences(case):
    """What would make the link right, the likeliest first."""
    mends = Mends(case)
    if any(map(is_derivative, names_in(case.link.node))):
        yield from _holding(case, mends, _exchanges)
    values = case.actual and case.single
    if values and _zero(case):
        yield "it is 0 at every point"
    for hypothesis in (_shapes, _factors, _paths, _several_paths, _other_nodes) if values else ():
        yield from _turned(case, hypothesis)
    for hypothesis in (_factors_in_the_line, _exchanges, _renames):
        yield from _holding(case, mends, hypothesis)
    if values:
        yield from _turned(case, _scalars)
    if said := _missing_move(case):
        yield said
    for hypothesis in (_conditions, _other_factors, _additions):
        yield from _holding(case, mends, hypothesis)


def _turned(case, hypothesis):
    """What a hypothesis says of the changes under which the values are right."""
    return (said for said, change in hypothesis(case) if case.turned(change))


def _holding(case, mends, hypothesis):
    """What a hypothesis says of the expressions that hold."""
    return (say() for say, node in hypothesis(case, mends) if case.holds(node))


def _zero(case):
    """Whether a value is 0 up to rounding, wherever it is looked at."""
    return all(same(actual, [(0 * v[0],) for v in actual]) for actual in case.actual)


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
            change = partial(_reduced, reduce=reduce, axis=axis, keepdims=keepdims)
            yield f"it is not {word} over axis={axis}{kept}", change
    broadcast = f"it is not broadcast to the shape {right.shape}"
    yield broadcast, lambda a, _: np.broadcast_to(a, right.shape)
    yield reshaped


def _factors(case):
    """A value that is a fixed multiple of the right one."""
    ratio = _ratio(case.actual[0][0][0], case.right[0][0][0])
    if ratio is not None:
        yield _of_ratio(ratio, case), lambda a, _: a / ratio


def _scalars(case):
    """A value that is a multiple of the right one by a number that differs from point to point."""
    point = case.points[0]
    ratio = _ratio(case.actual[0][0][0], case.right[0][0][0])
    if ratio is None:
        return
    for name in (n for n in case.factors if not np.shape(point.names[n]) and point.names[n]):
        for power, what in ((-1, "missing"), (1, "too many")):
            rest = ratio / point.names[name] ** power
            times = "" if np.isclose(rest, 1) else f", and it is {_times(rest, case)}"
            change = partial(_without_scalar, name=name, power=power, rest=rest)
            yield f"a factor {name} is {what}{times}", change


def _of_ratio(ratio, case):
    """What is said of a value that is so many times the right one."""
    if np.isclose(ratio, -1):
        return "the sign is turned"
    plain = f"it is {_times(ratio, case)}"
    for name, number in case.scalars.items():
        for factor, what in ((1 / number if number else 0, "missing"), (number, "too many")):
            if np.isclose(ratio, factor):
                said = f"a factor {name} is {what}"
                return f"{plain}, or {said}" if _is_plain(ratio) else said
    return plain


def _is_plain(ratio):
    """Whether a ratio is a small whole number, or one divided by it, which any slip may make."""
    times = max(abs(ratio), 1 / abs(ratio))
    return bool(np.isclose(times, round(times)) and times < PLAIN)


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
    actual, right = case.actual[0][0][0], case.right[0][0][0]
    for i, (through, term) in enumerate(case.paths(case.points[0])):
        if (share := _ratio(right - actual, term) if actual.shape == right.shape else None) is None:
            continue
        where = f"the path through {through}" if through else "its own upstream gradient"
        change = partial(_with_paths, case=case, chosen=[i], times=share)
        yield f"{where} {_weight(1 - share, case)}", change


def _several_paths(case):
    """A gradient in which several of its paths are missing."""
    paths = case.paths(case.points[0])
    for count in range(2, min(len(paths), MOST_PATHS)):
        for chosen in itertools.combinations(range(len(paths)), count):
            names = listed([paths[i][0] or "its own upstream gradient" for i in chosen])
            change = partial(_with_paths, case=case, chosen=chosen)
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
            yield f"this is {other}", partial(_exchanged, case=case, other=other)


def _without_scalar(value, point, name, power, rest):
    return value / (rest * point.names[name] ** power)


def _reduced(value, _, reduce, axis, keepdims):
    return reduce(value, axis=axis, keepdims=keepdims)


def _with_paths(value, point, case, chosen, times: float = 1):
    """The value with some paths of the node's gradient added, each so many times."""
    paths = case.paths(point)
    return value + times * sum(paths[i][1] for i in chosen)


def _exchanged(value, point, case, other):
    """The right value, if this one is the other node's; else what it is."""
    wrong = point.names[other]
    agrees = value.shape == wrong.shape and np.allclose(value, wrong, rtol=1e-9, atol=0)
    return point.names[case.chain.targets[0]] if agrees else value


def _factors_in_the_line(case, mends):
    """A factor made of a name that the line has anyway, or that comes in from above, or δ[i, j]."""
    if case.chain.kind is Kind.LOCAL:
        for delta in mends.atoms.deltas(mends.parts[0].letters):
            say = partial("a factor {} is missing".format, ast.unparse(delta))
            yield say, trees.binary(case.link.node, ast.Mult, delta)
    here = names_in(case.link.node)
    outside = [name for name in case.factors if name[0] in "dδ" and name not in case.nodes]
    names = [name for name in case.factors if name in here or name in outside]
    yield from _with_factors(case, mends, names, FACTORS)


def _conditions(case, mends):
    """A factor that is 1 where one or two comparisons of the derivation hold, and else 0."""
    found = mends.conditions
    both = [trees.binary(a, ast.Mult, b) for a, b in itertools.combinations(found, 2)]
    for factor in (*found, *both):
        say = partial("a factor {} is missing".format, f"({ast.unparse(factor)})")
        yield say, trees.binary(case.link.node, ast.Mult, factor)


def _other_factors(case, mends):
    """A factor made of any name."""
    yield from _with_factors(case, mends, case.factors, FACTORS + MORE_FACTORS)


def _with_factors(case, mends, names, forms):
    for text, factor in mends.factors(names, forms):
        for op, what in ((ast.Mult, "missing"), (ast.Div, "too many")):
            say = partial("a factor {} is {}".format, text, what)
            yield say, trees.binary(case.link.node, op, factor)


def _exchanges(_case, mends):
    """The expression with one of its parts exchanged."""
    yield from _in_words(mends.exchanges())


def _renames(case, _mends):
    """The expression with one name in the place of another, wherever that stands."""
    whole, names = case.link.node, case.points[0].names
    here = [name for name in names_in(whole) if name in names]
    for name in here:
        for other in map(trees.name, case.alike(name)):
            yield partial(_everywhere, other, name), trees.renamed(whole, {name: other})
        if np.ndim(names[name]) > 1:
            other = trees.transposed(trees.name(name))
            yield partial(_everywhere, other, name), trees.renamed(whole, {name: other})
    for a, b in itertools.combinations((*case.chain.letters, *here), 2):
        changed = trees.renamed(whole, {a: trees.name(b), b: trees.name(a)})
        yield partial("it holds with {} and {} exchanged".format, a, b), changed


def _everywhere(other, name):
    return f"it holds with `{ast.unparse(other)}` in the place of every `{name}`"


def _additions(_case, mends):
    """The expression with a name or a function put to one of its parts."""
    yield from _in_words(mends.additions())


def _in_words(mends):
    for part, mend, node in mends:
        yield partial(_instead, part, mend), node


def _instead(part, mend):
    """What is said of a mend; a number is shown with what it stands in."""
    shown, instead = part.node, mend
    if isinstance(shown, ast.Constant) and part.path:
        shown, instead = part.path[-1][0], part.around(mend)
    return f"it holds with `{ast.unparse(instead)}` in the place of `{ast.unparse(shown)}`"


def _ratio(actual, right):
    """What the right value was multiplied by, where it is largest."""
    if actual.shape != right.shape or not right.size:
        return None
    spot = np.unravel_index(np.argmax(np.abs(right)), right.shape)
    with np.errstate(all="ignore"):
        ratio = actual[spot] / right[spot]
    plausible = np.isfinite(ratio) and 1 / PLAUSIBLE < abs(ratio) < PLAUSIBLE
    return float(ratio) if plausible else None
