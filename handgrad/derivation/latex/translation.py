"""Translation: the equations of a section in the notation, each in every way it may be meant."""

import contextlib
from collections import Counter
from dataclasses import replace

import numpy as np

from handgrad.derivation.budget import BudgetError
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.latex.definitions import set_apart, shown
from handgrad.derivation.latex.derivatives import differentiated
from handgrad.derivation.latex.einstein import summed
from handgrad.derivation.latex.elaboration import read
from handgrad.derivation.latex.equations import at_commas, separated
from handgrad.derivation.latex.errors import NodeWantedError, UnfitError, UnreadError
from handgrad.derivation.latex.forward import Forward
from handgrad.derivation.latex.heads import Head, first_names, heads_of, key_of
from handgrad.derivation.latex.indices import letters_of, walk
from handgrad.derivation.latex.names import spellings
from handgrad.derivation.latex.parsing import parsed
from handgrad.derivation.latex.ranges import heads_with_ranges, ranged, ranges_beside
from handgrad.derivation.latex.reach import reaching
from handgrad.derivation.latex.statements import Link, Statement, Translation
from handgrad.derivation.latex.steps import Recurrence, letters_of_steps
from handgrad.derivation.latex.tree import Group, Number, Table, canonical, has_equation

MOST_HIDDEN = 20
UNCHECKED = {"≈", "∝", "→", "in"}


