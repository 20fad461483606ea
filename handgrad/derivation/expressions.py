"""Expressions: Python's syntax as a tree, and what can be told from the tree alone.

A local derivative, `∂y/∂x`, is one name in the tree: it is spelled so in messages too.
"""

import ast
import difflib
import functools
import re

from handgrad.derivation import habits
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.seconds import (
    LETTER,
    PARTIAL,
    SECOND,
    is_second,
    joined,
    of_second,
    spelled_out,
)

MAX_CHARACTERS = 2000
MAX_DEPTH = 40
QUOTED = 100
WARNED = re.compile(r"\\|(?<![\w.])\d[\w.]*?(?:and|else|for|if|in|is|not|or)")


def parse(text, line=None, column=1):
    """The syntax tree of one expression, or a DerivationError that says where it breaks off."""
    if len(text) > MAX_CHARACTERS:
        raise DerivationError(
            f"an expression has at most {MAX_CHARACTERS} characters", line, column
        )
    stripped = text.lstrip()
    column += len(text) - len(stripped)
    if not stripped.strip():
        raise DerivationError("an expression is missing", line, column)
    if match := WARNED.search(stripped):  # where Python's parser would print a warning
        message = f"{match[0]!r} is not part of an expression"
        raise DerivationError(message, line, column + match.start())
    readable = _readable(stripped.rstrip(), line, column)
    try:
        node = ast.parse(readable, mode="eval").body
    except SyntaxError as error:
        said = habits.of_text(stripped) or f": {error.msg}"
        message = f"{short(' '.join(stripped.split()))!r} is not an expression{said}"
        row, offset = (error.lineno or 1) - 1, (error.offset or 1) - 1
        place = (line + row if line else line), offset + (1 if row else column)
        raise DerivationError(message, *place) from None
    except (ValueError, RecursionError, MemoryError):
        raise DerivationError("this is not an expression that can be read", line, column) from None
    if _depth(node) > MAX_DEPTH:
        raise DerivationError(f"an expression nests at most {MAX_DEPTH} deep", line, column)
    rows = [row.encode() for row in readable.split("\n")]
    for inner in ast.walk(node):
        if isinstance(inner, ast.expr):
            row = inner.lineno - 1
            before = len(rows[row][: inner.col_offset].decode())  # Python counts bytes
            inner.lineno = line + row if line else 0
            inner.col_offset = before + (0 if row else column - 1)
            if hint := habits.of_node(inner):
                message = f"{spelled(inner)!r} is not allowed in a derivation{hint}"
                raise DerivationError(message, *_place(inner))
    return _Derivatives().visit(node) if LETTER in readable else node


def _readable(text, line, column):
    """A text that Python's parser can read: derivatives become names."""
    found = joined(text)
    if SECOND in found:
        message = "a second derivative is written ∂²L/∂x∂z, by entries ∂²L/∂x[i]∂z[j]"
        raise DerivationError(message, line, column + text.index(SECOND))
    return found.replace(PARTIAL, LETTER)


def short(text):
    """The beginning of a text, to quote."""
    return text if len(text) <= QUOTED else f"{text[:QUOTED]}…"


def spelled(node):
    """An expression as a short text."""
    return short(node.id if isinstance(node, ast.Name) else ast.unparse(node))


@functools.lru_cache(maxsize=10_000)
def names_in(node):
    """The names in an expression, each once, without those of the functions that it calls."""
    inner = [*ast.walk(node)]
    called = {id(n.func) for n in inner if isinstance(n, ast.Call)}
    called |= {id(name) for n in inner if (name := reducer(n))}
    found = [n for n in inner if isinstance(n, ast.Name) and id(n) not in called]
    found.sort(key=lambda n: (n.lineno, n.col_offset))
    return tuple(dict.fromkeys(n.id for n in found))


