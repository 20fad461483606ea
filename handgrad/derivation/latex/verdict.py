"""The verdict on a section: the reading of each equation that holds, if one does, and the check of it."""

import itertools
import re
from dataclasses import dataclass, replace
from typing import Any

from handgrad.derivation.budget import BudgetError
from handgrad.derivation.checking import Checked, Outcome, check_at, check_derivation
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.latex.layouts import in_one_layout
from handgrad.derivation.latex.scripts import told_apart
from handgrad.derivation.latex.statements import Translation
from handgrad.derivation.latex.translation import Translator
from handgrad.derivation.lines import Line
from handgrad.derivation.notation import Kind
from handgrad.derivation.points import Runner
from handgrad.derivation.reading import read
from handgrad.derivation.shapes import without_warnings

FORWARDS = 6  # other readings of the definitions, beside the best so far
CONFLICTS = "is free on the right and not on the left", " runs over "
TRIES = 6
SHAPES = re.compile(r"it has the shape \((.*?),?\), and should have \((.*?),?\)")


@dataclass
class Verdict:
    """What came of a section: the outcome of its check, what was not read, and counts of equations."""

    outcome: Outcome
    unread: list[tuple[int, int, str]]
    counts: dict[str, int]
    translation: Translation
    derivation: Any

    @property
    def givens(self):
        """The lines of the notation that the header and the text give."""
        defined = {s.links[0].line for s in self.translation.statements if s.defines}
        lines = [line for line in self.translation.forward.lines if line.number not in defined]
        return [line for line in lines if line not in self.hidden]

    @property
    def hidden(self):
        """The lines that name an expression which an equation differentiates."""
        forward = self.translation.forward
        texts = {f"{name}{index} = {text}" for text, (name, index) in forward.hidden.items()}
        return [line for line in forward.lines if line.text in texts]

    @property
    def faults(self):
        """How much is wrong or was not read."""
        return sum(not link.ok for link in self.outcome.links) + len(self.unread)

    @property
    def rank(self):
        """The faults, and then in how many expressions arrays got axes that the text does not state."""
        links = [link for s in self.translation.statements for link in s.links if link.texts]
        return self.faults, sum("None" in link.texts[0] for link in links)


def judged(section, seed, *, numbers=False):
    """The verdict on a section. Raises DerivationError where its header cannot be read.

    Where a letter is written in script and plain, these may be two names, or one.
    """
    if section.fault:
        raise section.fault
    apart = told_apart(section)
    found = _best(apart or section, seed, numbers=numbers)
    if apart is None or not found.faults:
        return found
    return min(found, _best(section, seed, numbers=numbers), key=lambda verdict: verdict.faults)


def _best(section, seed, *, numbers):
    """The verdict with the readings of the definitions that leave the fewest faults."""
    chosen, tried = {}, [{}]
    best = _judged(section, seed, chosen, numbers=numbers)
    further = _others(best, chosen)
    while any(best.rank) and (other := next((o for o in further if o not in tried), None)):
        tried.append(other)
        verdict = _judged(section, seed, other, numbers=numbers)
        if verdict.rank < best.rank:
            best, chosen = verdict, other
            further = _others(best, chosen)
    return best


def _judged(section, seed, chosen, *, numbers):
    """The verdict where each definition has the reading that was chosen."""
    with without_warnings():
        translation = Translator(section, seed, chosen).translated()
        return _Section(section, translation, seed, numbers=numbers).verdict()


def _others(verdict, chosen):
    """A few other choices of readings: one definition read in another way, or two of them."""
    choices = verdict.translation.choices
    changes = (
        chosen | dict(zip(keys, numbers, strict=True))
        for count in (1, 2)
        for keys in itertools.combinations(choices, count)
        for numbers in itertools.product(*(range(choices[key]) for key in keys))
    )
    others = ({key: number for key, number in change.items() if number} for change in changes)
    return itertools.islice((other for other in others if other != chosen), FORWARDS)


