r"""Applications: `\log \sigma(x)`, `f'(z)`, `\|x\|_2^2`, and the factors of a product one by one."""

import re
from dataclasses import replace

from handgrad.derivation.latex import arguments, derivatives, functions, indices, tables, tree
from handgrad.derivation.latex.errors import UnreadError
from handgrad.derivation.latex.names import CALLED, spellings
from handgrad.derivation.latex.products import combined
from handgrad.derivation.latex.readings import ATOM, POWER, SUM, Reading, distinct, made
from handgrad.derivation.latex.tree import canonical

ATTRIBUTES = ("shape", "size", "ndim")
TEMPLATES = {"logit": "log({0}) - log(1 - {0})", "logdet": "log(det({0}))"}
SLOPES = {
    "sigmoid": "sigmoid({0}) * (1 - sigmoid({0}))", "tanh": "1 - tanh({0})**2", "exp": "exp({0})",
    "log": "1 / ({0})", "sin": "cos({0})", "cos": "-sin({0})", "softplus": "sigmoid({0})",
    "relu": "where({0} > 0, 1, 0)", "sinh": "cosh({0})", "cosh": "sinh({0})",
}  # fmt: skip
NAMED = re.compile(r"[a-z_]+ ?=")
PAIRS = {"max": "maximum", "min": "minimum"}
BRACKETS = {"(", "[", "\\{", "{"}
MAX_FACTORS = 40
TOO_MANY = 4  # ways to divide a product


def multiplied(factors, environment):
    """The readings of a product: its factors, applied where they are functions, and multiplied."""
    if len(factors) > MAX_FACTORS:
        raise UnreadError("too many factors", *factors[0][1].at)
    found = []
    for count, items in enumerate(_divided(list(factors), environment)):
        if count == TOO_MANY:
            break
        found += combined(items, environment)
    return distinct(found)


def _divided(factors, environment):
    """Each way to divide factors into parts that multiply: lists of (sign, readings)."""
    if not factors:
        yield []
        return
    op = factors[0][0]
    for readings, used in _first(factors, environment):
        for rest in _divided(factors[used:], environment):
            yield [(op, readings), *rest]


def _first(factors, environment):
    """(readings, how many factors they take) of each way to read what stands first."""
    node = factors[0][1]
    meant, count = environment.alias_of_factors(factors)
    if meant:
        yield environment.meant(meant, node.at), count
        return
    if (found := derivatives.of_factors(factors, environment)) is not None:
        yield found
        return
    following = factors[1][1] if len(factors) > 1 and not factors[1][0] else None
    for kind in (arguments, functions):
        if (found := kind.applied(node, following, environment)) is not None:
            yield found
            return
    if indices.is_expectation(node, following, environment):
        yield indices.expectation(node, following, environment), 2
        return
    if following is not None and tables.marks_indicator(node, environment):
        inside = tables.iverson(following, environment, wanted=True)
        if inside is not None:
            yield inside, 2
            return
    function = function_of(node, environment)
    if function == "mean" and following is not None and indices.runs_over_letters(node):
        whole = tree.Big(node.at, "mean", node.below, None, following)
        yield indices.reduced(whole, environment), 2
        return
    if not function and derivatives.is_list_of_names(following, environment):
        yield environment.read(node), 2  # what k(x, y) is a function of is known
        return
    if not function:
        yield environment.read(node), 1
        return
    if following is None:
        raise UnreadError("a function without an argument", *node.at)
    yield from _applied(function, node, factors, environment)


def function_of(node, environment):
    """The function of the notation that a symbol stands for, with its scripts or not; or ""."""
    base = node.base if isinstance(node, tree.Scripted) else node
    if isinstance(node, tree.Scripted) and node.above is not None:
        base = tree.Scripted(node.at, node.base, None, node.above)
        if (meant := environment.alias_of(base)) in environment.functions:
            return meant
        base = node.base
    if not isinstance(base, tree.Symbol) or environment.name_of(base) or environment.name_of(node):
        return ""
    if isinstance(node, tree.Scripted) and environment.name_of(replace(node, above=None)):
        return ""
    if any(f"{name}2" in environment.squares for name in spellings(base)):
        return ""
    meant = environment.alias_of(base)
    name = meant or CALLED.get(base.name, base.name)
    if name == "log" and isinstance(node, tree.Scripted) and node.below is not None:
        name = {"2": "log2", "10": "log10", "e": "log"}.get(
            canonical(node.below), "log of another base"
        )
    known = name in environment.functions or name in {*TEMPLATES, *ATTRIBUTES}
    return name if known and (len(base.name) > 1 or meant) else ""


def _applied(function, node, factors, environment):
    """A function with its argument, in parentheses or not."""
    following = factors[1][1]
    scripts, group = None, following
    if isinstance(following, tree.Scripted) and isinstance(following.base, tree.Group):
        scripts, group = following, following.base
    if isinstance(group, tree.Group) and group.opening in BRACKETS:
        values = [_argument(part, environment) for part in group.parts]
        found = _with_scripts(called(function, node, values, environment), scripts, environment)
        yield found, 2
        return
    for readings, used in _first(factors[1:], environment):
        yield called(function, node, [readings], environment), used + 1
    end = 2
    while end < len(factors) and factors[end][0] in {"", "cdot"}:
        if function_of(factors[end][1], environment):
            break
        end += 1
    if end > 2:
        whole = multiplied((("", following), *factors[2:end]), environment)
        yield called(function, node, [whole], environment), end


