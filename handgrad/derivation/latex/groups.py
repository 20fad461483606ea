r"""Groups: what stands between delimiters, such as `\langle x, y \rangle`, `\lfloor a \rfloor` or `[h, x]`."""

from handgrad.derivation.latex import applications, tables, tree
from handgrad.derivation.latex.errors import UnreadError
from handgrad.derivation.latex.readings import ATOM, POWER, PRODUCT, made, pairs

MOST_JOINED = 4


def grouped(node, environment):
    """What stands between delimiters."""
    if node.opening == "langle":
        if len(node.parts) != 2:
            raise UnreadError("⟨a, b⟩ has two parts", *node.at)
        sides = [environment.read(part) for part in node.parts]
        return [
            r
            for a, b in pairs(*sides)
            for r in made(environment, f"inner({a.text}, {b.text})", ATOM)
        ]
    if node.opening == "\\|":
        return applications.norm(node, None, None, environment)
    if node.opening in {"lfloor", "lceil"}:
        return _rounded(node, environment)
    if len(node.parts) != 1:
        return _joined(node, environment)
    if (found := tables.iverson(node, environment)) is not None:
        return found
    found = environment.read(node.parts[0])
    if node.opening != "|":
        return found
    matrices = [r for a in found if a.ndim == 2 for r in made(environment, f"det({a.text})", ATOM)]
    return matrices + [r for a in found for r in made(environment, f"abs({a.text})", ATOM, a.turn)]


def _rounded(node, environment):
    """⌊a / b⌋, a // b, or a number rounded down or up."""
    if len(node.parts) != 1:
        raise UnreadError("a list is not read here", *node.at)
    (inner,) = node.parts
    if node.opening == "lfloor" and isinstance(inner, tree.Fraction):
        sides = pairs(environment.read(inner.above), environment.read(inner.below))
        texts = [f"{a.within(PRODUCT)} // {b.within(POWER)}" for a, b in sides]
        return [r for text in texts for r in made(environment, text, PRODUCT)]
    name = {"lfloor": "floor", "lceil": "ceil"}[node.opening]
    return [
        r for a in environment.read(inner) for r in made(environment, f"{name}({a.text})", ATOM)
    ]


def _joined(node, environment):
    """[h, x]: vectors one behind the other, or the rows of matrices."""
    if node.opening != "[" or len(node.parts) > MOST_JOINED:
        raise UnreadError("a list is not read here", *node.at)
    first, *others = [environment.read(part) for part in node.parts]
    texts = [(a.text, a.ndim) for a in first if a.ndim]
    for other in others:
        texts = [(f"{text}, {b.text}", n) for (text, n), b in pairs(texts, other) if b.ndim == n]
    axes = [(text, axis) for text, n in texts for axis in range(-1, n - 1)]
    return [
        r for text, axis in axes for r in made(environment, f"concat(({text}), axis={axis})", ATOM)
    ]