@functools.lru_cache(maxsize=10_000)
def words_in(node):
    """Every name that stands in an expression, those of functions and indices among them."""
    own = {node.id} if isinstance(node, ast.Name) else set()
    return frozenset(own.union(*map(words_in, ast.iter_child_nodes(node))))


def is_reduction(node):
    """Whether a node is a reduction over indices, such as sum[j](x[j])."""
    return reducer(node) is not None


def reducer(node):
    """The name of a reduction over indices, the sum of sum[j](x[j]); None for any other node."""
    match node:
        case ast.Call(func=ast.Subscript(value=ast.Name() as name)):
            return name
    return None


def elements(index):
    """What stands in a subscript, element by element."""
    return index.elts if isinstance(index, ast.Tuple) else [index]


def near(name, known):
    """A hint at the known names that an unknown one may have been meant for."""
    matches = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
    return f": did you mean {' or '.join(matches)}?" if matches else ""


def is_derivative(name):
    """Whether a name is a local derivative, ∂y/∂x."""
    return name.startswith(PARTIAL) and f"/{PARTIAL}" in name


def of_derivative(name):
    """The y and the x of ∂y/∂x."""
    y, _, x = name[1:].partition(f"/{PARTIAL}")
    return y, x


def nodes_of(name):
    """The y and the x of ∂y/∂x, or the y, a and b of ∂²y/∂a∂b."""
    return of_second(name) if is_second(name) else of_derivative(name)


class _Derivatives(ast.NodeTransformer):
    """Joins ∂y and ∂x on both sides of a / to one name, and their subscripts to one subscript.

    Python reads a * ∂y / ∂x as (a * ∂y) / ∂x, so the ∂y is looked for at the end of a product.
    """

    def visit_BinOp(self, node):
        if isinstance(node.op, ast.Div) and (below := _moved(node.right)):
            return self.visit(self._joined(node.left, *below, node))
        return self.generic_visit(node)

    def visit_Name(self, node):
        if second := spelled_out(node.id):
            return ast.copy_location(ast.Name(second, node.ctx), node)
        if node.id.startswith(LETTER):
            name = f"{PARTIAL}{node.id[1:]}"
            message = (
                f"{name} stands alone: a local derivative is {PARTIAL}y/{PARTIAL}x, a gradient"
            )
            raise DerivationError(f"{message} d{node.id[1:]}", *_place(node))
        return node

    def _joined(self, above, x, indices, node):
        if found := _moved(above):
            y, own = found
            name = ast.Name(f"{PARTIAL}{y}/{PARTIAL}{x}", ast.Load())
            joined = [*own, *indices]
            whole = (
                ast.Subscript(name, ast.Tuple(joined, ast.Load()), ast.Load()) if joined else name
            )
            ast.copy_location(name, above)
            return ast.fix_missing_locations(ast.copy_location(whole, above))
        if isinstance(above, ast.BinOp) and isinstance(above.op, ast.Mult | ast.MatMult | ast.Div):
            above.right = self._joined(above.right, x, indices, node)
            return above
        if isinstance(above, ast.UnaryOp):
            above.operand = self._joined(above.operand, x, indices, node)
            return above
        message = f"{PARTIAL}{x} stands below {spelled(above)}: write {PARTIAL}y/{PARTIAL}{x}"
        raise DerivationError(message, *_place(node))


def _moved(node):
    """The name after a ∂ and its subscript, as a list; None for what is not of this kind."""
    name, index = (
        (node.value, elements(node.slice)) if isinstance(node, ast.Subscript) else (node, [])
    )
    if isinstance(name, ast.Name) and name.id.startswith(LETTER) and not spelled_out(name.id):
        return name.id[1:], index
    return None


def _place(node):
    return node.lineno or None, node.col_offset + 1


def _depth(node):
    """How deep the syntax tree is, counted without recursion."""
    deepest, level = 0, [node]
    while level:
        deepest += 1
        level = [child for parent in level for child in ast.iter_child_nodes(parent)]
    return deepest
