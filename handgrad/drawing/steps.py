"""The walk forward and back, one operation at a time, as a teacher writes it on the board."""

import ast
import functools
import re

import numpy as np

from handgrad.derivation.expressions import names_in
from handgrad.derivation.shapes import numpy_value
from handgrad.drawing.labels import amount, number
from handgrad.drawing.slopes import slope, summed, whole_gradient
from handgrad.drawing.spelling import is_number, literal, spelled, with_names

LETTERS = "abcdefgh"
SHAPE = re.compile(r"([^\W\d][\w\u0300-\u036f]*)\.shape\[(-?\d+)\]")


def steps(walk, *, norm=False):
    """The two walks as text: numbered steps, each with its numbers, or its shapes."""
    title = walk.expanded.derivation.title
    forward, backward = walks(walk, norm=norm)
    return f"{title}\n\nForward\n\n{_numbered(forward)}\n\nBackward\n\n{_numbered(backward)}\n"


def walks(walk, *, norm=False):
    """The lines of the walk forward, and those of the walk back."""
    forward = [_forward(walk, operation, norm=norm) for operation in walk.operations]
    return forward, list(_backward(walk, norm=norm))


def _numbered(lines):
    wide = len(str(len(lines)))
    return "\n".join(f"{i:>{wide + 2}}. {line}" for i, line in enumerate(lines, 1))


def _forward(walk, operation, *, norm):
    """price = total × tax = 200 × 1.1 = 220, or the shape of what is made."""
    node, head = walk.shown(operation.node), ", ".join(operation.targets)
    names = [name for name in names_in(node) if name in walk.point.names]
    numbers = {name: walk.point.names[name] for name in names}
    made = [walk.point.names[name] for name in operation.targets]
    if all(map(is_number, made)) and all(map(is_number, numbers.values())):
        filled = with_names(node, {name: literal(float(v)) for name, v in numbers.items()})
        made = ", ".join(map(number, made))
        return f"{head} = {' = '.join(dict.fromkeys([spelled(node), spelled(filled), made]))}"
    shapes = [
        _amount(walk, name, value, norm)
        for name, value in zip(operation.targets, made, strict=True)
    ]
    return f"{head} = {ast.unparse(node)}  {', '.join(filter(None, shapes))}".rstrip()


def _amount(walk, name, value, norm):
    return amount(value, walk.shapes.get(name, ()), norm=norm, numbers=walk.stated)


def _backward(walk, *, norm):
    """From the outputs to the inputs; where a value went several ways, their sum."""
    uses = walk.uses()
    left = {
        root: [use for use in ways if walk.gradient(*use) is not None]
        for root, ways in uses.items()
    }
    done = dict.fromkeys(left, 0)
    for name in walk.outputs:
        if walk.gradient(name) is not None:
            yield _start(walk, name, norm)
            yield from _total(walk, walk.expanded.root(name), left, done, norm)
    for operation in reversed(walk.operations):
        for position, operand in enumerate(operation.operands):
            if walk.flows(operand) and walk.gradient(operand.id, operation.through) is not None:
                root = walk.expanded.root(operand.id)
                yield _step(walk, operation, position, len(left[root]) > 1, norm)
                yield from _total(walk, root, left, done, norm)


def _start(walk, name, norm):
    """The gradient that comes in at an output: 1, or an array of any numbers."""
    dy = walk.gradient(name, "")
    if is_number(dy):
        return f"d{name} = ∂{name}/∂{name} = {number(dy)}" if dy == 1 else f"d{name} = {number(dy)}"
    return f"d{name} comes from what follows  {_amount(walk, name, dy, norm)}"


def _total(walk, root, left, done, norm):
    """The sum of the ways of a value, once the last of them has come back."""
    done[root] += 1
    ways = left[root]
    if len(ways) == 1 or done[root] < len(ways):
        return
    parts = [walk.gradient(name, through) for name, through in reversed(ways)]
    total = walk.gradient(root)
    head = f"{root} went {len(ways)} ways, and its gradients add up: d{root} ="
    if is_number(total):
        sum_of = functools.reduce(
            lambda a, b: ast.BinOp(a, ast.Add(), b), (literal(float(part)) for part in parts)
        )
        yield f"{head} {spelled(sum_of)} = {number(total)}"
    else:
        yield f"{head} their sum  {_amount(walk, root, total, norm)}"


