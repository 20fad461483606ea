"""The page of a rule: its derivation, its picture, its code beside the reference's, its verdict."""

import ast
import inspect
import sys
import textwrap
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any

from handgrad.common.html import pre, table
from handgrad.comparison.conventions import LIBRARIES, measured
from handgrad.comparison.counting import operations_in
from handgrad.comparison.sizes import spelled
from handgrad.comparison.special_points import CASES
from handgrad.comparison.table import halves_of, kept_rows, operation_rows
from handgrad.comparison.ways import programs_of_ways
from handgrad.derivation.report import Derivation
from handgrad.judge.oracles.jax import registered_reference
from handgrad.judge.verify import verify
from handgrad.pages.markdown import Block, inline
from handgrad.pages.page import Page
from handgrad.pages.sections import Section
from handgrad.rules import catalog


@dataclass
class Docstring(Section):
    """The docstring of a rule, with the verdict on it: the judge has checked each link."""

    verdict: Any = None

    @cached_property
    def checked(self):
        """The links, each with the error that was measured; what cannot be run is in the verdict."""
        said = [f.message for f in self.verdict.failures if f.check == "derivation"]
        links = self.verdict.checked
        return Derivation(self.title, self.path, links, "" if links else "; ".join(said))


def rule_page(cls, seed=0):
    """The page of a rule's class, judged with the first of its options."""
    rule = catalog.instances(cls)[0]
    formula, blocks = docstring_of(cls)
    fields = getattr(rule, "__dict__", {})
    path = f"{cls.__module__.replace('.', '/')}.py"
    verdict = verify(rule, seed=seed)
    section = Docstring(cls.__name__, path, blocks, fields, seed, verdict=verdict)
    reference = registered_reference(rule)
    parts = [
        f"<h1>{cls.__name__}</h1><p><strong>{inline(formula)}</strong></p>",
        section.html(),
        _options(cls),
        f"<h2>The verdict</h2>{pre(str(verdict))}",
        _conventions(cls),
        f"<h2>By hand</h2>{pre(code_of(cls))}",
        f"<h2>For JAX to differentiate</h2>{pre(code_of(reference.func))}" if reference else "",
        _beside(rule, seed),
        f"<p>Source: <code>{escape(section.path)}</code></p>",
    ]
    return Page(file_of(cls), cls.__name__, "\n".join(parts), section.ok and verdict.ok)


def _conventions(cls):
    """What the rule, JAX and torch return at its kinks and limits."""
    cases = [case for case in CASES if case.rule.partition("(")[0] == cls.__name__]
    if not cases:
        return ""
    rows = [(f"{row.case.rule} at {row.point}", row.cells) for row in measured(cases)]
    note = "The value; the gradient of the first input. ≠ marks what differs from ours."
    return f"<h2>At special points</h2>{table([('', LIBRARIES)], rows)}<p>{note}</p>"


def _beside(rule, seed):
    """The gradient by hand beside automatic differentiation: operations, and what is kept."""
    try:
        sizes, ways = programs_of_ways(rule, seed)
    except ValueError:
        return ""  # its code needs values, and not shapes alone
    programs = list(ways.values())
    counted = [operations_in(half) for way in programs for half in way.halves.values()]
    rows = [row for row in operation_rows(counted) if not row[0].startswith(" ")]
    heads = [(spelled(sizes), list(ways)), halves_of(ways)]
    shown = table(heads, [*rows, *kept_rows(programs)])
    return f"<h2>By hand beside automatic differentiation</h2>{shown}"


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


def code_of(thing):
    """The code of a class without its docstring, or of a function, and of the helpers that it uses."""
    module = sys.modules[thing.__module__]
    found, waiting = {}, [thing]
    while waiting:
        function = waiting.pop(0)
        node, found[function] = _parsed(function)
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        used = [getattr(module, name, None) for name in sorted(names)]
        waiting += [
            f
            for f in used
            if inspect.isfunction(f) and f.__module__ == thing.__module__ and f not in found
        ]
    return "\n\n\n".join(found.values())


def _parsed(thing):
    """A class or a function as a tree, and its text; a class without its docstring."""
    text = textwrap.dedent(inspect.getsource(thing)).rstrip()
    (node,) = ast.parse(text).body
    if not isinstance(node, ast.ClassDef):
        return node, text
    docstring, lines = node.body[0], text.splitlines()
    head, rest = lines[: docstring.lineno - 1], lines[docstring.end_lineno :]
    return node, "\n".join([*head, *rest]).replace(":\n\n", ":\n", 1)
