r"""Elaboration: each part of an equation in the notation, in every way in which it can be meant."""

import numpy as np

from handgrad.derivation.latex import applications, derivatives, groups, indices, tables, tree
from handgrad.derivation.latex.errors import UnfitError, UnknownNameError, UnreadError
from handgrad.derivation.latex.names import label, spellings
from handgrad.derivation.latex.readings import (
    ATOM,
    COMPARISON,
    POWER,
    SUM,
    Reading,
    aligned,
    distinct,
    made,
    pairs,
)
from handgrad.derivation.latex.tree import canonical

TRANSPOSED = {"top", "T", "intercal", "dagger", "transpose", "tr"}
COMPARED = {"=": "==", "<": "<", ">": ">", "<=": "<=", ">=": ">=", "!=": "!="}
CONSTANTS = {"True", "False", "None"}
ONES = {"1", "one", "0"}


def read(node, environment):
    """The readings of a part. Raises UnreadError where there is none."""
    if meant := environment.alias_of(node):
        return environment.meant(meant, node.at)
    found = distinct(_read(node, environment))
    if not found:
        raise UnfitError("its shapes do not fit", *node.at)
    return found


def _read(node, environment):
    match node:
        case tree.Number(text=text):
            return made(environment, text if text[0] != "." else f"0{text}", ATOM)
        case tree.Symbol():
            return symbol(node, environment)
        case tree.Scripted():
            return scripted(node, environment)
        case tree.Sum(terms=terms):
            return added(terms, environment)
        case tree.Product(factors=factors):
            return applications.multiplied(factors, environment)
        case tree.Fraction():
            return derivatives.fraction(node, environment)
        case tree.Root(body=body):
            found = read(body, environment)
            return [r for a in found for r in made(environment, f"sqrt({a.text})", ATOM, a.turn)]
        case tree.Group():
            return groups.grouped(node, environment)
        case tree.Big():
            return indices.reduced(node, environment)
        case tree.Relation(signs=[sign], sides=[_, _]) if sign in COMPARED:
            return compared(node, environment)
        case tree.Table():
            return tables.table(node, environment)
    said = f"the words {node.text!r}" if isinstance(node, tree.Words) else "this sign"
    raise UnreadError(
        f"{said} are not read" if said[-1] == "'" else f"{said} is not read", *node.at
    )


def symbol(node, environment):
    """A name by itself."""
    if name := marked(node, environment) or environment.name_of(node):
        if name[0] == "d" and name[1:] in environment.nodes and name not in environment.nodes:
            environment.require_gradients(node.at)
        if name in environment.letters:
            shifted = f"({name} + 1)" if environment.header.first else name
            return made(environment, shifted, ATOM)  # an index of LaTeX counts from 1
        return made(environment, name, ATOM)
    for name in spellings(node):
        if f"{name}2" in environment.squares:
            return made(environment, f"sqrt({name}2)", ATOM)
    if environment.is_unread(node):
        raise UnknownNameError(f"{shown(node)} is not known", *node.at)  # it is not a constant here
    if (
        node.style in {"mathbf", "mathbb", "boldsymbol", "bm", "mathds", "vec", "bf"}
        and node.name in ONES
    ):
        return _constant(node, environment)
    if node.name in CONSTANTS and node.style == "word":
        return made(environment, node.name, ATOM)
    if node.name == "e" and not node.style:
        return made(environment, "exp(1)", ATOM)
    if node.name in {"pi", "infty"}:
        return made(environment, {"pi": "pi", "infty": "inf"}[node.name], ATOM)
    if node.name == "I":
        return [r for size in sizes(environment) for r in made(environment, f"eye({size})", ATOM)]
    raise UnknownNameError(f"{shown(node)} is not known", *node.at)


def marked(node, environment):
    r"""The gradient or the move that \bar x, \dot x or dx means by the header; "" where it is none."""
    if (
        isinstance(node, tree.Symbol)
        and node.name[0] == "d"
        and "d" in environment.header.differentials
    ):
        return f"δ{node.name[1:]}" if node.name[1:] in environment.nodes else ""
    base = node.base if isinstance(node, tree.Scripted) else node
    if not isinstance(base, tree.Symbol) or base.accent not in environment.header.accents:
        return ""
    plain = tree.Symbol(base.at, base.name, "", base.style)
    if isinstance(node, tree.Scripted):
        plain = tree.Scripted(node.at, plain, node.below, node.above, node.primes)
    found = environment.name_of(plain)
    return f"{environment.header.accents[base.accent]}{found}" if found in environment.nodes else ""


def shown(node):
    """A symbol as it is named in a message."""
    return (spellings(node) or [canonical(node)])[0]


