"""The report on the derivations of a text: each with its links, and the table that a command prints."""

import dataclasses
import os
import textwrap
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from handgrad.common.html import noted
from handgrad.common.text import fitted, many, printable
from handgrad.derivation.budget import limited
from handgrad.derivation.checking import Checked, check_derivation
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.sources import Scope, scopes_at
from handgrad.derivation.unused import unchecked

HEADER = f"{'derivation':<55}{'links':>6}{'exact':>7}  verdict"
SECONDS, SECONDS_A_LINE = 3.6, 0.012  # ordinary lines take a third of that


@dataclass(frozen=True)
class Derivation:
    """A derivation: its checked links, and why it could not be read or run, if so.

    `unseen` are comparisons, each with its line, of which one side was never taken; `unstated` the
    inputs whose gradient no line states, and `unchecked` what is said of the names behind the output
    that no line uses. Of a section of LaTeX, `unread` are the equations that were not read, each
    with its line and column, `equations` counts what came of all, and `read` is what they were read as.
    """

    title: str
    path: str
    links: list[Checked]
    error: str = ""
    unseen: list[tuple[int, str]] = field(default_factory=list)
    unstated: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    unread: list[tuple[int, int, str]] = field(default_factory=list)
    equations: dict[str, int] = field(default_factory=dict)
    read: Any = field(default=None, repr=False, compare=False)

    @property
    def ok(self):
        """Whether every link holds, and was looked at from all sides."""
        return self.status == "PASS"

    @property
    def status(self):
        """PASS; ERROR where it could not be read or run, WRONG where a link does not hold, VACUOUS
        where no link was held against anything, INCOMPLETE where a side was never taken, or an
        equation was not read.
        """
        if self.error:
            return "ERROR"
        if not all(link.ok for link in self.links):
            return "WRONG"
        if self.unread:
            return "INCOMPLETE"
        return "VACUOUS" if not self.links else "INCOMPLETE" if self.unseen else "PASS"

    def to_dict(self):
        """The derivation in plain strings, lists and numbers."""
        plain = dataclasses.asdict(dataclasses.replace(self, read=None))
        del plain["read"]
        return {"ok": self.ok} | plain

    def __str__(self):
        return self.row()

    def row(self, paint=lambda status: status):
        """Its line of the table, and below it what is wrong; `paint` gives a status its colour."""
        exact = sum(link.exact for link in self.links)
        numbers = f"{len(self.links):>6}{exact:>7}"
        path = printable(self.path)
        below = [self.counted] if self.equations else []
        below += [f"{path}:{link.line}: {link}" for link in self.links if not link.ok]
        rows = [f"{fitted(self.title, 55)}{numbers}  {paint(self.status)}"]
        return "\n".join([*rows, *map(_indented, [*below, *self.remarks()])])

    def remarks(self):
        """What there is to say beside what is wrong with its links."""
        path = printable(self.path)
        for link in self.links:
            if link.disputed:
                yield f"{path}:{link.line}: {link}: {link.proof}"
        for reading in dict.fromkeys(link.read_as for link in self.links if link.read_as):
            lines = dict.fromkeys(link.line for link in self.links if link.read_as == reading)
            said = f"line{'s' * (len(lines) > 1)} {', '.join(map(str, lines))}"
            yield f"{path}: {said}: {reading}"
        if self.error:
            yield f"{path}:{self.error}"
        for line, column, words in self.unread:
            yield f"{path}:{line}:{column}: NOT READ: {printable(words)}"
        for line, words in self.unseen:
            yield f"{path}:{line}: {words}, at any point that was tried"
        if self.status == "VACUOUS":
            yield "no line was held against anything: state a gradient, as in dx = …"
        if self.unstated:
            yield f"no line for: {', '.join(self.unstated)}"
        for said in self.unchecked:
            yield f"not checked: {printable(said)}"

    @property
    def counted(self):
        """What came of the equations: `5 equations: 3 hold, 1 WRONG, 1 NOT READ → WRONG`."""
        counts = ", ".join(f"{count} {words}" for words, count in self.equations.items())
        return f"{many(sum(self.equations.values()), 'equation')}: {counts} → {self.status}"


