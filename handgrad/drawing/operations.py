"""Operations: a derivation rewritten so that every definition is one operation.

What is made on the way gets a name of its own, so that every edge of the graph can be asked for
its value and its gradient.
"""

import ast
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from handgrad.derivation.errors import DerivationError
from handgrad.derivation.expressions import is_reduction, names_in
from handgrad.derivation.notation import Chain, Derivation, Given, Kind, Link
from handgrad.derivation.vocabulary import PAIRWISE

MAX_OPERATIONS = 300
SIZES = {"ndim", "shape", "size"}
SYMBOLS = {
    ast.Add: "+",
    ast.Sub: "−",
    ast.Mult: "×",
    ast.Div: "÷",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.MatMult: "@",
    ast.USub: "−",
    ast.UAdd: "+",
    ast.Eq: "=",
    ast.NotEq: "≠",
    ast.Lt: "<",
    ast.LtE: "≤",
    ast.Gt: ">",
    ast.GtE: "≥",
}
MOVING = {
    "broadcast_to",
    "expand_dims",
    "flip",
    "moveaxis",
    "one_hot",
    "permute_dims",
    "reshape",
    "roll",
    "squeeze",
    "swapaxes",
}
WITH_OPERANDS = {"where", "inner", "outer", *PAIRWISE.split()}


@dataclass(frozen=True)
class Operation:
    """One operation: its expression in names of values, and how a picture writes it.

    `operands` are names and constants in the order in which they stand there. One that is `whole`
    is a definition by indices or steps, for which there is no rule in symbols; all definitions of
    a recurrence are one, from its `block`.
    """

    targets: tuple[str, ...]
    node: ast.expr
    symbol: str
    detail: str
    operands: tuple[ast.expr, ...]
    whole: bool = False
    block: int = 0

    @property
    def through(self):
        """What `Point.paths` calls the way through this operation, if it is one definition."""
        return ", ".join(self.targets)

    @property
    def ways(self):
        """What `Point.paths` calls the ways through its definitions."""
        return self.targets if self.block else (self.through,)


@dataclass
class Expanded:
    """A derivation with one operation a definition.

    `same` names for a name that is another's the name it stands for. `hidden` are the names that
    the author did not give.
    """

    derivation: Derivation
    operations: list[Operation] = field(default_factory=list)
    same: dict[str, str] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    live: set[str] = field(default_factory=set)

    def called(self, name):
        """How the author calls a value: by its name, and not by the name of a copy."""
        while name in self.hidden and name in self.same:
            name = self.same[name]
        return name

    def root(self, name):
        """The name under which a value was made."""
        while name in self.same:
            name = self.same[name]
        return name


def expand(derivation, constants):
    """The operations of a derivation; `constants` are names that stand for no array."""
    expander = _Expander(derivation, constants)
    for item in derivation.order:
        if isinstance(item, Given):
            expander.give(item)
        elif item.kind is Kind.DEFINITION:
            expander.define(item)
    if not expander.expanded.derivation.outputs:
        raise DerivationError("there is no definition, such as `y = x @ W`, and so no graph")
    if not any(given.value for given in derivation.givens):
        expander.give_unit()
    return expander.expanded


@dataclass(frozen=True)
class _Shape:
    """How an expression is written, what goes into it, and how it is made of that."""

    symbol: str
    operands: list[ast.expr]
    rebuilt: Callable[..., ast.expr]
    detail: str = ""