class Translator:
    """Reads the equations of a section: those that define first, whatever their order."""

    def __init__(self, section, seed, chosen=None):
        self.section, self.chosen = section, chosen or {}
        self.forward = Forward(section, seed)
        self.result = Translation(self.forward)
        self.words = section.words
        self.defined, self.asides = {}, []
        self.forward.claimed = frozenset(self._fronts())
        self.environment = self.forward.environment()

    def _fronts(self):
        """The names with which equations begin."""
        for equation in (*self.section.equations, *self.section.asides):
            for front in self._trees(equation)[:1]:
                yield from first_names(front)

    def translated(self):
        """The translation. Raises DerivationError where the header cannot be read."""
        equations = [part for e in self._equations() for part in separated(e)]
        equations, functions = set_apart(equations, self._trees, self.forward)
        self.asides = self._asides(equations)
        self._in_rounds(equations + self.asides, self._define)
        self._define_steps([e for e in equations if e not in self.defined])
        environment = self.forward.environment()
        self.forward.put_output_last(self._spoken_of(equations, environment))
        self.environment = self.forward.with_gradients()
        self._keep_functions(functions)
        rest = [e for e in self.asides if e not in self.defined]
        rest += [e for e in equations if e not in self.defined or len(e.sides) > 2]
        unread = self._in_rounds(rest, self._claim)
        self.result.unread += [(e, error) for e, error in unread if e not in self.asides]
        self.result.without = self._without_output()
        self.result.undefined = bool(self.result.without or self.section.unread) or any(
            not e.about_derivatives for e, _ in self.result.unread
        )
        self.result.statements.sort(key=lambda s: (s.equation.line, s.equation.column))
        return self.result

    def _without_output(self):
        """What is said where the equation was not read that defines the loss or the output; else ""."""
        wanted = self.section.header.output or self.section.header.loss
        for equation, _ in self.result.unread if wanted not in self.forward.names else ():
            with contextlib.suppress(UnreadError):
                if wanted in first_names(self._tree(equation.sides[0])):
                    return f"{wanted} is defined by line {equation.line}, which was not read"
        return ""

    def _equations(self):
        """The equations that state that two sides are equal; the others are set apart."""
        found = []
        for equation in self.section.equations:
            if not equation.signs:
                self._formula(equation)
            elif set(equation.signs) == {"="}:
                found.append(equation)
            elif set(equation.signs) & UNCHECKED or equation.about_derivatives:
                sign = next(s for s in equation.signs if s != "=")
                self._give_up(equation, UnreadError(f"{sign} is not checked"))
        return found

    def _keep_functions(self, functions):
        """Note the equations that define functions, now that all names are known."""
        for equation, front, body in functions:
            try:
                name, text = shown(front, body, self.environment)
            except DerivationError as error:
                self._give_up(equation, error)
                continue
            link = Link(equation.line, equation.column, [text or equation.source])
            self.result.statements.append(Statement(equation, [name], [link], defines=True))

    def _asides(self, equations):
        """The equations within the text that alone define a name which the others use."""
        shown = [sides for e in equations if (sides := self._trees(e))]
        found = {e: sides for e in self.section.asides if (sides := self._trees(e))}
        used = {n for sides in shown for side in sides for s in walk(side) for n in spellings(s)}
        fronts = {(key_of(front), "") for front, *_ in shown}
        fronts |= {(key_of(front), canonical(side)) for front, side, *_ in found.values()}
        keys = Counter(key for key, _ in fronts)
        return [
            e for e, (front, side, *_) in found.items()
            if keys[key_of(front)] == 1 and used & set(first_names(front))
            and not isinstance(side, Number)
        ]  # fmt: skip

    def _trees(self, equation):
        """The sides of an equation; [] where one cannot be read."""
        try:
            return [self._tree(side) for side in equation.sides]
        except UnreadError:
            return []

    def _spoken_of(self, equations, environment):
        """The nodes by which something is differentiated."""
        found = set()
        for equation in equations:
            for side in equation.sides:
                with contextlib.suppress(DerivationError):
                    node = self._tree(side)
                    inner = environment.with_letters(letters_of(node, environment))
                    found |= set(differentiated(node, inner))
        return found

    def _formula(self, equation):
        """Count what has no = of its own; one that has an = inside is an equation that was not read."""
        (side,) = equation.sides
        try:
            hidden = has_equation(self._tree(side))
        except UnreadError as error:
            if any(token.text == "=" for token in side):
                self._give_up(equation, error)
            return
        if hidden:
            self._give_up(equation, UnreadError("an = within delimiters"))
        self.result.formulas += not hidden

    def _give_up(self, equation, error):
        self.result.unread.append((equation, error.at(equation.line, equation.column)))

    def _in_rounds(self, equations, attempt):
        """Try each equation until no more are read: those that remain, each with its reason."""
        left, failures, progress = list(equations), [], True
        while progress and left:
            failures, progress = [], False
            for equation in left:
                try:
                    attempt(equation)
                    progress = True
                except BudgetError:
                    raise
                except DerivationError as error:
                    failures.append((equation, error.at(equation.line, equation.column)))
            left = [equation for equation, _ in failures]
        return failures

    def _tree(self, tokens):
        return parsed(list(tokens), self.words)

    def _summed(self, front, node, environment):
        """A side of an equation with its sums as they are meant, also those that are not written."""
        kept = letters_of(front, environment)
        node = reaching(node, kept, environment)
        if not self.section.header.sums:
            return node
        return summed(node, kept, environment)

    def _define(self, equation):
        """Read an equation that defines a node. Raises DerivationError if it does not."""
        if equation.condition:
            raise UnreadError("a definition with a condition beside it")
        environment = self.forward.environment()
        heads = self._heads(equation, environment)
        if not heads:
            raise UnreadError("this is not a definition")
        heads = self._ranged(heads, equation, environment)
        error = None
        for side in equation.sides[1:]:
            try:
                texts = self._values(equation, side, environment)
                head, text = self.forward.define(heads, texts, side[0].line)
            except DerivationError as failure:
                error = error or failure
                continue
            self._keep_definition(equation, head, side, text)
            return
        raise error or UnreadError("it has no value")

    def _heads(self, equation, environment):
        """The new names in front of an equation; several for what gives as many, as Q, R = qr(A)."""
        fronts = [self._tree(part) for part in at_commas(equation.sides[0])]
        found = [heads_of(front, environment) for front in fronts]
        if len(found) < 2:
            return found[0]
        return [Head(", ".join(heads[0].text for heads in found))] if all(found) else []

    def _ranged(self, heads, equation, environment):
        """The heads with their ranges first, where one is said beside the equation, or in the text."""
        beside = ranges_beside(map(self._tree, equation.ranges), environment)
        if beside:
            own = [tuple(i + beside.get(i, "") for i in head.indices) for head in heads]
            return [replace(head, indices=i) for head, i in zip(heads, own, strict=True)]
        ends = {letter: self._tree(end) for letter, end in self.section.ranges.items()}
        return heads + heads_with_ranges(heads, ends, environment)

    def _define_steps(self, equations):
        """Read the recurrences among some equations, and what is defined by them."""
        pairs = [(e, sides) for e in equations if (sides := self._trees(e))]
        for letter in letters_of_steps(pairs):
            found = Recurrence(letter, pairs, self.forward.environment())
            if not found.attempt():
                continue
            with contextlib.suppress(DerivationError):
                self.forward.add_recurrence(found.lines, found.states)
                for equation, (head, text) in found.read.items():
                    self._keep_definition(equation, Head(head), equation.sides[1], text)
        self._in_rounds([e for e in equations if e not in self.defined], self._define)

    def _values(self, equation, side, environment):
        """The expressions that a side may stand for, the chosen one first."""
        front = self._tree(at_commas(equation.sides[0])[0])
        node = self._summed(front, self._tree(side), environment)
        beside = ranges_beside(map(self._tree, equation.ranges), environment)
        environment = environment.with_letters([*beside, *letters_of(node, environment)])
        try:
            found = read(node, environment)
        except UnfitError:  # at these sizes a range that is stated may be empty
            if not self.section.ranges:
                raise
            found = read(node, replace(environment, literal=True))
        texts = [reading.text for reading in found]
        key = equation.line, equation.column
        if len(texts) > 1:
            self.result.choices[key] = len(texts)
            self.result.has_shapes |= len({reading.shape for reading in found}) > 1
        at = self.chosen.get(key, 0)
        return texts[at:] + texts[:at]

    def _keep_definition(self, equation, head, side, text):
        self.defined[equation] = head, side
        link = Link(side[0].line, side[0].column, [text])
        self.result.statements.append(Statement(equation, [head.text], [link], defines=True))

    def _claim(self, equation):
        """Read an equation that states something. Raises DerivationError if no side is read."""
        for _ in range(MOST_HIDDEN):
            try:
                self._claimed(equation)
            except NodeWantedError as wanted:
                self.forward.hide(wanted.message, equation.line)
                self.environment = self._refreshed()
            else:
                return

    def _refreshed(self):
        """The environment with one more node, and with the names that were given behind the forward."""
        fresh = self.forward.with_gradients()
        return replace(fresh, names=self.environment.names | fresh.names)

    def _claimed(self, equation):
        front, *others = [self._tree(side) for side in equation.sides]
        sides = [front, *(self._summed(front, side, self.environment) for side in others)]
        if equation.condition:
            sides = [_where(self._tree(equation.condition), side) for side in sides]
        letters = letters_of(Group((1, 1), "", tuple(sides)), self.environment)
        environment = self.environment.with_letters(letters)
        if equation in self.defined:
            head, taken = self.defined[equation]
            fronts, skipped = [(head.text, None)], {0, equation.sides.index(taken)}
        elif heads := heads_of(sides[0], self.environment):
            heads = self._ranged(heads, equation, environment)
            self._auxiliary(equation, heads, sides, environment)
            return
        elif equation in self.asides:
            raise UnreadError("this is not a definition")
        else:
            found = read(sides[0], environment)
            fronts, skipped = [(r.text, r.shape) for r in found], {0}
            if found[0].derivative and not np.ndim(environment.names[found[0].derivative[0]]):
                self.result.of_scalars.add(found[0].text)
        links = self._links(equation, sides, skipped, fronts[0][1], environment)
        ranges = ranges_beside(map(self._tree, equation.ranges), environment)
        texts = [ranged(text, ranges) for text, _ in fronts]
        self.result.statements.append(Statement(equation, texts, links))

    def _links(self, equation, sides, skipped, shape, environment):
        """The sides that are held against the front; a side that is not read is noted."""
        found = []
        for number, (tokens, node) in enumerate(zip(equation.sides, sides, strict=True)):
            if number in skipped:
                continue
            try:
                found.append(_link(tokens, node, shape, environment))
            except (BudgetError, NodeWantedError):
                raise
            except DerivationError as error:
                if len(sides) - len(skipped) == 1:
                    raise
                self._give_up(equation, error)
        return found

    def _auxiliary(self, equation, heads, sides, environment):
        """A name for an expression, behind the forward, and what else it should equal."""
        error = None
        for number, node in enumerate(sides[1:], 1):
            try:
                texts = [r.text for r in read(node, environment)]
                head, text = self._added(heads, texts, equation.sides[number][0].line)
            except (BudgetError, NodeWantedError):
                raise
            except DerivationError as failure:
                error = error or failure
                continue
            link = Link(equation.sides[number][0].line, equation.sides[number][0].column, [text])
            rest = self._links(equation, sides, {0, number}, None, environment)
            self.result.statements.append(
                Statement(equation, [head.text], [link, *rest], defines=True)
            )
            return
        raise error or UnreadError("it has no value")

    def _added(self, heads, texts, line):
        error = None
        for head in heads:
            for text in texts:
                try:
                    self.forward.add_auxiliary(head, text, line, self.environment)
                except DerivationError as failure:
                    error = error or failure
                else:
                    return head, text
        raise error or UnreadError("it has no value")


def _where(condition, node):
    """A part of an equation where a condition holds, and 0 elsewhere."""
    zero = Number(node.at, "0")
    return Table(node.at, "cases", (((node,), (condition,)), ((zero,),)))


def _link(tokens, node, shape, environment):
    """A side with its readings, those first that have the right shape."""
    place = tokens[0].line, tokens[0].column
    try:
        found = read(node, environment)
    except UnfitError:
        found = read(node, replace(environment, literal=True))
        return Link(*place, [r.text for r in found], literal=True)
    if shape is not None:
        found = sorted(found, key=lambda r: r.shape != shape)
    return Link(*place, [r.text for r in found])
