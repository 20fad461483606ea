r"""Indices: `W_{ij}`, `\sum_{i=1}^{n}`, `x_{t+1}`, which count from 1 in LaTeX and from 0 here."""

import numpy as np

from handgrad.derivation.latex import tree
from handgrad.derivation.latex.errors import UnknownNameError, UnreadError
from handgrad.derivation.latex.names import spellings
from handgrad.derivation.latex.readings import ATOM, POWER, Reading, made
from handgrad.derivation.latex.tree import canonical

KEPT = ("", ", keepdims=True")
NEUTRAL = {"sum": "0", "prod": "1", "max": "-inf", "min": "inf"}


def letters_of(node, environment):
    """The letters that are indices in an equation: below a sum, or below a name with axes."""
    found = []
    for inner in walk(node):
        if isinstance(inner, tree.Big) and inner.below is not None:
            found += _letters(inner.below, environment)
        if isinstance(inner, tree.Scripted) and not environment.name_of(inner):
            scripts = [s for s in (inner.below, inner.above) if s is not None]
            for script in scripts:
                if script is inner.below or (
                    isinstance(script, tree.Group) and script.opening != "{"
                ):
                    found += _letters(script, environment)
    return list(dict.fromkeys(found))


def walk(node):
    """A part of an equation and all parts of it."""
    stack = [node]
    while stack:
        inner = stack.pop()
        yield inner
        values = list(vars(inner).values()) if isinstance(inner, tree.Node) else list(inner)
        stack += [v for v in reversed(values) if isinstance(v, tree.Node | tuple)]


def _letters(script, environment):
    """The letters in a script that are not known otherwise."""
    found = []
    for inner in walk(script):
        if isinstance(inner, tree.Symbol):
            name = (spellings(inner) or [""])[0]
            if len(name.rstrip("_")) == 1 and name not in environment.names and not inner.accent:
                found.append(name)
    return found


def parts_of(script, environment):
    """The indices that a script lists, in the notation."""
    match script:
        case tree.Group(parts=parts, opening="{") if _are_whole(parts, environment):
            return [_index(part, environment) for part in parts]
        case tree.Group(parts=parts, opening=opening) if opening not in {"lfloor", ":"}:
            return [text for part in parts for text in parts_of(part, environment)]
        case tree.Product(factors=factors) if all(not op for op, _ in factors):
            return [text for _, factor in factors for text in parts_of(factor, environment)]
    return [_index(script, environment)]


def _are_whole(parts, environment):
    """Whether each part between commas is one index, as in x_{n, 2 k + 1}."""
    return len(parts) > 1 and not environment.header.first


def _index(node, environment):
    """One index: a letter, a letter and a number, a number, a size, or a label."""
    match node:
        case tree.Number(text=text) if text.isdigit():
            return str(int(text) - environment.header.first)
        case tree.Symbol(name=":"):
            return ":"
        case tree.Symbol(name="None", style="word") | tree.Words(text="None"):
            return "None"
        case tree.Symbol(name="dots"):
            return "..."
        case tree.Group(opening=":", parts=ends) if not environment.header.first:
            return ":".join(_end_of_slice(end, environment) for end in ends)
        case tree.Group() | tree.Product() if not environment.header.first:
            return environment.read(node)[0].text
        case tree.Sum(terms=terms):
            return _shifted(terms, environment)
        case tree.Scripted() | tree.Symbol():
            return _named(node, environment)
    raise UnreadError(f"the index {canonical(node)}", *node.at)


def _end_of_slice(node, environment):
    return environment.read(node)[0].text if tree.unless_empty(node) else ""