class _Section:
    """Chooses among the readings of a translation, and checks those that were chosen."""

    def __init__(self, section, translation, seed, *, numbers):
        self.section, self.translation, self.seed = section, translation, seed
        self.numbers = numbers
        self.base = [*translation.forward.lines, *translation.forward.auxiliary]
        self.unread = [
            (error.line or e.line, error.column or e.column, _words(error))
            for e, error in translation.unread
        ]
        self.unread += [(u.line, u.column, u.message) for u in section.unread]
        self.free, self.derivation = [], None

    def verdict(self):
        """The verdict, when the readings are chosen."""
        statements = [s for s in self.translation.statements if self._claims(s)]
        self._choose(statements)
        statements = [s for s in statements if self._is_readable(s)]
        outcome, kept = self._checked(statements)
        layout = self.section.header.layout
        found = in_one_layout(outcome.links, layout, lambda line: self._held([line])[0])
        links, marks = self._sorted(found, kept)
        outcome = replace(outcome, links=sorted([*links, *self.free], key=lambda link: link.line))
        counts = self._counts(marks)
        return Verdict(outcome, sorted(self.unread), counts, self.translation, self.derivation)

    @staticmethod
    def _claims(statement):
        """The links of a statement that are held against something."""
        return statement.links[1:] if statement.defines else statement.links

    def _choose(self, statements):
        """Put the reading first that holds, where a link has several."""
        several = [
            (s, link) for s in statements for link in self._claims(s)
            if len(link.texts) > 1 or len(s.fronts) > 1
        ]  # fmt: skip
        candidates = [
            (s, link, front, text, Line(f"{front} = {text}", link.line))
            for s, link in several for front in s.fronts for text in link.texts
        ]  # fmt: skip
        candidates = [c for c in candidates if not self._refusal(c[-1])]
        if not candidates:
            return
        held = self._held([c[-1] for c in candidates])
        for (statement, link, front, text, _), holds in reversed(
            list(zip(candidates, held, strict=True))
        ):
            if holds:
                link.texts = [text, *(t for t in link.texts if t != text)]
                statement.fronts = [front, *(f for f in statement.fronts if f != front)]

    def _held(self, lines):
        """Whether each of some lines holds by itself."""
        try:
            whole = read(
                [*self.base, *lines],
                self.section.header.fields,
                self.section.title,
                all_stated=True,
            )
            points = Runner(whole, self.seed).points()
        except BudgetError:
            raise
        except DerivationError:
            return [False] * len(lines)
        chains = whole.chains[len(whole.chains) - len(lines) :]
        for chain in whole.chains[: len(whole.chains) - len(lines)]:
            if chain.kind is Kind.AUXILIARY:
                check_at(replace(whole, chains=[chain]), points, hints=False)
        return [self._holds(whole, chain, points) for chain in chains]

    @staticmethod
    def _holds(whole, chain, points):
        try:
            return all(
                link.ok for link in check_at(replace(whole, chains=[chain]), points, hints=False)
            )
        except BudgetError:
            raise
        except DerivationError:
            return False

    def _refusal(self, *lines):
        """Why some lines cannot be read behind the others; None if they can."""
        try:
            read(
                [*self.base, *lines],
                self.section.header.fields,
                self.section.title,
                all_stated=True,
            )
        except DerivationError as error:
            return error
        return None

    def _is_readable(self, statement):
        """Whether the notation reads a statement; what it says of it is kept."""
        error = self._refusal(*self._lines(statement))
        if error is not None:
            self._refuse(statement, error)
        return error is None

    def _refuse(self, statement, error):
        """Keep why a statement cannot be checked: it is wrong if its indices cannot be meant so."""
        if not any(words in error.message for words in CONFLICTS):
            self.unread.append((statement.equation.line, statement.equation.column, _words(error)))
            return
        problem, _, hint = error.message.partition(": ")
        link = self._claims(statement)[0]
        made = Checked(Kind.IDENTITY, statement.fronts[0], link.texts[0], error.line or link.line)
        self.free.append(replace(made, problem=problem, hint=hint))

    def _lines(self, statement):
        """The claims of a statement in the notation: a chain."""
        first, *rest = self._claims(statement)
        lines = [Line(f"{statement.fronts[0]} = {first.texts[0]}", first.line)]
        return lines + [Line(f"= {link.texts[0]}", link.line) for link in rest]

    def _checked(self, statements):
        """The outcome of the check, and the statements that could be checked."""
        for _ in range(TRIES):
            lines = [line for s in statements for line in self._lines(s)]
            whole = read(
                [*self.base, *lines],
                self.section.header.fields,
                self.section.title,
                all_stated=True,
            )
            self.derivation = whole
            try:
                return check_derivation(whole, self.seed, numbers=self.numbers), statements
            except BudgetError:
                raise
            except DerivationError as error:
                at_fault = self._at_fault(statements, error)
                if not at_fault:
                    raise
                for statement, own in at_fault:
                    self._refuse(statement, own)
                statements = [s for s in statements if s not in [f for f, _ in at_fault]]
        raise DerivationError("none of these equations could be checked", self.section.line)

    def _at_fault(self, statements, error):
        """The statements that the check stops at, each with what it says."""
        found = [s for s in statements if error.line in {k.line for k in s.links}]
        if found:
            return [(statement, error) for statement in found]
        results = []
        for statement in statements:
            lines = [*self.base, *self._lines(statement)]
            try:
                check_derivation(
                    read(lines, self.section.header.fields, self.section.title, all_stated=True),
                    self.seed,
                )
            except BudgetError:
                raise
            except DerivationError as own:
                results.append((statement, own))
        return results

    def _sorted(self, links, statements):
        """The links that were settled, and what came of each statement."""
        settled, marks, results = [], [], iter(links[len(links) - self._count(statements) :])
        settled += links[: len(links) - self._count(statements)]
        for statement in statements:
            found = [next(results) for _ in self._claims(statement)]
            kept = []
            for link, result in zip(self._claims(statement), found, strict=True):
                if self._is_settled(statement, link, result):
                    kept.append(result)
                else:
                    self.unread.append((link.line, link.column, self._unsettled(result)))
            settled += kept
            marks.append("hold" if all(r.ok for r in kept) and kept else "WRONG" if kept else "")
        return settled, [m for m in marks if m]

    def _unsettled(self, result):
        """Why a link is neither right nor wrong."""
        if result.kind is Kind.GRADIENT and self.translation.without:
            return self.translation.without
        if self.translation.undefined:
            return "a definition was not read"
        return _shortened(f"its shapes do not fit: {result.problem}")

    def _count(self, statements):
        return sum(len(self._claims(s)) for s in statements)

    def _is_settled(self, statement, link, result):
        """Whether a link is right, or wrong beyond doubt: by its numbers, with a mend, or an index.

        So is a gradient with the shape of something else, transposed or not: that is no other layout.
        """
        missing = self.translation.without or (self.translation.undefined and not result.ok)
        if result.kind is Kind.GRADIENT and missing:
            return False
        if self.translation.has_shapes and SHAPES.match(result.problem):
            return False  # it may be right with another shape of what it is made of
        if result.ok or result.hint or result.problem.startswith(("off by", "it has the axes")):
            return True
        if " runs over " in result.problem:
            return True
        of_scalar = (
            result.kind is Kind.GRADIENT or statement.fronts[0] in self.translation.of_scalars
        )
        shapes = SHAPES.fullmatch(result.problem)
        if not of_scalar or link.literal or not shapes:
            return False
        found, wanted = ([n for n in shapes[i].split(", ") if n] for i in (1, 2))
        if not found:  # a number may be meant for each entry
            name = statement.fronts[0].rpartition("∂")[2] if "∂" in statement.fronts[0] else ""
            name = name or statement.fronts[0].removeprefix("d")
            text = f"{statement.fronts[0]} = ({link.texts[0]}) * ones_like({name})"
            return not self._held([Line(text, link.line)])[0]
        return found not in (wanted, wanted[::-1])

    def _counts(self, marks):
        """How many equations define, hold, are wrong, and were not read."""
        defining = [s for s in self.translation.statements if s.defines and not self._claims(s)]
        unread = len({(line, column) for line, column, _ in self.unread})
        counts = {
            "define": len(defining),
            "hold": marks.count("hold"),
            "WRONG": marks.count("WRONG") + len(self.free),
            "NOT READ": unread,
        }
        return {words: count for words, count in counts.items() if count}


def _words(error):
    """A few words on why something was not read."""
    return _shortened(error.message)


def _shortened(words):
    return words if len(words) <= 80 else f"{words[:80]}…"
