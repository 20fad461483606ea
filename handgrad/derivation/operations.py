"""Operations: what else a part of an expression may do, whatever its names stand for."""

import ast
import itertools

from handgrad.derivation import trees
from handgrad.derivation.expressions import elements, is_reduction, parse
from handgrad.derivation.trees import binary, call, negative, number, product

OTHER_OPS = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.MatMult),
    ast.Div: (ast.Mult,),
}
OTHER_COMPARISONS = {
    ast.Gt: (ast.LtE, ast.Lt, ast.GtE),
    ast.LtE: (ast.Gt, ast.GtE, ast.Lt),
    ast.Lt: (ast.GtE, ast.Gt, ast.LtE),
    ast.GtE: (ast.Lt, ast.LtE, ast.Gt),
    ast.Eq: (ast.NotEq, ast.LtE, ast.GtE),
    ast.NotEq: (ast.Eq,),
}
OTHER_FUNCTIONS = {
    "mean": ("sum",),
    "sum": ("mean",),
    "max": ("min",),
    "min": ("max",),
    "maximum": ("minimum",),
    "minimum": ("maximum",),
    "sin": ("cos",),
    "cos": ("sin",),
    "sinh": ("cosh",),
    "cosh": ("sinh",),
    "log": ("log1p",),
    "softplus": ("sigmoid",),
    "lgamma": ("digamma",),
    "tril": ("triu",),
    "triu": ("tril",),
    "log_softmax": ("softmax",),
    "argmax": ("argmin",),
    "floor": ("ceil",),
}
AXES = (None, 0, -1, 1, -2, 2, 3, *itertools.combinations(range(5), 2), (0, 2, 3))
TAKE_MATRICES = ("inv", "solve", "outer", "trace", "diag", "diagonal")
MOST_AXES = 4  # that change their order
TERMS = (ast.Add, ast.Sub)
FACTORS = (ast.Mult, ast.Div)


def operations(part):
    """What might have been meant by a part of an expression, the likeliest first."""
    match part:
        case ast.BinOp(op=ast.Pow()):
            yield from _other_powers(part)
        case ast.BinOp():
            yield from _other_operations(part)
        case ast.Compare(left=left, ops=[op], comparators=right):
            for other in OTHER_COMPARISONS.get(type(op), ()):
                yield ast.Compare(left, [other()], right, **trees.NOWHERE)
        case ast.Call() if is_reduction(part):
            yield from _other_reductions(part)
        case ast.Call(func=ast.Name(id="where"), args=[_, yes, no]):
            yield from (yes, no)
        case ast.Call(func=ast.Name()):
            yield from _other_calls(part)
        case ast.Attribute(value=value, attr="T"):
            yield value
        case ast.UnaryOp(operand=operand):
            yield operand


def opposites(condition):
    """The comparison that holds where this one does not."""
    match condition:
        case ast.Compare(left=left, ops=[op], comparators=right) if type(op) in OTHER_COMPARISONS:
            yield ast.Compare(left, [OTHER_COMPARISONS[type(op)][0]()], right, **trees.NOWHERE)


def constants(part):
    """Another number in the place of a number."""
    match part:
        case ast.Constant(value=int() | float() as n) if not isinstance(n, bool):
            half = n // 2 if n % 2 == 0 else n / 2
            yield from (number(n + 1), number(n - 1), number(2 * n), number(half))


def near(part):
    """A part with its sign turned, taken from 1, squared, doubled or halved, its cases swapped."""
    match part:
        case ast.Call(func=ast.Name(id="where"), args=[condition, yes, no]):
            yield call("where", [condition, no, yes])
    if isinstance(part, ast.Constant | ast.UnaryOp | ast.Compare | ast.Attribute):
        return
    yield negative(part)
    yield binary(number(1), ast.Sub, part)
    yield binary(part, ast.Pow, number(2))
    yield binary(number(2), ast.Mult, part)
    yield binary(part, ast.Div, number(2))


def _other_operations(part):
    """The two sides under another operation, each side alone, or other parentheses."""
    left, op, right = part.left, part.op, part.right
    yield from (binary(left, other, right) for other in OTHER_OPS.get(type(op), ()))
    yield from _other_parentheses(part)
    if isinstance(op, ast.MatMult):
        yield from products_of(left, right)
        yield from _chains_of(trees.factors(part, ast.MatMult))
    yield from (left, right)
    if isinstance(op, ast.Div):
        yield binary(number(1), ast.Div, right)
    if isinstance(op, ast.Sub | ast.Div):
        yield binary(right, type(op), left)
    if isinstance(op, ast.Mult | ast.Sub):
        yield from _other_slopes(part)
    if isinstance(op, ast.Mult):
        yield from _symmetrized(trees.factors(part, ast.Mult))


def _other_slopes(part):
    """1 − y² for y (1 − y), and back: the slopes of tanh and of the sigmoid."""
    found = trees.factors(part, ast.Mult)
    for i, y in trees.complements(found):
        rest = [f for j, f in enumerate(found) if j != i and f is not y]
        square = binary(number(1), ast.Sub, binary(y, ast.Pow, number(2)))
        yield product([*rest, square], ast.Mult)
    match part:
        case ast.BinOp(
            left=ast.Constant(value=1),
            op=ast.Sub(),
            right=ast.BinOp(left=y, op=ast.Pow(), right=ast.Constant(value=2)),
        ):
            yield binary(y, ast.Mult, binary(number(1), ast.Sub, y))