class _Expander:
    """Rewrites definition after definition."""

    def __init__(self, derivation, constants):
        self.constants = constants
        self.expanded = Expanded(Derivation(derivation.title, derivation.fields))
        targets = {name for chain in derivation.chains for name in chain.targets}
        self.taken = targets | constants.keys() | {given.name for given in derivation.givens}
        self.fresh = (f"u{number}" for number in itertools.count(1))
        self.copies = (f"copy{number}" for number in itertools.count(1))

    def give(self, given):
        self.expanded.derivation.add(given)
        self.expanded.live.add(given.name)

    def give_unit(self):
        """Give a number that nothing uses: where a given has a value, dy is 1 if y is a number."""
        self.give(Given(self._new_name(), (), "real", None, ast.Constant(1.0), 0))

    def define(self, chain):
        node = chain.links[0].node
        if chain.letters or chain.block or chain.implicit or any(map(is_reduction, ast.walk(node))):
            self._keep_whole(chain)
            return
        if not self._is_live(node):
            self._add(chain.targets, node, chain.line)
            return
        self.expanded.live |= set(chain.targets)
        if isinstance(node, ast.Tuple | ast.List) and len(node.elts) == len(chain.targets) > 1:
            names: list[ast.expr] = [self._own(element, chain.line) for element in node.elts]
            self._add(chain.targets, ast.copy_location(ast.Tuple(names), node), chain.line)
            pairs = zip(chain.targets, names, strict=True)
            self.expanded.same |= {t: n.id for t, n in pairs if isinstance(n, ast.Name)}
        elif isinstance(node, ast.Name):
            self._add(chain.targets, node, chain.line)
            self.expanded.same[chain.targets[0]] = node.id
        else:
            self._operate(node, chain.targets, chain.line)

    def _keep_whole(self, chain):
        """One operation for a definition by indices or steps, which are not taken apart."""
        derivation, operations = self.expanded.derivation, self.expanded.operations
        derivation.add(chain)
        derivation.times |= chain.times
        names = [name for name in names_in(chain.links[0].node) if name in self.expanded.live]
        targets = chain.targets
        for earlier in [o for o in operations if chain.block and o.block == chain.block]:
            names = [*(n.id for n in earlier.operands), *names]
            targets = tuple(dict.fromkeys([*earlier.targets, *targets]))
            operations.remove(earlier)
        self.expanded.live |= set(targets)
        node, symbol = chain.links[0].node, _symbol_of(chain)
        others = [name for name in dict.fromkeys(names) if name not in targets]
        operands = tuple(ast.copy_location(ast.Name(name), node) for name in others)
        made = Operation(targets, node, symbol, "", operands, whole=True, block=chain.block)
        operations.append(made)

    def _own(self, node, line):
        """A name for one element of a list, even if it is another's."""
        if self._is_live(node) and not isinstance(node, ast.Name):
            return self._value(node, line)
        return self._copy(node, line)

    def _copy(self, node, line):
        name = next(name for name in self.copies if name not in self.taken)
        self.expanded.hidden.add(name)
        self.expanded.live.add(name)
        self._add((name,), node, line)
        if isinstance(node, ast.Name):
            self.expanded.same[name] = node.id
        return ast.copy_location(ast.Name(name), node)

    def _value(self, node, line):
        """The name of the value of an expression, or the expression itself if it is constant."""
        if isinstance(node, ast.Name) or not self._is_live(node):
            return node
        return ast.copy_location(ast.Name(self._operate(node, None, line)), node)

    def _operate(self, node, targets, line):
        """Add an operation behind those that its operands need; the name of what it makes."""
        shape = self._shape(_as_relu(node) or node)
        operands, seen = [], set()
        for operand in shape.operands:
            value = self._value(operand, line)
            if isinstance(value, ast.Name) and value.id in seen:
                value = self._copy(value, line)
            seen |= {value.id} if isinstance(value, ast.Name) else set()
            operands.append(value)
        targets = targets or (self._new_name(),)
        self.expanded.live |= set(targets)
        made = ast.copy_location(shape.rebuilt(*operands), node)
        ast.fix_missing_locations(made)
        self._add(targets, made, line)
        operation = Operation(targets, made, shape.symbol, shape.detail, tuple(operands))
        self.expanded.operations.append(operation)
        if len(self.expanded.operations) > MAX_OPERATIONS:
            raise DerivationError(f"a picture has room for {MAX_OPERATIONS} operations", line)
        return targets[0]

    def _shape(self, node):
        match node:
            case ast.BinOp(left=left, op=op, right=right):
                return self._binary(left, op, right)
            case ast.Call(func=ast.Name()):
                return self._call(node)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                symbol = SYMBOLS.get(type(op), "?")
                return _Shape(symbol, [left, right], lambda a, b: ast.Compare(a, [op], [b]))
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                return _Shape("( , )", elements, lambda *parts: ast.Tuple(list(parts)))
        return _of_one(node)

    def _binary(self, left, op, right):
        if isinstance(op, ast.Pow) and not self._is_live(right):
            symbol = f"^{_short(right)}"
            return _Shape(symbol, [left], lambda x: ast.BinOp(x, op, right))
        if isinstance(op, ast.Div) and isinstance(left, ast.Constant) and left.value == 1:
            return _Shape("1/x", [right], lambda x: ast.BinOp(left, op, x))
        symbol = "^" if isinstance(op, ast.Pow) else SYMBOLS.get(type(op), "?")
        return _Shape(symbol, [left, right], lambda a, b: ast.BinOp(a, op, b))

    def _call(self, node):
        """A call: arrays are operands, options belong to the operation."""
        parts = [part for argument in node.args for part in _elements(argument)]
        chosen = [self._is_operand(node.func.id, part) for part in parts]
        operands = [part for part, is_operand in zip(parts, chosen, strict=True) if is_operand]

        def rebuilt(*values):
            queue = iter(values)
            new = iter([next(queue) if c else p for p, c in zip(parts, chosen, strict=True)])
            arguments = [_refilled(argument, new) for argument in node.args]
            return ast.Call(node.func, arguments, node.keywords)

        return _Shape(node.func.id, operands, rebuilt, self._detail(node))

    def _detail(self, node):
        """What a picture says of a call beside its name: the axis, or einsum's subscripts."""
        found = [argument.value for argument in node.args if _is_text(argument)]
        for keyword in node.keywords:
            if keyword.arg == "axis":
                value = keyword.value
                axis = self.constants.get(value.id) if isinstance(value, ast.Name) else None
                text = ast.unparse(value) if axis is None else axis
                found += [f"axis {text}"] if text not in {"None", None} else []
        return ", ".join(found)

    def _is_operand(self, function, node):
        if self._is_live(node) or function in MOVING:
            return self._is_live(node)
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} - self.constants.keys()
        return bool(names & self.taken) or (function in WITH_OPERANDS and not _is_text(node))

    def _is_live(self, node):
        """Whether the numbers of a given go into an expression."""
        match node:
            case ast.Name(id=name):
                return name in self.expanded.live and name not in self.constants
            case ast.Attribute(attr=name) if name in SIZES:
                return False
            case ast.Call(args=arguments, keywords=keywords):
                return any(map(self._is_live, [*arguments, *(k.value for k in keywords)]))
        return any(map(self._is_live, ast.iter_child_nodes(node)))

    def _new_name(self):
        name = next(name for name in self.fresh if name not in self.taken)
        self.expanded.hidden.add(name)
        return name

    def _add(self, targets, node, line):
        link = Link(node, ast.unparse(node), line)
        chain = Chain(Kind.DEFINITION, tuple(targets), (link,), line)
        self.expanded.derivation.add(chain)


