"""Names that are defined behind the output and used by no line: nothing checks what they are."""

import re

from handgrad.derivation.expressions import names_in, near, nodes_of
from handgrad.derivation.notation import Kind

BEFORE = re.compile(r"(?i)(d|δ|∂|∇|grad|gradient|delta|nabla|d[a-z]?_?d)_?")
BEHIND = re.compile(r"(?i)_?(grad|gradient|bar)")


def unchecked(derivation):
    """What is said of each name that stands behind the output, by one link, and that no line uses."""
    chains = derivation.chains
    used = {n for c in chains for link in c.links for n in names_in(link.node)}
    used |= {n for c in chains if c.kind is not Kind.AUXILIARY for n in c.targets}
    nodes = _without_a_gradient(derivation)
    names = [
        name
        for chain in chains
        if chain.kind is Kind.AUXILIARY and len(chain.links) == 1 and not used & {*chain.targets}
        for name in chain.targets
    ]
    if all(chain.kind is Kind.DEFINITION for chain in chains):
        names += [name for name in derivation.outputs if _meant(name, nodes)]
    return [f"{name}, which no line uses{_hint(name, nodes)}" for name in dict.fromkeys(names)]


def suspects(derivation, holds):
    """(name, line) of the names for expressions in each checked link, if no right link uses them.

    `holds` says of each of those links whether it is right.
    """
    named = [c for c in derivation.chains if c.kind is Kind.AUXILIARY and len(c.links) == 1]
    lines, made_of = {}, {}
    for chain in named:
        for name in chain.targets:
            lines[name] = chain.line
            made_of[name] = _named_in(chain.links[0], made_of)
    used = [_named_in(link, made_of) for chain in derivation.chains for link in chain.checked]
    trusted = set().union(*(names for names, ok in zip(used, holds, strict=True) if ok))
    return [[(name, lines[name]) for name in names if name not in trusted] for names in used]


def _named_in(link, made_of):
    """The names for expressions in a link, and those that they are made of."""
    own = [name for name in names_in(link.node) if name in made_of]
    return list(dict.fromkeys([*own, *(n for name in own for n in made_of[name])]))


def _without_a_gradient(derivation):
    """The inputs and the nodes whose gradient no line states."""
    stated = set()
    for chain in derivation.chains:
        for name in chain.targets:
            if chain.kind is Kind.GRADIENT:
                stated.add(name[1:])
            elif chain.kind is Kind.LOCAL:
                stated.add(nodes_of(name)[-1])
    nodes = [given.name for given in derivation.givens if not given.const]
    nodes += [name for chain in derivation.definitions for name in chain.targets]
    return [name for name in nodes if name not in stated]


def _meant(name, nodes):
    """The node of which a name reads as the gradient, grad_W or dL_dW or W_grad; or ""."""
    for node in sorted(nodes, key=len, reverse=True):
        if name.endswith(node) and BEFORE.fullmatch(name.removesuffix(node)):
            return node
        if name.startswith(node) and BEHIND.fullmatch(name.removeprefix(node)):
            return node
    return ""


def _hint(name, nodes):
    if node := _meant(name, nodes):
        return f"; a gradient is written d{node}"
    return near(name, [f"d{node}" for node in nodes]) if name[0] in "dδ" else ""
