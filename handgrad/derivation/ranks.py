"""Ranks: how many axes an expression has, told from the tree alone.

It is all that typesetting wants to know: a product of two arrays is written with ⊙.
"""

import ast

from handgrad.derivation.expressions import elements, is_derivative, is_reduction
from handgrad.derivation.notation import Given, Kind

SHORTER = {"sum", "mean", "prod", "max", "min", "var", "std", "norm", "logsumexp", "all", "any"}
NUMBERS = {"inner", "det", "trace"}


def ranks_of(derivation):
    """The rank of each name. `...` counts nothing: what is elementwise is read as numbers."""
    found = {}
    for item in derivation.order:
        if isinstance(item, Given):
            dots = any(isinstance(a, ast.Constant) and a.value is ... for a in item.axes)
            found[item.name] = len(item.axes) - dots
        elif item.kind in {Kind.DEFINITION, Kind.AUXILIARY}:
            whole = rank(item.links[0].node, found)
            for target, head in zip(item.targets, item.heads, strict=True):
                indices = elements(head.slice) if isinstance(head, ast.Subscript) else ()
                found.setdefault(target, whole + len(indices))
    return found


def rank(node, ranks):
    """The rank of an expression, from those of names. A letter that is an index has the rank 0."""
    match node:
        case ast.Name(id=name):
            return 0 if is_derivative(name) else _of_name(name, ranks)
        case ast.BinOp(op=ast.MatMult(), left=left, right=right):
            return _of_product(rank(left, ranks), rank(right, ranks))
        case ast.Subscript(value=base, slice=index):
            return _of_subscript(rank(base, ranks), elements(index))
        case ast.Call() if is_reduction(node):
            return 0
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _of_call(name, arguments, node.keywords, ranks)
        case ast.Attribute(value=value):
            return rank(value, ranks) if node.attr == "T" else 0
    return max((rank(child, ranks) for child in ast.iter_child_nodes(node)), default=0)


def _of_name(name, ranks):
    return ranks.get(name, ranks.get(name[1:], 0) if name[0] in "dδ" else 0)


def _of_product(left, right):
    """(…, M, K) @ (…, K, N), where an array of one axis loses it."""
    if 1 in (left, right):
        return max(left + right - 2, 0)
    return max(left, right)


def _of_subscript(base, parts):
    kept = sum(1 if isinstance(p, ast.Slice) else _adds(p) for p in parts)
    return max(base - sum(not _is_none(p) for p in parts if not _dots(p)), 0) + kept


def _adds(part):
    return int(_is_none(part))


def _is_none(part):
    return isinstance(part, ast.Constant) and part.value is None


def _dots(part):
    return isinstance(part, ast.Constant) and part.value is ...


def _of_call(name, arguments, keywords, ranks):
    inner = max((rank(a, ranks) for a in arguments), default=0)
    options = {keyword.arg: keyword.value for keyword in keywords}
    if name in NUMBERS:
        return 0
    if name in SHORTER:
        kept = "keepdims" in options
        lost = len(elements(options["axis"])) if "axis" in options else inner
        return inner if kept else max(inner - lost, 0)
    if name in {"eye", "outer"}:
        return 2
    if name in {"zeros", "ones"} and arguments:
        return len(arguments[0].elts) if isinstance(arguments[0], ast.Tuple) else 1
    if name == "arange":
        return 1
    if name == "one_hot":
        return inner + 1
    if name == "solve" and len(arguments) == 2:
        return rank(arguments[1], ranks)
    return inner


def broadcasts(node):
    """Whether an expression only gets more axes, as x[:, None]."""
    return isinstance(node, ast.Subscript) and all(map(_only_broadcasts, elements(node.slice)))


def _only_broadcasts(part):
    """Whether a part of a subscript takes everything, or adds an axis."""
    if isinstance(part, ast.Slice):
        return part.lower is part.upper is part.step is None
    return isinstance(part, ast.Constant) and part.value in (None, ...)