def _shifted(terms, environment):
    """A sum of letters, sizes and numbers as an index: each letter counts one less, as it does."""
    first = environment.header.first
    shift, found = -first, ""
    for sign, term in terms:
        step = 1 if sign == "+" else -1
        if isinstance(term, tree.Number) and term.text.isdigit():
            shift += step * int(term.text)
            continue
        text = _index(term, environment)
        shift += step * first
        found += f" {sign} {text}" if found else text if sign == "+" else f"-{text}"
    if not found:
        raise UnreadError("this index", *terms[0][1].at)
    return found if not shift else f"{found} {'+' if shift > 0 else '-'} {abs(shift)}"


def _named(node, environment):
    """A letter as an index; a size, which counts from 1; or a label."""
    names = spellings(node) if isinstance(node, tree.Symbol) else []
    for name in names:
        if name in environment.letters:
            return name
    if name := environment.name_of(node):
        value = environment.names[name]
        counts = isinstance(value, int) and environment.header.first
        return f"{name} - 1" if counts else name
    if isinstance(node, tree.Scripted):
        found = environment.read(node)
        if np.asarray(found[0].value).dtype.kind in "iu":
            return found[0].text
    raise UnknownNameError(f"{(names or [canonical(node)])[0]} is not known", *node.at)


def placed(parts, name, environment):
    """The indices of a name, without a : at their end; steps count from h_0, from 0 in LaTeX too."""
    while parts[-1:] == [":"] and "None" not in parts:
        parts = parts[:-1]
    if name not in environment.states or not parts or not environment.header.first:
        return parts
    place, sign, shift = parts[0], "", ""
    for sign in (" + ", " - "):
        place, found, shift = parts[0].rpartition(sign)
        if found and shift.isdigit():
            break
    else:
        place, sign, shift = parts[0], " + ", "0"
    count = int(f"{sign.strip()}{shift}") + 1
    if place.isdigit():
        return [str(int(place) + count), *parts[1:]]
    end = f" {'+' if count > 0 else '-'} {abs(count)}" if count else ""
    return [f"{place}{end}", *parts[1:]]


def entry(base, scripts, environment):
    """An array, or what a function gives, at some indices."""
    parts = [p for script in scripts if script is not None for p in parts_of(script, environment)]
    parts = placed(parts, environment.name_of(base), environment)
    bases, found = _bases(base, len(parts), environment), []
    whole = parts[:1] == [":"] and not environment.header.first
    if whole or any(p in {"None", "..."} or ":" in p[len(p) == 1 :] for p in parts):
        text = ", ".join(parts)
        return [r for a in bases for r in made(environment, f"{a.within(ATOM)}[{text}]", ATOM)]
    if parts[:1] == [":"]:  # a column
        bases, parts = (
            [r for a in bases for r in made(environment, f"{a.within(ATOM)}.T", ATOM)],
            parts[1:],
        )
    for reading in bases:
        if len(parts) > reading.ndim:
            message = f"{canonical(base)} has {reading.ndim} axes, not {len(parts)}"
            raise UnreadError(message, *base.at)
        label = next((p for p in parts if _is_scalar_label(p, environment)), "")
        if label:
            found += _by_label(reading, parts, label, environment)
        else:
            text = f"{reading.within(ATOM)}[{', '.join(parts)}]"
            found += made(environment, text, ATOM, shape=())
    return found


def _bases(base, parts, environment):
    for name in spellings(base):
        if not environment.name_of(base) and f"{name}2" in environment.squares:
            return made(environment, f"{name}2", ATOM)
    if (name := environment.array_of(base)) and not environment.name_of(base):
        texts = [name, *[f"{name}.T"] * (np.ndim(environment.names[name]) == 2 and parts == 1)]
        return [r for text in texts for r in made(environment, text, ATOM)]
    return environment.read(base)


def _is_scalar_label(part, environment):
    value = environment.names.get(part)
    return (
        value is not None
        and np.ndim(value) == 0
        and np.asarray(value).dtype.kind in "iu"
        and (not isinstance(value, int))
    )


