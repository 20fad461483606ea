"""Mends: expressions that a wrong one may have been meant for, each with one part changed."""

import ast
import copy
import itertools

from handgrad.derivation.expressions import elements, names_in, parse

OTHER_OPS = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.MatMult),
    ast.Div: (ast.Mult,),
}
OTHER_COMPARISONS = {ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Lt: ast.GtE, ast.GtE: ast.Lt}
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
AXES = (None, 0, -1, 1, -2, 2, 3, *itertools.combinations(range(5), 2), (0, 2, 3))
TAKE_MATRICES = ("inv", "solve", "outer", "trace", "diag", "diagonal")
FORGOTTEN = ("exp", "log", "sqrt", "sign", "inv")


def exchanges(whole, alike):
    """The expression with one part exchanged for another of its kind: (part, mend, expression).

    `alike(name)` are the names that may stand in the place of a name.
    """
    letters = _letters(whole)
    for part in _parts(whole):
        for mend in _exchanged(part, alike, letters):
            yield part, mend, _replaced(whole, part, mend)


def additions(whole, names):
    """The expression with one of these names, or a function, put to one part: the same triples."""
    for part in _parts(whole):
        if part is whole or isinstance(part, ast.Name | ast.Call):
            for mend in _enlarged(part, names):
                yield part, mend, _replaced(whole, part, mend)


def renamed(whole, name, other):
    """A copy of an expression with another name in the place of one, wherever it stands."""
    return _Renaming(name, other).visit(copy.deepcopy(whole))


class _Renaming(ast.NodeTransformer):
    def __init__(self, name, other):
        self.name, self.other = name, other

    def visit_Name(self, node):
        return ast.copy_location(ast.Name(self.other), node) if node.id == self.name else node


def _letters(whole):
    """The names that stand in subscripts."""
    slices = [n.slice for n in ast.walk(whole) if isinstance(n, ast.Subscript)]
    return list(dict.fromkeys(name for index in slices for name in names_in(index)))


def _parts(whole):
    """The parts of an expression that have a value of their own; indices are not among them."""
    inner = {id(n.func) for n in ast.walk(whole) if isinstance(n, ast.Call)}
    for n in ast.walk(whole):
        if isinstance(n, ast.Subscript):
            inner |= {id(part) for part in ast.walk(n.slice)}
            inner |= {id(n.value)} if id(n) in inner else set()
    return [n for n in ast.walk(whole) if isinstance(n, ast.expr) and id(n) not in inner]


def _exchanged(part, alike, letters):
    """What might have been meant by a part of an expression, the likeliest first."""
    match part:
        case ast.BinOp(op=ast.Pow()):
            yield from _other_powers(part)
        case ast.BinOp():
            yield from _other_operations(part)
        case ast.Compare(left=left, ops=[op], comparators=right) if type(op) in OTHER_COMPARISONS:
            yield ast.Compare(left, [OTHER_COMPARISONS[type(op)]()], right)
        case ast.Call():
            yield from _other_calls(part)
        case ast.Attribute(value=value, attr="T"):
            yield value
        case ast.Subscript():
            yield from _other_indices(part, letters)
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            yield from (ast.Constant(n) for n in (number + 1, number - 1))
        case ast.Name(id=name):
            yield from (ast.Name(other) for other in alike(name))
    if isinstance(part, ast.Name | ast.Call | ast.BinOp | ast.Subscript):
        yield from _near(part)


def _near(part):
    """A part with its sign turned, taken from 1, squared, doubled or halved."""
    yield ast.UnaryOp(ast.USub(), part)
    yield ast.BinOp(ast.Constant(1), ast.Sub(), part)
    yield ast.BinOp(part, ast.Pow(), ast.Constant(2))
    yield ast.BinOp(ast.Constant(2), ast.Mult(), part)
    yield ast.BinOp(part, ast.Div(), ast.Constant(2))


