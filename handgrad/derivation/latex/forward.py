"""The forward of a section: its givens, and the definitions that were read, each run once."""

from dataclasses import replace
from functools import partial

import numpy as np

from handgrad.common.random import generator
from handgrad.derivation.entries import defined
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.evaluation import Walk
from handgrad.derivation.expressions import names_in, parse
from handgrad.derivation.indices import letters_in
from handgrad.derivation.latex.elaboration import read as read_part
from handgrad.derivation.latex.environment import Environment
from handgrad.derivation.lines import GIVEN, Line
from handgrad.derivation.notation import Kind
from handgrad.derivation.points import Runner, is_real
from handgrad.derivation.reading import read
from handgrad.derivation.shapes import unpacked, without_warnings
from handgrad.derivation.vocabulary import vocabulary


class Forward:
    """The lines so far, and what their names are worth at one point."""

    def __init__(self, section, seed):
        self.header = replace(section.header, aliases=dict(section.header.aliases))
        self.title, self.seed = section.title, seed
        named = {m["name"] for line in section.header.lines if (m := GIVEN.fullmatch(line.text))}
        self.lines = [line for name, line in section.givens.items() if name not in named]
        self.lines += section.header.lines
        self.squares, self.states, self.hidden, self.auxiliary = set(), set(), {}, []
        self.called, self.claimed, self.stated = {}, frozenset(), {}
        self.derivation, self.runner, self.inputs, self.names = self._run(self.lines)

    def _run(self, lines):
        """The derivation of some lines, and its values at one point."""
        derivation = read(lines, self.header.fields, self.title, all_stated=True)
        runner = Runner(derivation, self.seed)
        rng = generator(self.seed, "latex")
        inputs = {given.name: runner.drawn(rng, given) for given in derivation.givens}
        return derivation, runner, inputs, runner.values(inputs)

    def environment(self):
        """What the equations that define are read with."""
        nodes = frozenset(name for name, value in self.names.items() if is_real(value))
        run = partial(_moved, self.runner, self.inputs)
        inputs = tuple(g.name for g in self.derivation.givens if g.name in nodes and not g.const)
        return Environment(
            self.header, dict(self.names), nodes, inputs, run, read_part, squares=frozenset(self.squares),
            states=frozenset(self.states), hidden=self.hidden, called=self.called, claimed=self.claimed,
            stated=self.stated,
        )  # fmt: skip

    def define(self, heads, texts, line):
        """The head that takes one of these values, and the value's text. Raises DerivationError."""
        error = None
        for head in heads:
            for text in texts:
                if "∂" in text:
                    continue
                added = Line(f"{head.text} = {text}", line)
                try:
                    found = self._run([*self.lines, added])
                except DerivationError as failure:
                    error = error or failure
                    continue
                if found[0].chains[-1].kind is Kind.DEFINITION:
                    self.lines.append(added)
                    self.derivation, self.runner, self.inputs, self.names = found
                    self._remember(head)
                    return head, text
        raise error or DerivationError("this is not a definition", line)

    def _remember(self, head):
        """Keep how a name is written that is now known, and what it is a function of."""
        self.squares |= {head.name} if head.square else set()
        if head.written:
            self.header.aliases[head.written] = head.name
        if head.arguments is not None:
            self.called[head.name] = head.arguments

    def add_recurrence(self, lines, states):
        """Put the lines of a recurrence to the others, together. Raises DerivationError."""
        found = self._run([*self.lines, *lines])
        self.lines += lines
        self.states |= states
        self.derivation, self.runner, self.inputs, self.names = found

    def hide(self, text, line):
        """Make a node of an expression that is differentiated."""
        name = next(n for i in range(1, 99) if (n := f"f{i}") not in self.names)
        letters = letters_in([parse(text)], self.names)
        index = f"[{', '.join(letters)}]" if letters else ""
        added = Line(f"{name}{index} = {text}", line)
        before, after = self.lines, []
        if self.header.loss and self.header.loss not in self.names and self.derivation.definitions:
            last = self.derivation.definitions[-1]
            before, after = self._divided({line for line in self.lines if line.number == last.line})
        lines = [*before, added, *after]
        self.derivation, self.runner, self.inputs, self.names = self._run(lines)
        self.lines = lines
        self.hidden[text] = name, index

    def _divided(self, last):
        return [i for i in self.lines if i not in last], [i for i in self.lines if i in last]

    def put_output_last(self, spoken_of):
        """Put the definition of the output behind the others, where none of them needs it.

        It is what the header names, else the last that no other one uses, and of these one by which
        something is differentiated: that is `spoken_of`.
        """
        chains = self.derivation.definitions
        wanted = self.header.output or self.header.loss
        own = next((c for c in chains if wanted in c.targets), None) or _last_sink(
            chains, spoken_of
        )
        if own is None or own is chains[-1]:
            return
        last = {
            line for line in self.lines if line.number == own.line and own.targets[0] in line.text
        }
        lines = [*self._divided(last)[0], *self._divided(last)[1]]
        try:
            found = self._run(lines)
        except DerivationError:
            return  # others need it
        self.lines = lines
        self.derivation, self.runner, self.inputs, self.names = found

    def with_gradients(self):
        """What the other equations are read with: gradients and moves stand for any arrays."""
        environment, rng = self.environment(), generator(self.seed, "latex", "gradients")
        for name in environment.nodes:
            for mark in "dδ":
                shape = np.shape(self.names[name])
                environment.names[f"{mark}{name}"] = np.asarray(rng.normal(size=shape))
        return environment

    def add_auxiliary(self, head, text, line, environment):
        """Give an expression a name, behind the forward; its value is then known too."""
        added = Line(f"{head.text} = {text}", line)
        derivation = read(
            [*self.lines, *self.auxiliary, added], self.header.fields, self.title, all_stated=True
        )
        chain = derivation.chains[-1]
        if chain.kind not in {Kind.AUXILIARY, Kind.DEFINITION}:
            raise DerivationError("this is not a definition", line)
        with without_warnings():
            value = defined(chain, Walk(environment.names, vocabulary(np)))
        environment.names.update(unpacked(replace(chain, targets=(head.name,)), value))
        self.auxiliary.append(added)
        self._remember(head)


def _moved(runner, inputs, moves):
    """The names of the forward where nodes are moved."""
    with without_warnings():
        return runner.run(inputs, vocabulary(np), moved=moves)


def _last_sink(chains, spoken_of):
    """The last definition that no other one uses."""
    used = {n for c in chains for link in c.links for n in names_in(link.node)}
    sinks = [c for c in reversed(chains) if not used & set(c.targets)]
    return next((c for c in sinks if spoken_of & set(c.targets)), sinks[0] if sinks else None)
