"""Where derivations stand: docstrings of Python files, and Markdown. Nothing is imported or run."""

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from handgrad.derivation.docstrings import indented_lines
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.notation import Line, is_given, read

FENCE = re.compile(r"\s{0,3}(?P<fence>```+|~~~+)\s*+(?P<info>[\w-]*+)\s*+")
HEADING = re.compile(r"\s{0,3}#{1,6}\s(?P<title>.*)")
MAX_BYTES = 5_000_000


@dataclass(frozen=True)
class Scope:
    """The lines that share one scope: a docstring, or the blocks under one heading."""

    title: str
    path: str
    lines: tuple[Line, ...]
    fields: dict[str, Any] = field(default_factory=dict)

    def derivation(self):
        """The derivation that the lines state."""
        return read(self.lines, self.fields, self.title)


def read_text(path):
    """The text of a file. Raises DerivationError, in one sentence, if it is none."""
    try:
        data = Path(path).read_bytes()
        if len(data) > MAX_BYTES:
            raise DerivationError(f"the file has more than {MAX_BYTES} bytes")
        return data.decode("utf-8")
    except OSError as error:
        raise DerivationError(error.strerror or "the file cannot be read") from None
    except UnicodeDecodeError as error:
        raise DerivationError(f"the file is not UTF-8 text: {error.reason}") from None


def scopes_in_markdown(text, path):
    """A scope for each heading that has blocks fenced as `derivation`."""
    titles, blocks = [path], [[]]
    fence, inside, opened = "", False, 0
    for number, line in enumerate(text.splitlines(), 1):
        match = FENCE.fullmatch(line)
        if fence:
            if match and match["fence"].startswith(fence) and not match["info"]:
                fence = ""
            elif inside:
                blocks[-1].append(Line(line, number))
        elif match:
            fence, inside, opened = match["fence"], match["info"] == "derivation", number
        elif heading := HEADING.fullmatch(line):
            titles.append(heading["title"].strip().rstrip("#").rstrip())
            blocks.append([])
    if fence and inside:
        raise DerivationError(f"the block that begins here is never closed with {fence}", opened)
    return [
        Scope(title, path, tuple(lines))
        for title, lines in zip(titles, blocks, strict=True)
        if any(line.text.strip() for line in lines)
    ]


def scopes_in_python(text, path, name=None):
    """A scope for each docstring that states a derivation, or for that of one class or function."""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise DerivationError(
            f"this is not Python: {error.msg}", error.lineno, error.offset
        ) from None
    except (ValueError, RecursionError, MemoryError):
        raise DerivationError("this is not Python that can be read") from None
    nodes = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and name in (None, node.name)
    ]
    if name is not None and not nodes:
        raise DerivationError(f"there is no {name}")
    variants = _variants(tree)
    found = [scope for node in nodes if (scope := _scope_of(node, path, variants))]
    if name is not None and not found:
        raise DerivationError(f"the docstring of {name} states no derivation")
    return found


def _scope_of(node, path, variants):
    """The scope of a class's or function's docstring, if a given stands in it."""
    docstring = ast.get_docstring(node, clean=False)
    if not docstring:
        return None
    lines = indented_lines(docstring, node.body[0].lineno)
    if not any(is_given(line.text) for line in lines):
        return None
    fields = _arguments(variants.get(node.name), node) | _defaults(node)
    return Scope(node.name, path, tuple(lines), fields)


def _variants(tree):
    """The first call of each class among the file's VARIANTS: options for what has no defaults."""
    found = {}
    for item in tree.body:
        match item:
            case ast.Assign(targets=[ast.Name(id="VARIANTS")], value=ast.Tuple(elts=elements)):
                for element in elements:
                    if isinstance(element, ast.Call) and isinstance(element.func, ast.Name):
                        found.setdefault(element.func.id, element)
    return found


def _arguments(call, node):
    """The literal arguments of a call by the names of the class's fields."""
    if call is None:
        return {}
    names = [
        i.target.id
        for i in node.body
        if isinstance(i, ast.AnnAssign) and isinstance(i.target, ast.Name)
    ]
    pairs = [*zip(names, call.args, strict=False), *((k.arg, k.value) for k in call.keywords)]
    return _literals(pairs)


def _defaults(node):
    """The fields of a class, or the keyword arguments of a function, with their default values."""
    pairs = [
        (item.target.id, item.value)
        for item in node.body
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
    ]
    if not isinstance(node, ast.ClassDef):
        pairs = list(zip((a.arg for a in node.args.kwonlyargs), node.args.kw_defaults, strict=True))
    return _literals(pairs)


def _literals(pairs):
    """The pairs of names and syntax whose syntax is a literal, as values."""
    found = {}
    for name, value in pairs:
        try:
            found[name] = ast.literal_eval(value)
        except (ValueError, TypeError, SyntaxError):
            continue
    return found
