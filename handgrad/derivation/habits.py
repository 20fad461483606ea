"""Habits: what comes from code, from books and from LaTeX, and how it is spelled here."""

import ast
import re
import unicodedata

SIGNS = {
    "·": "* between numbers, @ between matrices",
    "⋅": "* between numbers, @ between matrices",
    "×": "*",
    "⊙": "*",
    "∘": "*",
    "⊗": "outer(a, b) or kron(A, B)",
    "−": "-",
    "÷": "/",
    "ᵀ": ".T",
    "⊤": ".T",
    "²": "**2",
    "³": "**3",
    "⁻": "**-1",
    "√": "sqrt(…)",
    "∑": "sum[i](…)",
    "∏": "prod[i](…)",
    "∇": "d and the name: dx",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "‖": "norm(x)",
    "∞": "inf",
    "^": "** for a power",
}
FUNCTIONS = {
    "arccos": "acos(x)",
    "arcsin": "asin(x)",
    "arctan": "atan(x)",
    "arctan2": "atan2(y, x)",
    "average": "mean(x)",
    "bmm": "A @ B",
    "dot": "a @ b",
    "len": "x.shape[0]",
    "ln": "log(x)",
    "log_sum_exp": "logsumexp(x)",
    "mm": "A @ B",
    "pow": "a**b",
    "range": "arange(n)",
    "tr": "trace(A)",
}
OTHERS = {
    ast.ListComp | ast.GeneratorExp | ast.SetComp: "sum[j](…) for a sum over j",
    ast.IfExp: "where(condition, a, b)",
    ast.And: "logical_and(a, b)",
    ast.Or: "logical_or(a, b)",
    ast.Not: "logical_not(a)",
}
ATTRIBUTES = {"T", "ndim", "shape", "size"}  # of arrays, whatever their names are
LIBRARIES = {"np", "numpy", "jnp", "jax", "torch", "math", "F", "nn", "tf"}
UPSTREAM = {"dout", "grad_output", "grad_out", "upstream", "dL_dy", "grad_y"}
NAME = re.compile(r"[^\W\d]\w*")
GIVEN = re.compile(r"\s*(?P<name>[^\W\d]\w*)\s*:\s*(?P<shape>[\w\s,*+-]+)")


def of_text(text):
    """The right spelling of the first sign in a text that Python does not know, or ""."""
    for character in text:
        if character in SIGNS:
            return f": for {character} write {SIGNS[character]}"
    return ""


def of_line(text):
    """The right spelling of a line that is neither a given nor a chain, or ""."""
    if match := GIVEN.fullmatch(text):
        return f": a shape stands in parentheses, {match['name']} : ({match['shape'].strip()})"
    return ""


def of_name(name, outputs):
    """What an unknown name may have been meant for, or ""."""
    if name in UPSTREAM and outputs:
        return f": the upstream gradient of {outputs[-1]} is d{outputs[-1]}"
    return ""


def of_letters(text, spellings):
    """What is said where two letters are one name to Python, such as ℓ and l; or "".

    `spellings` are those that were read so far, by the name that Python makes of them.
    """
    for written in NAME.findall(text):
        if sign := of_text(written):
            return f"{written} is not a name{sign}"
        name = unicodedata.normalize("NFKC", written)
        other = spellings.setdefault(name, written)
        if other != written and name.isascii():
            return f"{written} and {other} are one name to Python: rename one of them"
    return ""


def of_quotient(node, nodes):
    """What is said of a line that begins with dL/dx, where L and x are nodes; or ""."""
    match node:
        case ast.BinOp(left=ast.Name(id=y), op=ast.Div(), right=ast.Name(id=x)):
            if y[0] == x[0] == "d" and {y[1:], x[1:]} <= nodes:
                return f"{y}/{x} is a quotient here: a derivative is written ∂{y[1:]}/∂{x[1:]}"
    return ""


def of_function(name):
    """The right spelling of a function that there is not, or ""."""
    return f": write {FUNCTIONS[name]}" if name in FUNCTIONS else ""


def of_node(node):
    """The right spelling of what the notation does not have, or ""."""
    node = getattr(node, "op", node) if isinstance(node, ast.BoolOp | ast.UnaryOp) else node
    match node:
        case ast.BinOp(op=ast.BitXor()):
            return ": write ** for a power"
        case ast.Attribute(value=ast.Name(id=library), attr=name) if library in LIBRARIES:
            return (
                ""
                if name in ATTRIBUTES
                else f": write {FUNCTIONS.get(name, name)}, without {library}"
            )
        case ast.Call():
            return _of_call(node)
        case ast.Compare(ops=[_, _, *_]):
            return ": write one comparison at a time, (a < b) * (b < c)"
    return next((f": write {hint}" for kind, hint in OTHERS.items() if isinstance(node, kind)), "")


def _of_call(node):
    """The right spelling of a method, or of the larger of two numbers; or ""."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=function)):
            return f": write {function}({name})" if name not in LIBRARIES else ""
        case ast.Call(func=ast.Attribute(attr=function)):
            return f": write {function}(…) as a function"
        case ast.Call(func=ast.Name(id="max" | "min" as name), args=[_, _, *_]):
            return f": write {name}imum(a, b) of two, {name}(a, axis=0) over an axis"
    return ""
