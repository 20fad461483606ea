r"""Tables: `\begin{cases}`, indicators such as `\mathbf 1[x > 0]`, and matrices of entries."""

from dataclasses import replace

from handgrad.derivation.latex import tree
from handgrad.derivation.latex.errors import UnreadError
from handgrad.derivation.latex.readings import ATOM, made
from handgrad.derivation.latex.tree import canonical

STYLED = {"mathbf", "mathbb", "boldsymbol", "bm", "mathds", "bf"}
ELSE = {"otherwise", "else", "elsewhere", "forotherwise"}
JOINING = {"if", "for", "when", "where", "and"}
OPPOSITE = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "=": "!=", "!=": "="}
MOST_ROWS = 8


def marks_indicator(node, environment):
    r"""Whether a symbol is the 1 of an indicator, \mathbf 1 or \mathbb I."""
    return (
        isinstance(node, tree.Symbol)
        and node.style in STYLED
        and node.name in {"1", "I"}
        and not environment.name_of(node)
    )


def indicator(node, environment):
    r"""\mathbf 1_{x > 0}: 1 where that is true; None for what is something else."""
    if not marks_indicator(node.base, environment) and canonical(node.base) != "1":
        return None
    below = node.below
    while isinstance(below, tree.Group) and len(below.parts) == 1:
        below = below.parts[0]
    return _where(below, environment) if isinstance(below, tree.Relation) else None


def iverson(node, environment, *, wanted=False):
    """[x > 0]: 1 where that is true; None for what is something else."""
    if not isinstance(node, tree.Group) or node.opening not in {"[", "(", "\\{", "{"}:
        return None
    inner = node.parts[0]
    while isinstance(inner, tree.Group) and len(inner.parts) == 1:
        inner = inner.parts[0]
    if len(node.parts) != 1 or not isinstance(inner, tree.Relation):
        return None
    if node.opening == "[" and not wanted:
        return environment.read(inner)
    return _where(inner, environment) if wanted else None


def _where(relation, environment):
    found = environment.read(relation)
    return [r for a in found for r in made(environment, f"where({a.text}, 1, 0)", ATOM)]


def table(node, environment):
    """Cases, or a matrix."""
    if len(node.rows) > MOST_ROWS:
        raise UnreadError("too many rows", *node.at)
    return _cases(node, environment) if node.name == "cases" else _matrix(node, environment)


def _cases(node, environment):
    """where(c, a, where(…)): each case with its condition, the last one for all that is left."""
    rows = [_case(row, node) for row in node.rows if row]
    if not rows or any(condition is None for _, condition in rows[:-1]):
        raise UnreadError("a case without a condition", *node.at)
    value, last = rows[-1]
    covered = last is None or (len(rows) == 2 and _is_opposite(rows[0][1], last))
    texts = [a.text for a in environment.read(value)]
    if not covered:
        conditions = [a.text for a in environment.read(last)]
        texts = [f"where({conditions[0]}, {text}, inf - inf)" for text in texts]
    for value, condition in reversed(rows[:-1]):
        choices = [a.text for a in environment.read(value)]
        wheres = [a.text for a in environment.read(condition)]
        texts = [f"where({wheres[0]}, {a}, {b})" for a in choices for b in texts]
    return [r for text in texts for r in made(environment, text, ATOM)]


def _case(row, node):
    """The value of a case, and its condition; None where it is for all that is left."""
    value, *rest = row
    if not value:
        raise UnreadError("a case without a value", *node.at)
    parts = [p for cell in rest for p in cell] or list(value[1:])
    if len(value) > 1 and rest:
        raise UnreadError("a case with several values", *node.at)
    conditions = [found for part in parts if (found := _condition(part)) is not None]
    if len(conditions) > 1:
        raise UnreadError("a case with several conditions", *node.at)
    return value[0], conditions[0] if conditions else None


def _condition(node):
    """The relation in the words of a condition; None for words alone."""
    if isinstance(node, tree.Group) and len(node.parts) == 1:
        return _condition(node.parts[0])
    if isinstance(node, tree.Relation):
        first, *rest = node.sides
        return tree.Relation(node.at, node.signs, (_without_words(first), *rest))
    words = canonical(node).replace(" ", "").lower().rstrip(".,;")
    if words in ELSE | JOINING | {"(", ""}:
        return None
    if isinstance(node, tree.Words):
        raise UnreadError("this condition", *node.at)
    return _without_words(node)  # a mask


def _without_words(node):
    """x, of `if x`."""
    if isinstance(node, tree.Sum):
        (sign, first), *rest = node.terms
        return replace(node, terms=((sign, _without_words(first)), *rest))
    if isinstance(node, tree.Product):
        factors = [f for f in node.factors if canonical(f[1]).lower() not in JOINING]
        if len(factors) < len(node.factors):
            return factors[0][1] if len(factors) == 1 else tree.Product(node.at, tuple(factors))
    return node


def _is_opposite(first, second):
    """Whether one condition is true where the other one is false."""
    if not (isinstance(first, tree.Relation) and isinstance(second, tree.Relation)):
        return False  # a mask
    if first.signs and len(first.signs) == 1 and OPPOSITE.get(first.signs[0]) == second.signs[0]:
        return canonical(tree.Group(first.at, "", first.sides)) == canonical(
            tree.Group(second.at, "", second.sides)
        )
    return False


def _matrix(node, environment):
    """A matrix of numbers, row by row; a column is a vector."""
    rows = []
    for row in node.rows:
        cells = [environment.read(cell[0])[0] for cell in row if len(cell) == 1]
        if len(cells) != len(row) or any(cell.ndim for cell in cells):
            raise UnreadError("this matrix", *node.at)
        rows.append([cell.text for cell in cells])
    if len({len(row) for row in rows}) != 1:
        raise UnreadError("rows of several lengths", *node.at)
    if len(rows[0]) == 1:
        return made(environment, f"stack(({', '.join(row[0] for row in rows)},))", ATOM, "column")
    stacks = [f"stack(({', '.join(row)},))" for row in rows]
    if len(rows) == 1:
        return made(environment, stacks[0], ATOM, "row")
    return made(environment, f"stack(({', '.join(stacks)},))", ATOM)
