"""Wrong derivations: right ones, each with one error that people make, on one line."""

from dataclasses import dataclass

from handgrad.derivation.lines import Line
from handgrad.derivation.reading import read

FIRST = 101  # the number of a derivation's first line, as if it stood far down in a file


@dataclass(frozen=True)
class Wrong:
    """One line of a derivation said wrong, and words that name the cause (None: none is asked)."""

    title: str
    right: tuple[str, ...]
    number: int
    line: str
    words: str | None

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


def derivation(lines, title):
    """The derivation in some lines of text."""
    return read([Line(text, number) for number, text in enumerate(lines, FIRST)], title=title)