def _by_label(reading, parts, label, environment):
    """p_y, where y is a class: the sum over those numbers of p whose place is y."""
    letter = next(c for c in "klmnpqrs" if not environment.known(c))
    places = ", ".join(letter if part == label else part for part in parts)
    text = f"sum[{letter}](where({letter} == {label}, {reading.within(ATOM)}[{places}], 0))"
    return made(environment, text, ATOM)


def reduced(node, environment):
    """A sum, a product, a maximum or a minimum over indices."""
    if node.below is None:
        found = environment.read(node.body)
        return [
            r for a in found if a.ndim for r in made(environment, f"{node.name}({a.text})", ATOM)
        ]
    if axis := axis_of(node.below):
        bodies = environment.read(node.body)
        texts = [f"{node.name}({a.text}, {axis}{kept})" for a in bodies for kept in KEPT]
        return [r for text in texts for r in made(environment, text, ATOM)]
    letters, condition = _ranges(node, environment)
    inner = environment.with_letters(letters)
    kept = _condition(condition, inner)
    found = []
    for body in inner.read(node.body):
        listed = ", ".join(f"{letter}{limits}" for letter, limits in letters.items())
        text = f"where({kept}, {body.text}, {NEUTRAL[node.name]})" if kept else body.text
        text = f"{node.name}[{listed}]({text})"
        found += made(environment, text, ATOM, body.turn, shape=body.shape)
    return found


def shape_of(script, environment):
    r"""(M, 2 * K), of `M \times 2 K`."""
    parts = []
    for op, factor in script.factors if isinstance(script, tree.Product) else [("", script)]:
        parts += [[]] if op == "times" or not parts else []
        parts[-1].append(("" if op == "times" else op, factor))
    sizes = [f[0][1] if len(f) == 1 else tree.Product(script.at, tuple(f)) for f in parts]
    texts = [environment.read(size)[0].text for size in sizes]
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def runs_over_letters(node):
    """Whether a function has letters below it, and no axis."""
    return isinstance(node, tree.Scripted) and node.below is not None and not axis_of(node.below)


def is_expectation(node, following, environment):
    r"""Whether \mathbb{E}_{i \sim p} stands in front of brackets."""
    return (
        isinstance(node, tree.Scripted)
        and node.below is not None
        and isinstance(following, tree.Group)
        and isinstance(node.base, tree.Symbol)
        and node.base.name == "E"
        and bool(node.base.style)
        and not environment.name_of(node.base)
    )


def expectation(node, group, environment):
    """E over i ∼ p, the sum of the p_i-th parts; E over i alone, the mean."""
    below, weights = node.below, [None]
    if isinstance(below, tree.Relation):
        if below.signs != ("≈",) or len(group.parts) != 1:
            raise UnreadError("this expectation", *node.at)
        below, distribution = below.sides
        weights = environment.read(distribution)
    letters = _names(below, environment)
    listed, found = ", ".join(letters), []
    for body in environment.with_letters(letters).read(group.parts[0]):
        for p in weights:
            if p is not None and p.ndim != len(letters):
                raise UnreadError("this expectation", *node.at)
            parts = f"{p.within(ATOM)}[{listed}] * {body.within(POWER)}" if p is not None else ""
            text = f"sum[{listed}]({parts})" if parts else f"mean[{listed}]({body.text})"
            found += made(environment, text, ATOM, shape=())
    return found


def axis_of(script):
    r"""axis=0, of \text{axis 0}; axis=axis, of an option of this name; "" for another script."""
    if isinstance(script, tree.Symbol) and (script.name, script.style) == ("axis", "word"):
        return "axis=axis"
    words = script.text if isinstance(script, tree.Words) else ""
    return words if words.startswith("axis=") else ""


def _condition(condition, environment):
    if condition is None:
        return ""
    return environment.read(condition)[0].text


