"""The diagnosis of a wrong link: the simplest mend under which it holds at every point."""

import ast
import copy
import functools
import itertools
import math

import numpy as np

from handgrad.derivation.check import evaluated, same
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.expressions import parse
from handgrad.derivation.notation import Kind
from handgrad.derivation.vocabulary import REDUCTIONS

FACTORS = ("n", "n**2", "(1 - n)", "(1 - n**2)", "n * (1 - n)", "exp(n)", "cos(n)", "sin(n)")
REDUCE = {"summed": np.sum, "averaged": np.mean}
OTHER_OPS = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.MatMult),
    ast.Div: (ast.Mult,),
}
OTHER_FUNCTIONS = {
    "mean": ("sum",),
    "sum": ("mean",),
    "max": ("min",),
    "min": ("max",),
    "sin": ("cos",),
    "cos": ("sin",),
    "tril": ("triu",),
    "triu": ("tril",),
}


def diagnose(chain, link, pairs):
    """A sentence on what would make a wrong link right, or "" if no simple mend does.

    `pairs` holds the points and the right values there.
    """
    case = _Case(chain, link, pairs)
    if case.actual is not None and case.single:
        for hypothesis in (_shapes, _factors, _paths, _other_nodes):
            for sentence, change in hypothesis(case):
                if case.turned(change):
                    return sentence
    for hypothesis in (_named_factors, _mended):
        for sentence, node in hypothesis(case):
            if case.holds(node):
                return sentence
    return ""


class _Case:
    """A wrong link with its values, if it has any, and the right ones."""

    def __init__(self, chain, link, pairs):
        self.chain, self.link = chain, link
        self.points = [point for point, _ in pairs]
        self.right = [right for _, right in pairs]
        try:
            self.actual = [evaluated(link.node, point) for point in self.points]
        except DerivationError:
            self.actual = None
        self.single = len(self.right[0][0]) == 1

    def holds(self, node):
        """Whether another expression is right at every point."""
        ast.fix_missing_locations(node)
        try:
            pairs = zip(self.points, self.right, strict=True)
            return all(same(evaluated(node, point), right) for point, right in pairs)
        except DerivationError:
            return False

    def turned(self, change):
        """Whether the values become right when each is changed: change(value, point)."""
        if self.actual is None:
            return False
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
        """The other names of values that have the shape of this one's."""
        names = self.points[0].names
        shape = np.shape(names.get(name))
        return [
            other
            for other, value in names.items()
            if other not in (name, *self.chain.targets)
            and np.shape(value) == shape
            and isinstance(value, np.ndarray | np.floating | int | float)
        ]

    @property
    def names(self):
        """The real arrays that have names at the first point, other than gradients and moves."""
        point = self.points[0]
        return [name for name in point.paths if f"d{name}" in point.names]

    @property
    def sizes(self):
        """The sizes of the derivation: whole numbers with names."""
        return {
            name: value
            for name, value in self.points[0].names.items()
            if isinstance(value, int) and not isinstance(value, bool) and value > 1
        }


def _shapes(case):
    """A value of another shape: transposed, or not summed over an axis."""
    actual, right = case.actual[0][0][0], case.right[0][0][0]
    if actual.shape != actual.T.shape == right.shape or actual.ndim == 2:
        yield "it is transposed", lambda a, _: a.T
    if actual.shape == right.shape:
        return
    axes = [
        c for n in range(actual.ndim) for c in itertools.combinations(range(actual.ndim), n + 1)
    ]
    for chosen, (word, reduce), keepdims in itertools.product(axes, REDUCE.items(), (False, True)):
        axis = chosen[0] if len(chosen) == 1 else chosen
        kept = ", keepdims=True" if keepdims else ""
        change = functools.partial(_reduced, reduce=reduce, axis=axis, keepdims=keepdims)
        yield f"it is not {word} over axis={axis}{kept}", change
    yield f"it only needs the shape {right.shape}", lambda a, _: np.reshape(a, right.shape)


def _factors(case):
    """A value that is a fixed multiple of the right one."""
    ratio = _ratio(case.actual[0][0][0], case.right[0][0][0])
    if ratio is not None:
        yield _factor_in_words(ratio, case.sizes), lambda a, _: a / ratio


def _factor_in_words(ratio, sizes):
    if np.isclose(ratio, -1):
        return "the sign is turned"
    for name, size in _products(sizes):
        if np.isclose(ratio, size):
            return f"it is {name} times too large: is a division by {name}, or a mean, missing?"
        if np.isclose(ratio, 1 / size):
            return f"it is {name} times too small: is a division by {name}, or a mean, too many?"
    sign = " and the sign is turned" if ratio < 0 else ""
    large, word = max((abs(ratio), "large"), (1 / abs(ratio), "small"))
    return f"it is {large:.4g} times too {word}{sign}"


def _paths(case):
    """A gradient without one of its paths, or with one too often."""
    if case.chain.kind is not Kind.GRADIENT:
        return
    node = case.chain.targets[0][1:]
    for i, (through, _) in enumerate(case.points[0].paths[node]):
        where = f"the path through {through}" if through else "its own upstream gradient"
        for times, what in ((1, "is missing"), (-1, "is there twice"), (-2, "has the wrong sign")):
            yield f"{where} {what}", functools.partial(_with_path, node=node, i=i, times=times)