def sizes(environment):
    """The names of sizes, one for each number."""
    found = {}
    for name, value in environment.names.items():
        if isinstance(value, int) and not isinstance(value, bool):
            found.setdefault(value, name)
    return list(found.values())


def _constant(node, environment):
    """The vector of ones, or of zeros, of each size; or the number."""
    make = "zeros" if node.name == "0" else "ones"
    found = [r for n in sizes(environment) for r in made(environment, f"{make}({n})", ATOM)]
    shapes = {np.shape(environment.names[n]): n for n in sorted(environment.nodes, reverse=True)}
    matrices = [name for shape, name in shapes.items() if len(shape) > 1]
    found += [r for n in matrices for r in made(environment, f"{make}_like({n})", ATOM)]
    return [*found, *made(environment, "0" if make == "zeros" else "1", ATOM)]


def scripted(node, environment):
    """A name with labels, an entry, a power, a transpose."""
    if name := marked(node, environment) or environment.name_of(node):
        return made(environment, name, ATOM)
    for name in spellings(node.base):
        if f"{name}2" in environment.squares and canonical(node.above or node.base) == "2":
            return made(environment, f"{name}2", ATOM)
    if (found := tables.indicator(node, environment)) is not None:
        return found
    if found := environment.labelled_array(node):
        base, index = found
        return indices.entry(base, [index], environment)
    if (divided := _divided(node)) is not None:
        return scripted(divided, environment)
    above, below, base = node.above, node.below, node.base
    if node.primes:
        return _primed(node, environment)
    if isinstance(above, tree.Group) and above.opening in {"(", "[", "<", "langle"}:
        return indices.entry(base, [above, below], environment)
    if isinstance(base, tree.Group) and base.opening == "\\|":
        return applications.norm(base, below, above, environment)
    if below is not None:
        kept = tree.Scripted(node.at, base, below, None) if above is not None else node
        found = _lowered(kept, environment)
    elif _is_euler(base, environment):
        return _exponential(node, environment)
    else:
        found = read(base, environment)
    return found if above is None else raised(found, above, environment)


def _is_euler(base, environment):
    """Whether a symbol is the number e: it is upright, or no equation defines it."""
    if not isinstance(base, tree.Symbol) or canonical(base) != "e":
        return False
    return base.style == "word" or not environment.is_unread(base)


def _primed(node, environment):
    """X', the transpose of a matrix, or of what stands in parentheses, where nothing is called so."""
    name = tree.Scripted(node.at, node.base, None, None, node.primes)
    if name != node and environment.alias_of(name):  # q'_i is an entry of q'
        return scripted(tree.Scripted(node.at, name, node.below, node.above), environment)
    plain = tree.without_primes(node)
    found = []
    if node.primes == 1 and canonical(node) not in environment.claimed:
        found = read(plain, environment)
    if not found or not all(a.ndim == 2 or isinstance(plain, tree.Group) for a in found):
        raise UnreadError("this prime is not read", *node.at)
    return _transposed(found, environment)


def _exponential(node, environment):
    r"""e^x; a power of a name e first, where there is one that is not upright."""
    found = []
    if environment.name_of(node.base) and node.base.style != "word":
        found = raised(read(node.base, environment), node.above, environment)
    if found and isinstance(node.above, tree.Number):
        return found
    exponents = read(node.above, environment)
    return found + [r for a in exponents for r in made(environment, f"exp({a.text})", ATOM, a.turn)]


def _divided(node):
    """(A^{[1]})^T, of A^{[1]T}; None where the superscript is not of this kind."""
    above = node.above
    if not isinstance(above, tree.Product) or len(above.factors) != 2:
        return None
    (_, first), (op, last) = above.factors
    if op or not isinstance(first, tree.Group) or canonical(last) not in TRANSPOSED:
        return None
    inner = tree.Scripted(node.at, node.base, node.below, first)
    return tree.Scripted(node.at, inner, None, last)


def _lowered(node, environment):
    """A base with a subscript: a name with a label, I_n, or an entry."""
    if meant := environment.alias_of(node):
        return environment.meant(meant, node.at)
    if name := environment.name_of(node):
        return made(environment, name, ATOM)
    if _is_derivative(node.base, environment):
        return read(node.base, environment)  # what is held constant stands below
    if isinstance(node.base, tree.Symbol) and not environment.name_of(node.base):
        if (
            node.base.name == "delta"
            and len(parts := indices.parts_of(node.below, environment)) == 2
        ):
            return made(environment, f"δ[{', '.join(parts)}]", ATOM)
        size = label(node.below)
        if node.base.name == "I" and environment.known(size):
            return made(environment, f"eye({size})", ATOM)
        if node.base.name in ONES:
            name = "zeros" if node.base.name == "0" else "ones"
            size = size if environment.known(size) else indices.shape_of(node.below, environment)
            return made(environment, f"{name}({size})", ATOM)
    return indices.entry(node.base, [node.below], environment)