def _other_indices(part, letters):
    """An entry with its indices in another order, or with one index in the place of another."""
    indices = elements(part.slice)
    for order in itertools.permutations(indices) if len(indices) < 4 else ():
        if list(order) != indices:
            yield _entry(part.value, list(order))
    for i, index in enumerate(indices):
        for other in letters if isinstance(index, ast.Name) else ():
            yield _entry(part.value, [*indices[:i], ast.Name(other), *indices[i + 1 :]])


def _entry(array, indices):
    return ast.Subscript(array, indices[0] if len(indices) == 1 else ast.Tuple(indices))


def _enlarged(part, names):
    """A part times or divided by a name, with it added or taken away, or under a function."""
    yield ast.BinOp(part, ast.Add(), ast.Attribute(part, "T"))
    for op in (ast.Mult, ast.Div, ast.Sub, ast.Add):
        yield from (ast.BinOp(part, op(), ast.Name(name)) for name in names)
    yield from (ast.Call(ast.Name(function), [part], []) for function in FORGOTTEN)


def _other_operations(part):
    """The two sides under another operation, and each side alone."""
    left, op, right = part.left, part.op, part.right
    yield from (ast.BinOp(left, other(), right) for other in OTHER_OPS.get(type(op), ()))
    match part:  # a − b² for (a − b)²
        case ast.BinOp(op=ast.Add() | ast.Sub(), right=ast.BinOp(left=b, op=ast.Pow(), right=n)):
            yield ast.BinOp(ast.BinOp(left, op, b), ast.Pow(), n)
    if isinstance(op, ast.MatMult):
        yield from _products_of(left, right)
    else:
        yield from (left, right)


def _other_powers(part):
    """(a − b)² for a − b², and each side alone."""
    match part:
        case ast.BinOp(left=ast.BinOp(left=a, op=ast.Add() | ast.Sub() as op, right=b), right=n):
            yield ast.BinOp(a, op, ast.BinOp(b, ast.Pow(), n))
    yield part.left


def _other_calls(part):
    """A call of another function, or with other keywords, and its argument alone."""
    if isinstance(part.func, ast.Subscript):  # sum[j](…)
        for other in OTHER_FUNCTIONS.get(part.func.value.id, ()):
            yield ast.Call(ast.Subscript(ast.Name(other), part.func.slice), part.args, [])
        return
    for i, argument in enumerate(part.args):
        if part.func.id in TAKE_MATRICES:
            changed = [*part.args[:i], _transposed(argument), *part.args[i + 1 :]]
            yield ast.Call(part.func, changed, part.keywords)
    for other in OTHER_FUNCTIONS.get(part.func.id, ()):
        yield ast.Call(ast.Name(other), part.args, part.keywords)
    for changed in _other_keywords(part.func.id, part.keywords):
        yield ast.Call(part.func, part.args, changed)
    yield from part.args[:1]


def _products_of(left, right):
    """The matrix products of two factors, transposed or not, in either order."""
    for transposed in (_transposed, _swapped):
        for a, b in ((left, right), (right, left)):
            for first, second in itertools.product((a, transposed(a)), (b, transposed(b))):
                yield ast.BinOp(first, ast.MatMult(), second)


def _transposed(node):
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return node.value
    return ast.Attribute(node, "T")


def _swapped(node):
    """The transpose of each matrix in a stack of them."""
    match node:
        case ast.Call(func=ast.Name(id="swapaxes"), args=[matrix, *_]):
            return matrix
    return ast.Call(ast.Name("swapaxes"), [node, parse("-1"), parse("-2")], [])


def _other_keywords(function, keywords):
    """The keywords with another axis, with or without keepdims, with or without a correction."""
    names = {keyword.arg for keyword in keywords}
    if not names & {"axis", "keepdims"} and function not in OTHER_FUNCTIONS:
        return
    others = [k for k in keywords if k.arg not in {"axis", "keepdims"}]
    for keepdims, axis in itertools.product((False, True), AXES):
        made = [] if axis is None else [ast.keyword("axis", parse(repr(axis)))]
        made += [ast.keyword("keepdims", ast.Constant(True))] if keepdims else []
        yield [*others, *made]
    if function in {"var", "std"}:
        yield [*keywords, ast.keyword("correction", ast.Constant(1))]


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
