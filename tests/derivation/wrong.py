"""Wrong derivations: right ones, each with one error that people make, on one line."""

import itertools
import re
from dataclasses import dataclass
from pathlib import Path

from handgrad.derivation.lines import Line
from handgrad.derivation.reading import read
from handgrad.derivation.sources import scopes_of

HERE = Path(__file__).parent
RIGHT_FILES = sorted(HERE.glob("right*.md"))
SLIP = re.compile(r" {4}(?P<number>\d+)  (?P<line>.*?)(?:  # (?P<words>.*))?")
FIRST = 101  # the number of a derivation's first line, as if it stood far down in a file
SOURCES = "_sources.md"  # files of which each test takes one in so many, and the slow ones all
ONE_IN = 8


@dataclass(frozen=True)
class Wrong:
    """One line of a derivation said wrong, and words that name the cause (None: none is asked)."""

    title: str
    right: tuple[str, ...]
    number: int
    line: str
    words: str | None
    slow: bool = False

    def __str__(self):
        return f"{self.title}: {self.line}"

    @property
    def text(self):
        """The derivation with the wrong line in it."""
        before, after = self.right[: self.number - FIRST], self.right[self.number - FIRST + 1 :]
        return (*before, self.line, *after)


def family(title, right, *errors):
    """The errors of one derivation: (its line, what is said instead, words that name the cause)."""
    lines = tuple(line.strip() for line in right.strip().splitlines())
    return [
        Wrong(title, lines, FIRST + lines.index(line), wrong, words)
        for line, wrong, words in errors
    ]


def slips():
    """The wrong lines of slips*.md: under the title of a right derivation, what is said instead.

    In front stands the number of the line in its derivation, behind # words that name the cause.
    """
    scopes = (scope for path in RIGHT_FILES for scope in scopes_of(path))
    right = {scope.title: tuple(line.text.strip() for line in scope.lines) for scope in scopes}
    for path in sorted(HERE.glob("slips*.md")):
        title, count = "", itertools.count()
        for text in path.read_text(encoding="utf-8").splitlines():
            if text.startswith("## "):
                title = text.removeprefix("## ")
            elif match := SLIP.fullmatch(text):
                number = FIRST - 1 + int(match["number"])
                slow = next(count) % ONE_IN > 0 and path.name.endswith(SOURCES)
                yield Wrong(title, right[title], number, match["line"], match["words"], slow)


def derivation(lines, title):
    """The derivation in some lines of text."""
    return read([Line(text, number) for number, text in enumerate(lines, FIRST)], title=title)