def _symbol_of(chain):
    """How a picture writes a definition by indices or steps."""
    if chain.block:
        return "↻"
    if chain.implicit:
        return chain.implicit.replace("_", " ")
    reductions = [n.func.value.id for n in ast.walk(chain.links[0].node) if is_reduction(n)]
    names = {"sum": "Σ", "mean": "mean", "prod": "Π"}
    return (
        names.get(reductions[0], reductions[0]) if reductions else f"[{', '.join(chain.letters)}]"
    )


def _of_one(node):
    """The shape of an expression with one operand."""
    match node:
        case ast.UnaryOp(op=op, operand=x):
            return _Shape(SYMBOLS.get(type(op), "?"), [x], lambda x: ast.UnaryOp(op, x))
        case ast.Attribute(value=x, attr=name):
            return _Shape(f".{name}", [x], lambda x: ast.Attribute(x, name))
        case ast.Subscript(value=x, slice=index):
            text = ast.unparse(index).strip("()")
            return _Shape(f"[{text}]", [x], lambda x: ast.Subscript(x, index))
    raise DerivationError(f"{ast.unparse(node)!r} is not allowed in a derivation")


def _as_relu(node):
    """`relu(x)` for `where(x > 0, x, 0)`, which the book draws as one node; else None."""
    match node:
        case ast.Call(
            func=ast.Name(id="where"),
            args=[
                ast.Compare(left=left, ops=[ast.Gt()], comparators=[ast.Constant(value=0)]),
                x,
                ast.Constant(value=0),
            ],
        ) if ast.dump(left) == ast.dump(x):
            relu = ast.copy_location(ast.Name("relu"), node)
            return ast.copy_location(ast.Call(relu, [x], []), node)
    return None


def _elements(node):
    return node.elts if isinstance(node, ast.Tuple | ast.List) else [node]


def _refilled(node, parts):
    """An argument with its parts taken, one by one, from an iterator."""
    if isinstance(node, ast.Tuple | ast.List):
        return ast.copy_location(ast.Tuple([next(parts) for _ in node.elts]), node)
    return next(parts)


def _is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _short(node):
    text = ast.unparse(node)
    return text if len(text) <= 6 else f"({text})"