def _other_nodes(case):
    """The gradient, or the differential, of another node."""
    letter = {Kind.GRADIENT: "d", Kind.DIFFERENTIAL: "δ"}.get(case.chain.kind)
    for name in case.names if letter else ():
        other = f"{letter}{name}"
        if other not in case.chain.targets:
            yield f"this is {other}", functools.partial(_exchanged, case=case, other=other)


def _reduced(value, _, reduce, axis, keepdims):
    return reduce(value, axis=axis, keepdims=keepdims)


def _with_path(value, point, node, i, times):
    """The value with a path of the node's gradient added so many times."""
    term = point.paths[node][i][1]
    if value.shape != term.shape:
        raise ValueError("a term has the shape of its sum")
    return value + times * term


def _exchanged(value, point, case, other):
    """The right value, if this one is the other node's; else what it is."""
    wrong = point.names[other]
    agrees = value.shape == wrong.shape and np.allclose(value, wrong, rtol=1e-9, atol=0)
    return point.names[case.chain.targets[0]] if agrees else value


def _named_factors(case):
    """A factor made of one name that is missing, or is one too many."""
    whole = case.link.node
    for name, form in itertools.product(case.names, FACTORS):
        factor = parse(form.replace("n", f"({name})") if form != "n" else name)
        for op, what in ((ast.Mult(), "missing"), (ast.Div(), "too many")):
            yield f"a factor {form.replace('n', name)} is {what}", ast.BinOp(whole, op, factor)


def _mended(case):
    """The expression with one of its parts changed."""
    whole = case.link.node
    for part in ast.walk(whole):
        for mend in _mends(part, case) if isinstance(part, ast.expr) else ():
            instead = f"`{ast.unparse(mend)}` in the place of `{ast.unparse(part)}`"
            yield f"it holds with {instead}", _replaced(whole, part, mend)


def _mends(part, case):
    """What might have been meant by a part of an expression, the likeliest first."""
    match part:
        case ast.BinOp():
            yield from _other_operations(part)
        case ast.Call():
            yield from _other_calls(part)
        case ast.Attribute(value=value, attr="T"):
            yield value
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            yield from (ast.Constant(n) for n in (number + 1, number - 1, 2 * number, number / 2))
        case ast.Name(id=name):
            yield from (ast.Name(other) for other in case.alike(name))
    if isinstance(part, ast.Name | ast.Call | ast.BinOp):
        yield ast.UnaryOp(ast.USub(), part)
        yield ast.BinOp(ast.Constant(1), ast.Sub(), part)
        yield ast.BinOp(part, ast.Pow(), ast.Constant(2))


def _other_operations(part):
    """The two sides under another operation, and each side alone."""
    left, op, right = part.left, part.op, part.right
    yield from (ast.BinOp(left, other(), right) for other in OTHER_OPS.get(type(op), ()))
    if isinstance(op, ast.MatMult):
        yield from _products_of(left, right)
    else:
        yield from (left, right)


def _other_calls(part):
    """A call of another function, or with other keywords, and its argument alone."""
    name = part.func.id
    for other in OTHER_FUNCTIONS.get(name, ()):
        yield ast.Call(ast.Name(other), part.args, part.keywords)
    for changed in _other_keywords(name, part.keywords):
        yield ast.Call(part.func, part.args, changed)
    if len(part.args) == 1 and not part.keywords:
        yield part.args[0]


def _products_of(left, right):
    """The matrix products of two factors, transposed or not, in either order."""
    for a, b in ((left, right), (right, left)):
        for first, second in itertools.product((a, _transposed(a)), (b, _transposed(b))):
            yield ast.BinOp(first, ast.MatMult(), second)


def _transposed(node):
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return node.value
    return ast.Attribute(node, "T")


def _other_keywords(name, keywords):
    """The keywords with another axis, and with or without keepdims."""
    if name not in REDUCTIONS.split():
        return
    others = [k for k in keywords if k.arg not in {"axis", "keepdims"}]
    for keepdims, axis in itertools.product((False, True), (None, 0, 1, -1, 2, (0, 1), (0, 2, 3))):
        made = [] if axis is None else [ast.keyword("axis", parse(repr(axis)))]
        made += [ast.keyword("keepdims", ast.Constant(True))] if keepdims else []
        yield [*others, *made]


def _replaced(whole, part, mend):
    """A copy of an expression with one part replaced."""
    if whole is part:
        return mend
    changed = copy.copy(whole)
    for field, value in ast.iter_fields(whole):
        if isinstance(value, ast.AST):
            setattr(changed, field, _replaced(value, part, mend))
        elif isinstance(value, list):
            setattr(changed, field, [_replaced(v, part, mend) for v in value])
    return changed


def _ratio(actual, right):
    """What the right value was multiplied by, where it is largest."""
    if actual.shape != right.shape or not right.size:
        return None
    spot = np.unravel_index(np.argmax(np.abs(right)), right.shape)
    with np.errstate(all="ignore"):
        ratio = actual[spot] / right[spot]
    return float(ratio) if np.isfinite(ratio) and ratio else None


def _products(sizes):
    """Each size, then each product of two or three, by name."""
    for count in (1, 2, 3):
        for names in itertools.combinations(sorted(sizes), count):
            yield " * ".join(names), math.prod(sizes[name] for name in names)