def _argument(node, environment):
    """The readings of an argument of a function, which may be a list or words."""
    if isinstance(node, tree.Words):
        return [Reading(repr(node.text.replace(" ", "")), ATOM, None)]
    name, value = _keyword(node)
    if name:
        texts = [f"{name}={reading.text}" for reading in _argument(value, environment)]
        return [Reading(text, ATOM, None) for text in texts]
    if isinstance(node, tree.Group) and node.opening == "(" and len(node.parts) > 1:
        parts = [
            _argument(part, environment)[0].text for part in node.parts if tree.unless_empty(part)
        ]
        end = "," * (len(parts) == 1)
        return [Reading(f"({', '.join(parts)}{end})", ATOM, None)]
    return environment.read(node)


def _keyword(node):
    r"""("k", −1) of `\text{k = } -1`, an argument with its name; ("", the node) of other arguments."""
    if not isinstance(node, tree.Product | tree.Sum):
        return "", node
    (_, first), *_ = parts = node.factors if isinstance(node, tree.Product) else node.terms
    if not isinstance(first, tree.Words) or not NAMED.fullmatch(first.text) or len(parts) < 2:
        return "", node
    name, rest = first.text.rstrip("= "), parts[1:]
    if isinstance(node, tree.Sum):
        return name, tree.Sum(node.at, rest)
    return name, rest[0][1] if len(rest) == 1 else tree.Product(node.at, rest)


def _with_scripts(found, scripts, environment):
    """What is applied, with the scripts that stand behind its parentheses."""
    if scripts is None:
        return found
    from handgrad.derivation.latex import elaboration

    if scripts.below is not None:
        parts = indices.parts_of(scripts.below, environment)
        found = [
            r
            for a in found
            for r in made(environment, f"{a.within(ATOM)}[{', '.join(parts)}]", ATOM)
        ]
    return found if scripts.above is None else elaboration.raised(found, scripts.above, environment)


def called(function, node, arguments, environment):
    """The readings of a function of the readings of its arguments."""
    power = primes = None
    if isinstance(node, tree.Scripted):
        power, primes = node.above, node.primes
        if environment.alias_of(tree.Scripted(node.at, node.base, None, power)):
            power = None  # it is part of the name
    if len(arguments) == 2 and function in PAIRS and "=" not in arguments[1][0].text:
        function = PAIRS[function]
    if primes and (primes > 1 or function not in SLOPES):
        raise UnreadError(f"{function} with a prime", *node.at)
    rest = [readings[0] for readings in arguments[1:]]
    axis = indices.axis_of(node.below) if isinstance(node, tree.Scripted) else ""
    found = []
    for first in arguments[0]:
        text, level = _call(function, [first, *rest], primes)
        texts = [f"{text[:-1]}, {axis}{kept})" for kept in indices.KEPT] if axis else [text]
        found += [r for t in texts for r in made(environment, t, level, first.turn, first.shape)]
    if not found:
        raise UnreadError(f"{function} of this", *node.at)
    return found if power is None else _to_the_power(found, power, node, environment)


def _call(function, values, primes):
    """The text of a function of some readings, and how tightly it binds."""
    if primes:
        return SLOPES[function].format(values[0].within(POWER)), SUM
    if function in ATTRIBUTES:
        return f"{values[0].within(ATOM)}.{function}", ATOM
    if function in TEMPLATES:
        return TEMPLATES[function].format(values[0].within(ATOM)), SUM
    return f"{function}({', '.join(value.text for value in values)})", ATOM


def _to_the_power(found, power, node, environment):
    """What a function gives, to a power: sin² x."""
    exponent = environment.read(power)[0]
    if exponent.text.startswith("-"):
        raise UnreadError("an inverse or a power", *node.at)
    texts = [(f"{a.within(ATOM)}**{exponent.within(ATOM)}", a.turn) for a in found]
    return [r for text, turn in texts for r in made(environment, text, POWER, turn)]


def norm(group, below, above, environment):
    """‖x‖, ‖x‖₂², ‖x‖₁: of all numbers."""
    from handgrad.derivation.latex import elaboration

    if axis := indices.axis_of(below):
        texts = [
            f"norm({a.text}, {axis}{k})"
            for a in environment.read(group.parts[0])
            for k in indices.KEPT
        ]
        found = [r for text in texts for r in made(environment, text, ATOM)]
        return found if above is None else elaboration.raised(found, above, environment)
    kind = canonical(below) if below is not None else ""
    squared = above is not None and canonical(above) == "2"
    found = []
    for a in environment.read(group.parts[0]):
        if kind not in {"", "2", "F", "1"} or (kind in {"1", "2"} and a.ndim > 1):
            raise UnreadError(f"the norm with {kind}", *group.at)
        if kind == "1":
            found += made(environment, f"sum(abs({a.text}))", ATOM)
        elif squared:
            found += made(environment, f"sum({a.within(ATOM)}**2)", ATOM)
        else:
            found += made(environment, f"norm({a.text})", ATOM)
    if above is None or (squared and kind != "1"):
        return found
    return elaboration.raised(found, above, environment)
