"""Local derivatives: what one operation passes back to each of its operands.

`a` and `b` are the operands, `y` what the operation makes of them, `dy` its gradient. They are
expressions in the notation, so that a test can hold them against JAX.
"""

import ast

import numpy as np

from handgrad.derivation.expressions import parse

# ∂y/∂a, ∂y/∂b of operations that work number by number
SLOPES = {
    "Add": ("1", "1"),
    "Sub": ("1", "-1"),
    "Mult": ("b", "a"),
    "Div": ("1 / b", "-a / b**2"),
    "Pow": ("b * a**(b - 1)", "y * log(a)"),
    "USub": ("-1",),
    "UAdd": ("1",),
    "abs": ("sign(a)",),
    "cos": ("-sin(a)",),
    "cosh": ("sinh(a)",),
    "erf": ("2 / sqrt(pi) * exp(-a**2)",),
    "erfc": ("-2 / sqrt(pi) * exp(-a**2)",),
    "exp": ("y",),
    "expm1": ("y + 1",),
    "hypot": ("a / y", "b / y"),
    "log": ("1 / a",),
    "log1p": ("1 / (1 + a)",),
    "logaddexp": ("exp(a - y)", "exp(b - y)"),
    "maximum": ("where(a > b, 1, 0)", "where(b > a, 1, 0)"),
    "minimum": ("where(a < b, 1, 0)", "where(b < a, 1, 0)"),
    "negative": ("-1",),
    "relu": ("where(a > 0, 1, 0)",),
    "sigmoid": ("y * (1 - y)",),
    "sin": ("cos(a)",),
    "sinh": ("cosh(a)",),
    "softplus": ("sigmoid(a)",),
    "sqrt": ("1 / (2 * y)",),
    "square": ("2 * a",),
    "tan": ("1 + y**2",),
    "tanh": ("1 - y**2",),
}

# da, db of operations that mix the numbers of an array
WHOLE = {
    "inner": ("dy * b", "dy * a"),
    "log_softmax": ("dy - exp(y) * sum(dy, axis=AXIS, keepdims=True)",),
    "logsumexp": ("SPREAD * exp(a - KEPT)",),
    "max": ("SPREAD * where(a == KEPT, 1, 0)",),
    "mean": ("SPREAD / COUNT * ones_like(a)",),
    "min": ("SPREAD * where(a == KEPT, 1, 0)",),
    "norm": ("SPREAD * a / KEPT",),
    "outer": ("dy @ b", "a @ dy"),
    "prod": ("SPREAD * KEPT / a",),
    "reshape": ("reshape(dy, a.shape)",),
    "softmax": ("y * (dy - sum(dy * y, axis=AXIS, keepdims=True))",),
    "sum": ("SPREAD * ones_like(a)",),
    "trace": ("dy * eye(a.shape[0])",),
}
LAST_AXIS = {"softmax", "log_softmax"}


def kind_of(node):
    """The name of an operation in the tables."""
    match node:
        case ast.BinOp(op=op) | ast.UnaryOp(op=op):
            return type(op).__name__
        case ast.Call(func=ast.Name(id=name)):
            return name
    return type(node).__name__


def slope(node, position):
    """∂y/∂(the operand at this position) as an expression, or None if it is none number by number."""
    match node:
        case ast.BinOp(op=ast.Pow(), right=ast.Constant(value=2)) if position == 0:
            return parse("2 * a")
        case ast.BinOp(left=ast.Constant(value=1), op=ast.Div()) if position == 0:
            return parse("-y**2")  # what 1/x is drawn as
        case ast.Call(func=ast.Name(id="where")):
            return None
    slopes = SLOPES.get(kind_of(node), ())
    return parse(slopes[position]) if position < len(slopes) else None


def whole_gradient(node, position, values):
    """The gradient of an operand as an expression, or None; `values` are the operands' values."""
    match node:
        case ast.BinOp(op=ast.MatMult()):
            return _of_product(position, *values)
        case ast.Call(func=ast.Name(id="where")):
            return parse(("0", "where(a, dy, 0)", "where(a, 0, dy)")[position])
        case ast.Attribute(attr="T"):
            return parse("dy.T")
    found = WHOLE.get(kind_of(node), ())
    if position >= len(found) or (kind_of(node) == "trace" and np.ndim(values[0]) != 2):
        return None
    return _with_axis(found[position], node, values[0])


def _of_product(position, a, b):
    """The gradient of one side of a @ b; None where both have more axes than a picture explains."""
    axes = np.ndim(a), np.ndim(b)
    rules = {
        (1, 1): ("dy * b", "dy * a"),
        (1, 2): ("dy @ b.T", "outer(a, dy)"),
        (2, 1): ("outer(dy, b)", "a.T @ dy"),
        (2, 2): ("dy @ b.T", "a.T @ dy"),
    }
    if axes in rules:
        return parse(rules[axes][position])
    if axes[1] == 2 and position == 0:
        return parse("dy @ b.T")
    return None


def _with_axis(text, node, a):
    """A rule with the axis of a reduction in it, and dy and y spread along that axis again."""
    options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
    positional = [ast.unparse(argument) for argument in node.args[1:]]
    default = "-1" if kind_of(node) in LAST_AXIS else "None"
    axis = options.get("axis", positional[0] if positional else default)
    kept = axis in {"None", "0"} or np.ndim(a) < 2 or options.get("keepdims") == "True"
    shown = axis if axis.lstrip("-").isdigit() else None
    if any(word in text for word in ("SPREAD", "KEPT", "COUNT")) and not (kept or shown):
        return None
    spread = "dy" if kept else f"expand_dims(dy, axis={axis})"
    again = "y" if kept else f"expand_dims(y, axis={axis})"
    count = "a.size" if axis == "None" else f"a.shape[{axis}]"
    for word, meaning in (("AXIS", axis), ("SPREAD", spread), ("KEPT", again), ("COUNT", count)):
        text = text.replace(word, meaning)
    return parse(text)


def summed(node, own, made):
    """A gradient summed over the axes along which an operand of one shape was spread to another."""
    extra = len(made) - len(own)
    text = ast.unparse(node)
    if extra:
        axes = tuple(range(extra))
        text = f"sum({text}, axis={axes[0] if extra == 1 else axes})"
    wide = tuple(i for i, size in enumerate(own) if size == 1 and made[extra + i] != 1)
    if wide:
        text = f"sum({text}, axis={wide[0] if len(wide) == 1 else wide}, keepdims=True)"
    return parse(text)
