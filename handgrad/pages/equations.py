"""Equations: a section of LaTeX, each equation typeset as it was read, with its mark."""

from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any

from handgrad.common.text import printable
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.latex.section import sections_of
from handgrad.derivation.marked import Marked
from handgrad.derivation.notation import Chain, Kind
from handgrad.derivation.report import check_scopes
from handgrad.derivation.typeset import statements
from handgrad.pages.markdown import with_newlines

NAMED = {Kind.DEFINITION, Kind.AUXILIARY}


@dataclass
class Equations(Marked):
    """A section of LaTeX and what came of it, as `handgrad verify` says it."""

    scope: Any
    checked: Any

    @cached_property
    def statements(self):
        """Its statements, typeset as `handgrad translate` prints them; None where there are none."""
        try:
            return None if self.checked.read is None else statements(self.checked.read)
        except DerivationError:
            return None

    def begins(self, first, last):
        """Whether its header stands on these lines."""
        return first <= self.scope.line <= last

    def is_right(self, first, last):
        """Whether nothing on these lines is wrong, or was not read."""
        faults = [link.line for link in self.checked.links if not link.ok]
        faults += [line for line, *_ in self.checked.unread]
        return not any(first <= line <= last for line in faults)

    def of_block(self, block):
        """A row for each link on the lines of a block; "" where nothing of it was read or refused."""
        first, last = block.number, block.last
        rows = [(s.item.line, self._rows(s, first, last)) for s in self.statements or ()]
        shown = {
            (link.line, link.text) for s in self.statements or () for link, _ in s.links if link
        }
        rows += [
            (link.line, self._raw(block, link.line, 0, self._mark(link)))
            for link in self.checked.links
            if first <= link.line <= last and (link.line, link.text) not in shown
        ]
        rows += [
            (line, self._raw(block, line, column, _not_read(words)))
            for line, column, words in self.checked.unread
            if first <= line <= last
        ]
        found = "".join(row for _, row in sorted(rows, key=lambda row: row[0]))
        return f'<div class="derivation">{found}</div>' if found else ""

    def _rows(self, statement, first, last):
        """The rows of a statement, but for a claim that was neither right nor wrong."""
        if not isinstance(statement.item, Chain) or statement.item.kind in NAMED:
            return super()._rows(statement, first, last)
        links = {(link.line, link.text) for link, _ in statement.links if link}
        return super()._rows(statement, first, last) if links & set(self._links) else ""

    def _raw(self, block, line, column, mark):
        """An equation as it is written, with its mark."""
        before = [e for e in self.scope.equations if block.number <= e.line]
        before = [e for e in before if (e.line, e.column) <= (line, column or e.column)]
        text = before[-1].source if before else "\n".join(block.lines)
        code = f"<code>{escape(printable(text))}</code>"
        return f"<div></div><div></div><div>{code}</div><div>{mark}</div>"


def _not_read(words):
    return f'<span class="wrong">not read: {escape(printable(words))}</span>'


def equations_of(text, path, seed):
    """The sections of LaTeX in a Markdown text, checked."""
    sections = sections_of(with_newlines(text), path, printable(path))
    checked = check_scopes(sections, seed)
    return [Equations(section, found) for section, found in zip(sections, checked, strict=True)]
