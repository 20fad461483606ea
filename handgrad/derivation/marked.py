"""Marked: a checked derivation as HTML, each link typeset, with ✓ or with what is wrong beside it."""

import math
from dataclasses import dataclass
from functools import cached_property
from html import escape

from handgrad.common.html import pre, status
from handgrad.common.text import printable
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.report import Derivation
from handgrad.derivation.sources import Scope
from handgrad.derivation.typeset import STYLES, statements

STYLE = STYLES["mathml"]


@dataclass
class Marked:
    """The lines of a scope, and what came of them; None where they are shown and not checked."""

    scope: Scope
    checked: Derivation | None

    @cached_property
    def statements(self):
        """Its statements, typeset; None where it cannot be read."""
        try:
            return statements(self.scope.derivation())
        except DerivationError:
            return None

    def html(self, first=0, last=math.inf):
        """A line for each link from a first to a last line: what it equals, and its mark."""
        rows = "".join(self._rows(statement, first, last) for statement in self.statements or ())
        return f'<div class="derivation">{rows}</div>'

    def _rows(self, statement, first, last):
        rows = []
        for (left, sign, right), (link, _) in zip(statement.rows, statement.links, strict=True):
            if not first <= (link or statement.item).line <= last:
                continue
            cells = [_math(left), _math(STYLE.symbol(sign)), _math(right), self._mark(link)]
            rows.append("".join(f"<div>{cell}</div>" for cell in cells))
        return "".join(rows)

    def _mark(self, link):
        """✓ with the error that was measured, or ✗ with what is wrong."""
        checked = self._links.get((link.line, link.text)) if link else None
        if checked is None:
            return ""
        if checked.ok:
            said = f"off by {checked.error:.0e} of its scale" if checked.error else "exact"
            return f'<span class="right" title="{said}">✓</span>'
        hint = f"; {checked.hint}" if checked.hint else ""
        return f'<span class="wrong">✗ {escape(printable(checked.problem + hint))}</span>'

    @cached_property
    def _links(self):
        return {(c.line, c.text): c for c in (self.checked.links if self.checked else ())}


def of_report(report):
    """Each derivation of a report: its title and status, its lines, and what is said of it."""
    for scope, checked in zip(report.scopes, report.derivations, strict=True):
        title = "" if scope.path == scope.title else f"{escape(printable(scope.title))}: "
        yield f"<p>{title}{status(checked.status, ok=checked.ok)}</p>"
        marked = Marked(scope, checked)
        if not isinstance(scope, Scope) or marked.statements is None:
            yield pre(checked.row())
            continue
        yield marked.html()
        if said := "\n".join(checked.remarks()):
            yield pre(said)


def _math(piece):
    return f'<math displaystyle="true">{piece}</math>' if piece else ""
