"""Sections: what stands under one heading, with its derivation checked, typeset and drawn."""

import re
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import Any

from handgrad.common import strict_json
from handgrad.common.html import folded, pre
from handgrad.common.text import printable
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.lines import Line
from handgrad.derivation.marked import Marked
from handgrad.derivation.notation import Kind
from handgrad.derivation.report import check_scopes
from handgrad.derivation.sources import Scope
from handgrad.drawing.formats import picture
from handgrad.drawing.graph import draw_graph, walk
from handgrad.drawing.numbers import numbers_of
from handgrad.drawing.steps import walks
from handgrad.pages.equations import Equations
from handgrad.pages.markdown import Block, html_of
from handgrad.pages.words import language_of, worded

FAULTS = {"ERROR", "WRONG", "VACUOUS"}
VIEW = re.compile(r'viewBox="0 0 ([\d.]+)')
SMALLEST = 0.75  # of the size at which a picture was laid out


@dataclass
class Section:
    """A heading and what stands under it. `fields` are names that stand for options.

    `latex` are the sections of LaTeX of its document.
    """

    title: str
    path: str
    blocks: list[Block]
    fields: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    latex: list[Equations] = field(default_factory=list)

    def _word(self, text: str) -> str:
        return worded(text, language_of(self.path))

    @cached_property
    def scope(self):
        """The lines of all its derivations, which share their names."""
        lines = [
            Line(text, number)
            for block in self.blocks
            if block.kind == "derivation"
            for number, text in enumerate(block.lines, block.number)
        ]
        return Scope(self.title, self.path, tuple(lines), self.fields)

    @cached_property
    def checked(self):
        """What came of its derivation, or None if it has none."""
        if not any(line.text.strip() for line in self.scope.lines):
            return None
        (derivation,) = check_scopes([self.scope], self.seed)
        return derivation

    @property
    def stated(self):
        """The sections of LaTeX whose header stands in it."""
        return [own for own in self.latex if own.begins(*self._ends)]

    @property
    def _ends(self):
        """Its first line and its last."""
        return self.blocks[0].number, self.blocks[-1].last

    @property
    def is_checked(self):
        """Whether a derivation stands in it."""
        return self.checked is not None or bool(self.stated)

    @property
    def ok(self):
        right = self.checked is None or self.checked.ok
        return (
            right
            and all(own.checked.ok for own in self.stated)
            and all(own.is_right(*self._ends) for own in self.latex)
        )

    def html(self):
        """Its text and its derivation, each link with its mark, then its picture."""
        return "\n".join([*map(self._block, self.blocks), self._said(), self._figure()])

    @cached_property
    def marked(self):
        """The derivation, each link with its mark."""
        return Marked(self.scope, self.checked)

    def _block(self, block):
        if block.kind == "equation":
            found = (own.of_block(block) for own in self.latex)
            return "".join(found) or html_of(block)
        if block.kind != "derivation" or self.marked.statements is None:
            return html_of(block)
        source = pre("\n".join(block.lines))
        return self.marked.html(block.number, block.last) + folded(
            self._word("in the notation"), source
        )

    def _said(self):
        """What was said of each derivation as a whole, if it is not right."""
        found = [self.checked, *(own.checked for own in self.stated)]
        return "".join(pre(each.row(), "wrong") for each in found if each and not each.ok)

    @cached_property
    def steps(self):
        """The walk through the graph of a derivation in which nothing is wrong or unread, or None."""
        latex = [own.checked for own in self.stated]
        checked = self.checked or (latex[0] if len(latex) == 1 else None)
        if checked is None or checked.unread or checked.status in FAULTS:
            return None
        try:
            steps = walk(checked.read or self.scope.derivation(), self.seed)
            draw_graph(steps)
        except DerivationError:
            return None  # there is no picture of it
        return steps

    def drawn(self, form, caption):
        """A picture of the graph."""
        picture_of = picture(self.steps, ".svg", form=form)
        return f'<div class="wide">{_readable(picture_of)}</div><figcaption>{caption}</figcaption>'

    def _figure(self):
        """The graph, and the walk through it."""
        if self.steps is None:
            return ""
        form = "numbers" if self.steps.stated else "symbolic"
        caption = self._word("The computational graph of {}").format(printable(self.title))
        drawn = self.drawn(form, escape(caption))
        lists = "".join(
            f"<h4>{self._word(title)}</h4><ol>{''.join(f'<li>{escape(printable(line))}</li>' for line in lines)}</ol>"
            for title, lines in zip(("Forward", "Backward"), walks(self.steps), strict=True)
        )
        walked = folded(self._word("step by step"), lists)
        return f'<figure class="graph"{_numbers(self.steps)}>{drawn}{walked}</figure>'


class Chapter(Section):
    """A section of a document: its graph is drawn where its definitions end, and in another form."""

    def html(self):
        """Its text and its derivation, with pictures: forward, with the way back, and in short."""
        parts = [self._block(block) + self._forward(block) for block in self.blocks]
        return "\n".join([*parts, self._said(), self._figure(), self._again()])

    def _forward(self, block):
        """The graph before anything comes back, behind the last definition of the first block."""
        if self.steps is None or block.kind != "derivation":
            return ""
        ends = max(chain.line for chain in self.steps.derivation.definitions)
        claims = [c.line for c in self.steps.derivation.chains if c.kind is not Kind.DEFINITION]
        if not block.number <= ends <= block.last or not any(n > block.last for n in claims):
            return ""
        return f"<figure>{self.drawn('forward', self._word('What goes forward'))}</figure>"

    def _again(self):
        """The same graph in symbols where numbers stand above, and else as one node with its name."""
        if self.steps is None or len(self.steps.operations) < 2:
            return ""
        if not self.steps.stated and not self.title.isidentifier():
            return ""
        form, caption = (
            ("symbolic", "In symbols") if self.steps.stated else ("simplified", "In short")
        )
        return f"<figure>{self.drawn(form, self._word(caption))}</figure>"


def sections_of(blocks, path, title, seed=0, latex=()):
    """The sections of a document: one for each heading, and one for what stands before the first."""
    found = [Chapter(title, path, [], seed=seed, latex=list(latex))]
    for block in blocks:
        if block.kind == "heading":
            found.append(Chapter(block.lines[0], path, [], seed=seed, latex=list(latex)))
        found[-1].blocks.append(block)
    return [section for section in found if section.blocks]


def _numbers(steps):
    """The graph as data, where its numbers are single ones, and a reader may change them."""
    found = numbers_of(steps) if steps.stated else None
    return f' data-numbers="{escape(strict_json.dumps(found))}"' if found else ""


def _readable(drawn):
    """A picture that is no smaller than its letters can be read, and else scrolls."""
    width = float(VIEW.findall(drawn)[0])
    return drawn.replace("max-width: 100%", f"min-width: {SMALLEST * width:.0f}px; max-width: 100%")
