"""Where derivations stand: docstrings of Python files, Markdown, TeX. Nothing is imported or run."""

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from handgrad.common.files import open_regular
from handgrad.common.text import printable
from handgrad.derivation.docstrings import indented_lines
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.latex.notebooks import markdown_of
from handgrad.derivation.lines import Line, is_given
from handgrad.derivation.reading import read

FENCE = re.compile(r"\s*+(?P<fence>```+|~~~+)\s*+(?P<info>[^\s`]*+)[^`]*+")
WORD = "derivation"  # after the fence of a block
HEADING = re.compile(r"\s{0,3}#{1,6}\s(?P<title>.*)")
HEADED = re.compile(r"(?:<!--|%)\s*+derivation")  # a section of LaTeX has a header
SUFFIXES = (".md", ".py", ".tex", ".ipynb")
MAX_BYTES = 1_000_000


@dataclass(frozen=True)
class Scope:
    """The lines that share one scope: a docstring, or the blocks under one heading."""

    title: str
    path: str
    lines: tuple[Line, ...]
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def line(self):
        """The number of its first line."""
        return self.lines[0].number

    def derivation(self):
        """The derivation that the lines state."""
        return read(self.lines, self.fields, self.title)


def scopes_of(target):
    """The derivations that a target names: FILE.md, FILE.md#HEADING, FILE.py or FILE.py::NAME.

    A file may be .tex, or a notebook, too.
    """
    path, part = divided(target)
    text = read_text(path)
    if path.endswith(".py"):
        return scopes_in_python(text, path, part or None)
    scopes = _scopes_in(text, path)
    named = [scope for scope in scopes if _slug(scope.title) == _slug(part)]
    if part and not named:
        raise DerivationError(f"there is no derivation under {part!r} ({titles_of(scopes)})")
    return named if part else scopes


def _scopes_in(text, path):
    """The derivations in Markdown, TeX or a notebook."""
    if path.endswith(".tex"):
        return _sections_in(text, path)
    return scopes_in_markdown(markdown_of(text) if path.endswith(".ipynb") else text, path)


def _sections_in(text, path):
    """The sections of LaTeX in a text, whose reader takes time to import."""
    if not HEADED.search(text):
        return []
    from handgrad.derivation.latex.section import sections_of

    return sections_of(text, path, printable(path))


def scopes_in_text(text, name):
    """The derivations in Markdown, or all lines as one of them if there is no fence."""
    lines = _lines(text)
    if any(FENCE.fullmatch(line.text) for line in lines):
        return scopes_in_markdown(text, name)
    if sections := _sections_in(_joined(lines), name):
        return sections
    return [Scope(name, name, tuple(lines))] if text.strip() else []


def divided(target):
    """The path of a target, and the part of the file that it names, or ""."""
    for mark in ("::", "#"):
        path, found, part = str(target).partition(mark)
        if found and not is_file(target):
            return path, part
    return str(target), ""


def is_file(path):
    """Whether there is such a file; what is too long for a name is not one."""
    try:
        return Path(path).is_file()
    except OSError:
        return False


def only(scopes, target):
    """The one scope that there is. Raises DerivationError, which lists them, if there are more."""
    if len(scopes) > 1:
        mark = "::" if target.endswith(".py") else "#"
        example = f", as in '{target}{mark}{scopes[0].title}'" if "." in target else ""
        raise DerivationError(
            f"there are several derivations ({titles_of(scopes)}): name one{example}"
        )
    return scopes[0]


def scopes_at(source, rule="a rule is passed as {}"):
    """The derivations in a text, which has a line break in it, or in a file; at least one.

    `rule` says what is done with a rule, where the source is no file and may be the name of one.
    """
    if isinstance(source, str) and "\n" in source:
        scopes = scopes_in_text(source, "text")
    else:
        try:
            scopes = scopes_of(str(source))
        except DerivationError as error:
            path, _ = divided(source)
            if is_file(path):
                raise
            raise DerivationError(_no_file(path, error.message, rule)) from None
    if not scopes:
        raise DerivationError("there is no derivation in it, such as a block ```derivation")
    return scopes


def _no_file(path, message, rule):
    """What is said of a path that is no file: its name, and what may have been meant."""
    said = f"{path[:80]!r}: {message}"
    if path.endswith(SUFFIXES) or "/" in path or not path:
        return said
    name = path if path.isidentifier() and path[0].isupper() else "Softmax"
    return f"{said}; a text has a line break in it, and {rule.format(f'{name}()')}"


def titles_of(scopes):
    """The first titles, to be shown."""
    titles = ", ".join(repr(scope.title) for scope in scopes[:12])
    return f"{titles}, …" if len(scopes) > 12 else titles or "it has none"


def read_text(path):
    """The text of a file. Raises DerivationError, in one sentence, if it is none."""
    if "\0" in str(path):
        raise DerivationError("a path has no NUL in it")
    try:
        with open_regular(path) as file:
            return decoded(file)
    except OSError as error:
        raise DerivationError(error.strerror or "the file cannot be read") from None


def decoded(file):
    """The text in a binary file, without a byte order mark. Raises DerivationError if it is none."""
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise DerivationError(f"the text has more than {MAX_BYTES} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DerivationError(f"this is not UTF-8 text: {error.reason}") from None


def scopes_in_markdown(text, path):
    """A scope for each heading with blocks fenced as `derivation`, and each section of LaTeX."""
    scopes = _fenced_scopes(text, path)
    sections = _sections_in(_joined(_lines(text)), path)
    return sorted([*scopes, *sections], key=lambda scope: scope.line) if sections else scopes


def _joined(lines):
    return "\n".join(line.text for line in lines)


def _fenced_scopes(text, path):
    titles, blocks = [printable(path)], [[]]
    fence, inside, opened = "", False, 0
    for line in _lines(text):
        match = FENCE.fullmatch(line.text)
        if fence:
            if match and match["fence"].startswith(fence) and not match["info"]:
                fence = ""
            elif match and match["info"] == WORD and match["fence"].startswith(fence):
                message = f"a derivation begins within the block of line {opened}: close that first"
                raise DerivationError(message, line.number)
            elif inside:
                blocks[-1].append(line)
        elif match:
            fence, inside, opened = match["fence"], match["info"] == WORD, line.number
        elif heading := HEADING.fullmatch(line.text):
            titles.append(printable(heading["title"].strip().rstrip("#").rstrip()))
            blocks.append([])
    if fence and inside:
        raise DerivationError(f"the block that begins here is never closed with {fence}", opened)
    return [
        Scope(title, path, tuple(lines))
        for title, lines in zip(titles, blocks, strict=True)
        if any(line.text.strip() for line in lines)
    ]


def _lines(text):
    """The lines of a text, numbered as an editor numbers them."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [Line(line, number) for number, line in enumerate(lines, 1)]


def _slug(title):
    """A heading without case, and with - between the words."""
    return "-".join("".join(c if c.isalnum() else " " for c in title.casefold()).split())


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