def _is_derivative(base, environment):
    """Whether parentheses hold a derivative."""
    inner = base.parts[0] if isinstance(base, tree.Group) else None
    if not isinstance(inner, tree.Fraction):
        return False
    return derivatives.moved(inner.below, environment) is not None


def raised(found, above, environment):
    """The readings of a base to a power, or transposed."""
    name = canonical(above)
    if name in TRANSPOSED and not (name == "tr" and environment.known("tr")):
        return _transposed(found, environment)
    inverse = name in {"-1", "-top", "-T"}
    power = [] if inverse else read(_exponent(above), environment)
    results = []
    for a in found:
        if inverse and a.ndim >= 2:
            text = f"inv({a.text})" + ".T" * (name != "-1")
            results += made(environment, text, ATOM, shape=a.shape)
        elif inverse:
            results += made(environment, f"1 / {a.within(POWER)}", 2, a.turn)
        for exponent in power:
            if a.ndim == 2 and exponent.text == "2" and a.shape[0] == a.shape[1]:
                results += made(environment, f"{a.within(ATOM)} @ {a.within(ATOM)}", 2)
            results += made(
                environment,
                f"{a.within(ATOM)}**{exponent.within(ATOM)}",
                POWER,
                a.turn,
                shape=a.shape,
            )
    return results


def _exponent(above):
    """What stands above, without the sign of a power number by number."""
    if isinstance(above, tree.Group) and above.opening in {"circ", "odot"}:
        return above.parts[0]
    if isinstance(above, tree.Product) and canonical(above.factors[0][1]) in {"circ", "odot"}:
        return tree.Product(above.at, above.factors[1:])
    return above


def _transposed(found, environment):
    results = []
    for a in found:
        if a.ndim == 1:
            results.append(Reading(a.text, a.level, a.value, "" if a.turn == "row" else "row"))
        elif a.ndim == 0:
            results.append(a)
        elif a.ndim == 2:
            text = f"{a.within(ATOM)}.T"
            results += made(environment, text, ATOM, shape=a.shape[::-1])
    return results


def added(terms, environment):
    """A sum of terms with their signs."""
    sign, first = terms[0]
    found = read(first, environment) if sign == "+" else _counted(first, environment)
    if sign == "-":
        found = [
            r
            for a in found
            for r in made(environment, f"-{a.within(3)}", SUM, a.turn, shape=a.shape)
        ]
    for sign, term in terms[1:]:
        more = _counted(term, environment)
        results = []
        for a, b in pairs(found, more):
            sides = [(a.within(SUM), b.within(SUM + 1)), *aligned(a, b, SUM)]
            turn = a.turn if a.turn == b.turn else ""
            for left, right in sides:
                text = f"{left} {sign} {right}"
                results += made(environment, text, SUM, turn, shape=a.shape or b.shape)
        found = distinct(sorted(results, key=lambda r: r.shape not in {m.shape for m in more}))
    return found


def _counted(node, environment):
    """The readings of a term, with [x > 0] as a number."""
    found = read(node, environment)
    return (
        found
        if isinstance(node, tree.Group) and node.opening == "("
        else [r.counted for r in found]
    )


def compared(node, environment):
    """A comparison, whose indices stand for themselves."""
    if found := _of_option(node, environment):
        return found
    (sign,), sides = node.signs, [indices.bare(side, environment) for side in node.sides]
    for place, (side, other) in enumerate(zip(node.sides, reversed(sides), strict=True)):
        if other and isinstance(side, tree.Number) and side.text.isdigit():  # a place, from 1
            sides[place] = made(environment, str(int(side.text) - environment.header.first), ATOM)
    if not all(sides):
        sides = [environment.read(side) for side in node.sides]
    found = []
    for a, b in pairs(*sides):
        text = f"{a.within(SUM)} {COMPARED[sign]} {b.within(SUM)}"
        found += made(environment, text, COMPARISON)
    return found


def _of_option(node, environment):
    """mode = wrap, where the header says that mode is a word; [] for another comparison."""
    (sign,), (option, word) = node.signs, node.sides
    name = environment.name_of(option)
    if not isinstance(environment.names.get(name), str):
        return []
    return made(environment, f"{name} {COMPARED[sign]} {canonical(word)!r}", COMPARISON)
