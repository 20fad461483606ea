"""The page of a rule: its derivation, its picture, its code beside the reference's, its verdict."""

import ast
import inspect
import textwrap
from html import escape

from handgrad.common.html import pre
from handgrad.judge.oracles.jax import registered_reference
from handgrad.judge.verify import verify
from handgrad.pages.markdown import Block, inline
from handgrad.pages.page import Page
from handgrad.pages.sections import Section
from handgrad.rules import catalog


def rule_page(cls, seed=0):
    """The page of a rule's class, judged with the first of its options."""
    rule = catalog.instances(cls)[0]
    formula, blocks = docstring_of(cls)
    fields = getattr(rule, "__dict__", {})
    section = Section(cls.__name__, f"{cls.__module__.replace('.', '/')}.py", blocks, fields, seed)
    verdict = verify(rule, seed=seed)
    reference = registered_reference(rule)
    code = inspect.getsource(reference.func).rstrip() if reference else ""
    parts = [
        f"<h1>{cls.__name__}</h1><p><strong>{inline(formula)}</strong></p>",
        section.html(),
        _options(cls),
        f"<h2>By hand</h2>{pre(_source(cls))}",
        f"<h2>For JAX to differentiate</h2>{pre(code)}",
        f"<h2>The verdict</h2>{pre(str(verdict))}",
        f"<p>Source: <code>{escape(section.path)}</code></p>",
    ]
    return Page(file_of(cls), cls.__name__, "\n".join(parts), section.ok and verdict.ok)


def file_of(cls):
    """The name of the file of a rule's page."""
    return f"rule-{cls.__name__}.html"


def docstring_of(cls):
    """The first line of a docstring, and the blocks below it: its text and its derivation."""
    first, *lines = inspect.cleandoc(cls.__doc__).splitlines()
    blocks = []
    for number, line in enumerate(lines, 2):
        kind = "derivation" if line.startswith("    ") else "paragraph"
        if not line.strip():
            continue
        if blocks and blocks[-1].kind == kind and blocks[-1].last == number - 1:
            blocks[-1] = Block(kind, (*blocks[-1].lines, line), blocks[-1].number)
        else:
            blocks.append(Block(kind, (line,), number))
    return first, blocks


def _options(cls):
    """The options that are judged: the class with its default fields, and its variants."""
    shown = [repr(rule) for rule in catalog.instances(cls)]
    if len(shown) < 2:
        return ""
    items = ", ".join(f"<code>{escape(text)}</code>" for text in shown)
    return f"<p>Judged as {items}.</p>"


def _source(cls):
    """The code of a class without its docstring."""
    text = textwrap.dedent(inspect.getsource(cls))
    node = next(n for n in ast.parse(text).body if isinstance(n, ast.ClassDef))
    docstring = node.body[0]
    lines = text.splitlines()
    del lines[docstring.lineno - 1 : docstring.end_lineno]
    return "\n".join(lines)
