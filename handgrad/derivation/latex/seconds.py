r"""Second derivatives: `\frac{\partial^2 L}{\partial x_i \partial x_j}`, `\frac{d^2 y}{dx^2}`, `\nabla_w^2 L`."""

from handgrad.derivation.latex import derivatives, tree
from handgrad.derivation.latex.errors import UnknownNameError, UnreadError
from handgrad.derivation.latex.readings import ATOM, PRODUCT, made
from handgrad.derivation.latex.tree import canonical

TURNED = {"top", "T", "intercal"}


def is_second(node, environment):
    """Whether a fraction has ∂² above its line."""
    above = node.above.factors[0][1] if isinstance(node.above, tree.Product) else node.above
    return (
        isinstance(above, tree.Scripted)
        and derivatives.is_sign(above.base, environment)
        and above.above is not None
        and canonical(above.above) == "2"
    )


def fraction(node, environment):
    """The readings of ∂²y/∂a∂b."""
    if not isinstance(node.above, tree.Product):
        raise UnreadError("a second derivative of what follows", *node.at)
    rest = node.above.factors[1:]
    y = rest[0][1] if len(rest) == 1 else tree.Product(rest[0][1].at, rest)
    others = list(_below(node.below, environment))
    if len(others) != 2 or any(op for op, _ in rest):
        raise UnreadError("this second derivative", *node.at)
    return second(y, others[0], others[1], environment)


def hessian(y, x, environment):
    """The readings of ∇²y: all second derivatives, or the sum of those by one number."""
    found = second(y, x, x, environment)
    return found + [
        r for a in found if a.ndim == 2 for r in made(environment, f"trace({a.text})", ATOM)
    ]


def _below(node, environment):
    """What stands behind each ∂ below the line, twice where it is squared."""
    factors = [f for _, f in node.factors] if isinstance(node, tree.Product) else [node]
    while factors:
        first = factors.pop(0)
        if derivatives.is_sign(first, environment):
            first = factors.pop(0) if factors else None
        else:
            first = _glued(first)
        if first is None:
            raise UnreadError("this second derivative", *node.at)
        above = canonical(first.above) if isinstance(first, tree.Scripted) and first.above else ""
        plain = _without_above(first) if above in {"2", *TURNED} else first
        yield from [plain] * (2 if above == "2" else 1)


def _glued(node):
    """x, of dx in one word, with its scripts; None for something else."""
    base = node.base if isinstance(node, tree.Scripted) else node
    if not isinstance(base, tree.Symbol) or base.name[0] != "d" or len(base.name) < 2:
        return None
    plain = tree.Symbol(base.at, base.name[1:], base.accent, base.style)
    return tree.Scripted(node.at, plain, node.below, node.above) if base is not node else plain


def _without_above(node):
    return tree.Scripted(node.at, node.base, node.below, None) if node.below else node.base


def second(y, a, b, environment):
    above, upper = derivatives.target(y, environment)
    if above not in environment.nodes:
        raise UnreadError(f"a second derivative of {canonical(y)}", *y.at)
    names = ""
    for x in (a, b):
        name, index = derivatives.target(x, environment)
        if name not in environment.nodes:
            raise UnknownNameError(f"{name or canonical(x)} is not a node", *x.at)
        names += f"∂{name}{index}"
    text = f"∂²{above}{upper}/{names}"
    entries = "[" in text
    return made(environment, text, PRODUCT, shape=() if entries else None)