def _step(walk, operation, position, shared, norm):
    """What one operation passes back to one of its operands."""
    operand = operation.operands[position]
    assert isinstance(operand, ast.Name)
    name, through = operand.id, operation.through
    gradient = walk.gradient(name, through)
    values = [walk.point.names[target] for target in operation.targets]
    local = None if operation.whole else slope(operation.node, position)
    if local is not None and is_number(gradient) and all(map(is_number, values)):
        return _with_numbers(walk, operation, position, local, shared)
    head, shape = f"d{walk.expanded.called(name)}", _amount(walk, name, gradient, norm)
    rule = backward_rule(walk, operation, position)
    if rule is None:
        dy = ", ".join(f"d{target}" for target in operation.targets)
        return f"{'to ' if shared else ''}{head}: {_in_words(operation.symbol, dy)}  {shape}"
    text = _with_letters(ast.unparse(rule), walk)
    return f"to {head}: {text}  {shape}" if shared else f"{head} = {text}  {shape}"


def _in_words(symbol, dy):
    """What an operation without a rule in symbols passes back."""
    if symbol.startswith("["):
        return f"the numbers of {dy} go back to where they were taken, and 0 to the others"
    words = {
        "concat": f"the part of {dy} that came from here",
        "stack": f"the part of {dy} that came from here",
        "swapaxes": f"{dy} with the same axes exchanged again",
        "permute_dims": f"{dy} with its axes in the old order again",
        "broadcast_to": f"{dy} summed along the axes that were repeated",
    }
    return words.get(symbol, f"{dy} times the slopes of {symbol}")


def _with_letters(text, walk):
    """A rule with N in the place of x.shape[0], if that is what it is."""

    def letter(match):
        axis = walk.shapes.get(match[1], ())[int(match[2])]
        return axis if axis.isidentifier() else match[0]

    return SHAPE.sub(letter, text)


def _names(walk, operation):
    """What the letters of a rule stand for."""
    operands = [walk.shown(operand) for operand in operation.operands]
    target = operation.targets[0]
    names = dict(zip(LETTERS, operands, strict=False))
    return names | power_of(operation) | {"y": ast.Name(target), "dy": ast.Name(f"d{target}")}


def power_of(operation):
    """The exponent of a power, and the numerator of 1/x, are not operands but appear in the rule."""
    match operation.node:
        case ast.BinOp(op=ast.Pow(), right=right) if len(operation.operands) == 1:
            return {"b": right}
    return {}


def backward_rule(walk, operation, position):
    """The gradient of an operand in the author's names, or None where there is no rule for it."""
    if operation.whole:
        return None
    rule = _rule(walk, operation, position, slope(operation.node, position))
    return None if rule is None else with_names(rule, _names(walk, operation))


def _rule(walk, operation, position, local):
    """The gradient of an operand in the letters of the tables."""
    if local is None:
        values = [walk.value(operand) for operand in operation.operands]
        return whole_gradient(operation.node, position, values)
    rule = ast.BinOp(ast.Name("dy"), ast.Mult(), local)
    match local:
        case ast.Constant(value=1):
            rule = ast.Name("dy")
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=1)):
            rule = ast.UnaryOp(ast.USub(), ast.Name("dy"))
        case ast.BinOp(left=ast.Constant(value=1), op=ast.Div(), right=right):
            rule = ast.BinOp(ast.Name("dy"), ast.Div(), right)
    made = np.shape(walk.point.names[operation.targets[0]])
    return summed(rule, np.shape(walk.value(operation.operands[position])), made)


def _with_numbers(walk, operation, position, local, shared):
    """∂price/∂tax = total = 200, so dtax = dprice × 200 = 1 × 200 = 200"""
    target, operand = operation.targets[0], operation.operands[position]
    name = walk.expanded.called(operand.id)
    symbols = with_names(local, _names(walk, operation))
    values = {n: walk.point.names[n] for n in names_in(symbols)}
    filled = with_names(symbols, {n: literal(float(v)) for n, v in values.items()})
    at = number(numpy_value(symbols, walk.point.names))
    chain = list(dict.fromkeys([spelled(symbols), spelled(filled), at]))
    factor = f"({at})" if at.startswith("-") else at
    dy, gradient = walk.gradient(target), walk.gradient(operand.id, operation.through)
    head = f"this way d{name} gets" if shared else f"d{name} ="
    return (
        f"∂{target}/∂{name} = {' = '.join(chain)}, so {head} d{target} × {factor}"
        f" = {number(dy)} × {factor} = {number(gradient)}"
    )