def _ranges(node, environment):
    """{letter: its range as it is written in the notation}, and a condition or None."""
    below, condition = node.below, None
    letters, start = _beginning(below)
    if start is not None:
        if node.above is None:
            raise UnreadError("the end of the sum is missing", *start.at)
        limits = _limits(start, node.above, environment)
        return {name: limits for part in letters for name in _names(part, environment)}, None
    if (found := _between(below, environment)) is not None:
        return found, None
    if isinstance(below, tree.Relation):
        if below.signs not in {("!=",), ("<",), (">",), ("<=",), (">=",)}:
            raise UnreadError("this range", *below.at)
        condition, below = below, below.sides[0]
    limits = f" : {environment.read(node.above)[0].text}" if node.above is not None else ""
    return dict.fromkeys(_names(below, environment), limits), condition


def between(node):
    r"""(first, letter, end) of `0 \le i < n`; None for what is something else."""
    if isinstance(node, tree.Relation) and node.signs == ("<=", "<"):
        return node.sides
    return None


def limits_of(sides, environment):
    """{letter: its range} of the sides of `0 ≤ i < n`, where indices count from 0."""
    first, letter, end = sides
    (name,) = _names(letter, environment)
    start = environment.read(first)[0].text
    begin = "" if start == "0" else f" : {start}"
    return {name: f"{begin} : {environment.read(end)[0].text}"}


def _between(below, environment):
    """The letters of `n, 0 ≤ i < n`, each with its range; None where no range is of this form."""
    parts = below.parts if isinstance(below, tree.Group) else (below,)
    if environment.header.first or not any(map(between, parts)):
        return None
    found = {}
    for part in parts:
        sides = between(part)
        own = (
            limits_of(sides, environment) if sides else dict.fromkeys(_names(part, environment), "")
        )
        found |= own
    return found


def _beginning(below):
    """The letters of `i = 1`, or of `i, j = 1`, and the number; [] and None for something else."""
    parts = below.parts if isinstance(below, tree.Group) else (below,)
    if isinstance(parts[-1], tree.Relation) and parts[-1].signs == ("=",):
        return [*parts[:-1], parts[-1].sides[0]], parts[-1].sides[1]
    return [], None


def _names(node, environment):
    """The letters that a sum runs over."""
    parts = parts_of(node, environment.with_letters(_letters(node, environment)))
    for part in parts:
        if not part.isidentifier() or part in environment.names:
            raise UnreadError(f"a sum over {part}", *node.at)
    return parts


def _limits(first, last, environment):
    """The range of a letter that runs from one number to another, counted from 0."""
    start, lowest = canonical(first), environment.header.first
    end = _end(last, environment)
    if start == str(lowest):
        return f" : {end}"
    if start.isdigit() and int(start) > lowest:
        return f" : {int(start) - lowest} : {end}"
    begin = bare(first, environment)
    if start.isdigit() or not begin:
        raise UnreadError(f"a sum from {start}", *first.at)
    return f" : {begin[0].text} : {end}"


def _end(last, environment):
    """How many numbers there are up to the last: n, or n - 1 where they count from 0."""
    if environment.header.first:
        return environment.read(last)[0].text
    match last:
        case tree.Sum(terms=[(_, n), ("-", tree.Number(text="1"))]):
            return environment.read(n)[0].text
    return f"{environment.read(last)[0].text} + 1"


def bare(node, environment):
    """A letter, with a number or not, or a label, as it counts from 0; [] for what is neither."""
    match node:
        case tree.Symbol():
            for name in spellings(node):
                value = environment.names.get(name)
                is_label = hasattr(value, "dtype") and value.dtype.kind in "iu"
                if name in environment.letters or is_label:
                    return made(environment, name, ATOM)
        case tree.Scripted() if name := environment.name_of(node.base):
            value = environment.names.get(name)
            if hasattr(value, "dtype") and value.dtype.kind in "iu":
                return environment.read(node)
        case tree.Sum(terms=[("+", first), (sign, tree.Number(text=text))]):
            return [
                Reading(f"{a.text} {sign} {text}", 1, a.value) for a in bare(first, environment)
            ]
    return []
