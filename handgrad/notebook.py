"""Notebooks: `%load_ext handgrad` shows rules as mathematics, and brings the magic `%%derivation`.

What handgrad returns (verdicts, reports, comparisons, pictures, layers) shows itself in any
notebook, by its own `_repr_html_` or `_repr_svg_`. A rule is mathematics alone and has none of
these: the extension tells IPython how the rules of the catalog are shown.
"""

import inspect
from html import escape

from handgrad.common.html import noted
from handgrad.derivation.docstrings import derivation_of, indented_lines
from handgrad.derivation.marked import Marked
from handgrad.derivation.report import check
from handgrad.derivation.sources import Scope
from handgrad.derivation.typeset import typeset
from handgrad.rules import catalog


def load(shell):
    """Tell a shell of IPython how rules are shown, and give it the magic."""
    formatters = shell.display_formatter.formatters
    for classes in catalog.families().values():
        for cls in classes:
            formatters["text/html"].for_type(cls, rule_as_html)
            formatters["text/latex"].for_type(cls, rule_as_latex)
    shell.register_magic_function(derivation, "cell", "derivation")


def derivation(line, cell):
    """%%derivation: check the lines of a cell, and show each with its mark and its hint."""
    from IPython.core.error import UsageError

    if line.strip():
        raise UsageError(f"%%derivation takes no options, and there is {line.strip()!r}")
    try:
        return check(f"{cell}\n")
    except ValueError as error:
        raise UsageError(f"%%derivation: {error}") from None


def rule_as_html(rule):
    """A rule: its function, and its derivation line by line."""
    cls = type(rule)
    lines = tuple(indented_lines(cls.__doc__))
    scope = Scope(cls.__name__, "", lines, getattr(rule, "__dict__", {}))
    formula, *_ = inspect.cleandoc(cls.__doc__ or "").splitlines() or [""]
    head = f"<p><code>{escape(repr(rule))}</code>: <strong>{escape(formula)}</strong></p>"
    return noted(head, Marked(scope, None).html())


def rule_as_latex(rule):
    """The derivation of a rule as one formula."""
    return typeset(derivation_of(rule))