def _symmetrized(found):
    """(A + A.T) x for 2 A x."""
    twos = [f for f in found if isinstance(f, ast.Constant) and f.value == 2]
    for factor in found if twos else ():
        rest = [f for f in found if f is not factor and f is not twos[0]]
        both = binary(factor, ast.Add, trees.transposed(factor))
        yield product([*rest, both], ast.Mult)


def _other_parentheses(part):
    """(a − b)² for a − b², a / (b * c) for a / b * c, a * (b + c) for a * b + c; and back."""
    match part:
        case ast.BinOp(left=a, op=ast.Add() | ast.Sub() as op, right=ast.BinOp(op=ast.Pow()) as b):
            yield binary(binary(a, type(op), b.left), ast.Pow, b.right)
        case ast.BinOp(left=ast.BinOp(left=a, op=ast.Div(), right=b), op=op, right=c):
            if isinstance(op, FACTORS):
                yield binary(a, ast.Div, binary(b, type(op), c))
    match part:
        case ast.BinOp(left=ast.BinOp(left=a, op=first, right=b), op=second, right=c):
            if isinstance(first, FACTORS) and isinstance(second, TERMS):
                yield binary(a, type(first), binary(b, type(second), c))
            if isinstance(first, TERMS) and isinstance(second, FACTORS):
                yield binary(a, type(first), binary(b, type(second), c))
        case ast.BinOp(left=ast.BinOp(left=a, op=ast.Mult(), right=b), op=ast.Mult(), right=c):
            yield binary(a, ast.Div, binary(b, ast.Mult, c))
        case ast.BinOp(left=a, op=ast.Div(), right=ast.BinOp(left=b, op=ast.Mult(), right=c)):
            yield binary(binary(a, ast.Div, b), ast.Mult, c)


def _other_powers(part):
    """(a − b)² for a − b², the reciprocal, and each side alone."""
    match part:
        case ast.BinOp(left=ast.BinOp(left=a, op=ast.Add() | ast.Sub() as op, right=b), right=n):
            yield binary(a, type(op), binary(b, ast.Pow, n))
    yield part.left


def _other_reductions(part):
    """sum[j](…) by another reduction, over another range, and what it sums alone."""
    for other in OTHER_FUNCTIONS.get(part.func.value.id, ()):
        yield call(trees.entry(trees.name(other), elements(part.func.slice)), part.args)
    for limit in ast.walk(part.func.slice):
        if isinstance(limit, ast.Constant) and isinstance(limit.value, int):
            for other in (limit.value - 1, limit.value + 1):
                yield trees.replaced(part, limit, number(other))


def _other_calls(part):
    """A call of another function, or with other arguments, and its argument alone."""
    function, arguments = part.func.id, part.args
    if function in TAKE_MATRICES:
        for i, argument in enumerate(arguments):
            for other in trees.transposes(argument):
                yield call(function, [*arguments[:i], other, *arguments[i + 1 :]], part.keywords)
    if len(arguments) == 2:
        yield call(function, arguments[::-1], part.keywords)
    match part:
        case ast.Call(func=ast.Name(id="reshape"), args=[array, ast.Tuple(elts=[n, m])]):
            shape = ast.Tuple([m, n], ast.Load(), **trees.NOWHERE)
            yield trees.transposed(call("reshape", [array, shape]))
        case ast.Call(
            func=ast.Name(id="einsum"), args=[ast.Constant(value=str() as text), *arrays]
        ):
            yield from (call("einsum", [number(other), *arrays]) for other in _other_sums(text))
    for other in OTHER_FUNCTIONS.get(function, ()):
        yield call(other, arguments, part.keywords)
    for changed in _other_keywords(function, part.keywords):
        yield call(function, arguments, changed)
    yield from arguments[:1]


def _other_sums(text):
    """The subscripts of an einsum, those of one array in another order."""
    before, _, output = text.partition("->")
    groups = [*before.split(","), output]
    for i, group in reversed(list(enumerate(groups))):
        for order in itertools.permutations(group) if len(group) <= MOST_AXES else ():
            *inputs, output = [*groups[:i], "".join(order), *groups[i + 1 :]]
            yield f"{','.join(inputs)}->{output}"


def products_of(left, right):
    """The matrix products of two factors, transposed or not, in either order."""
    for transposes in (trees.transposes, lambda node: [trees.swapped(node)]):
        for a, b in ((left, right), (right, left)):
            both = [a, *transposes(a)], [b, *transposes(b)]
            for first, second in itertools.product(*both):
                yield binary(first, ast.MatMult, second)


def _chains_of(factors):
    """The matrix products of three factors, transposed or not, in every order."""
    if len(factors) != 3:
        return
    for order in itertools.permutations(factors):
        for chosen in itertools.product(*((f, *trees.transposes(f)) for f in order)):
            yield product(chosen, ast.MatMult)
    for i in range(3):
        yield product([*factors[:i], *factors[i + 1 :]], ast.MatMult)


def _other_keywords(function, keywords):
    """The keywords with another axis, with or without keepdims, with or without a correction."""
    names = {keyword.arg for keyword in keywords}
    if not names & {"axis", "keepdims"} and function not in OTHER_FUNCTIONS:
        return
    others = [k for k in keywords if k.arg not in {"axis", "keepdims"}]
    for keepdims, axis in itertools.product((False, True), AXES):
        made = [] if axis is None else [ast.keyword("axis", parse(repr(axis)))]
        made += [ast.keyword("keepdims", number(True))] if keepdims else []
        yield [*others, *made]
    if function in {"var", "std"}:
        yield [*keywords, ast.keyword("correction", number(1))]