@dataclass(frozen=True)
class Report:
    """What came of a text: its derivations. It is true if every link of every one holds."""

    derivations: tuple[Derivation, ...]
    seed: int
    seconds: float
    scopes: tuple[Any, ...] = field(default=(), repr=False, compare=False)

    @property
    def ok(self):
        """Whether every link of every derivation holds."""
        return all(derivation.ok for derivation in self.derivations)

    def __bool__(self):
        return self.ok

    def to_dict(self):
        """The report in plain strings, lists and numbers."""
        found = [derivation.to_dict() for derivation in self.derivations]
        counts = {"ok": self.ok, "seed": self.seed, "seconds": round(self.seconds, 3)}
        return counts | {"derivations": found}

    def __str__(self):
        return "\n".join([HEADER, *map(str, self.derivations), self.summary])

    @property
    def summary(self):
        """How many there are, and which are not right."""
        links = many(sum(len(d.links) for d in self.derivations), "link")
        links += f" ({sum(link.exact for d in self.derivations for link in d.links)} exact)"
        wrong = [d.title for d in self.derivations if not d.ok]
        outcome = f"not right: {', '.join(wrong)}" if wrong else "all pass"
        found = many(len(self.derivations), "derivation")
        return f"{found}, {links}, {self.seconds:.0f} s: {outcome}"

    __repr__ = __str__  # `assert check(...)` shows it when it fails

    def _repr_html_(self):
        """In a notebook: each line typeset, with its mark and its hint."""
        from handgrad.derivation.marked import of_report

        return noted(*of_report(self))


def check(source: str | Path, seed: int = 0, *, numbers: bool = False) -> Report:
    """Check every link of the derivations in a text or a file, as `handgrad verify notes.md` does.

    source  a text with a line break in it, Markdown with blocks fenced as `derivation` or the lines
            themselves; or a file: notes.md, notes.md#Heading, layers.py or layers.py::Name, of
            which nothing is imported or run
    seed    of the sizes and numbers that are drawn
    numbers whether to compare numbers also where exact arithmetic proves every link

    >>> from handgrad import check
    >>> print(check("x : (N)\\ny = x**2\\ndx = 2 * dy"))

    Raises TypeError for anything else, and ValueError where there is no derivation to read.
    """
    if not isinstance(source, str | os.PathLike):
        said = "pass a text or a file; a rule is checked by verify(ReLU())"
        raise TypeError(f"source is of the type {type(source).__name__}: {said}")
    begin = time.perf_counter()
    scopes = scopes_at(source, "a rule is checked by verify({})")
    derivations = tuple(check_scopes(scopes, seed, numbers=numbers))
    return Report(derivations, seed, time.perf_counter() - begin, tuple(scopes))


def check_scopes(scopes, seed, *, numbers=False):
    """Each derivation, checked; all of them within the time that their lines give them."""
    left = SECONDS + SECONDS_A_LINE * sum(len(scope.lines) for scope in scopes)
    for scope in scopes:
        begin = time.thread_time()
        try:
            with limited(left):
                derivation = _checked(scope, seed, numbers=numbers)
        except DerivationError as error:
            derivation = Derivation(scope.title, scope.path, [], str(error))
        left -= time.thread_time() - begin
        yield derivation


def _checked(scope, seed, *, numbers):
    """One derivation, checked; of a section of LaTeX, each equation as it was read."""
    if isinstance(scope, Scope):
        derivation = scope.derivation()
        found = check_derivation(derivation, seed, numbers=numbers)
        made = partial(Derivation, unchecked=unchecked(derivation))
    else:
        from handgrad.derivation.latex.verdict import judged

        verdict = judged(scope, seed, numbers=numbers)
        found = verdict.outcome
        equations = {"equations": verdict.counts, "read": verdict.derivation}
        made = partial(Derivation, unread=verdict.unread, **equations)
    made = partial(made, unseen=found.unseen, unstated=found.unstated)
    return made(scope.title, scope.path, found.links)


def _indented(text):
    return textwrap.fill(text, 80, initial_indent="    ", subsequent_indent="      ")
