"""Stages: which evidence is taken, in which order, and what it adds up to.

Contract and laws at the given inputs; the oracles there; then probes, each with laws and oracles.
What is wrong ends it; notes do not.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from handgrad.common.text import listed
from handgrad.judge import power, probes
from handgrad.judge.calls import CodeError
from handgrad.judge.compare import breach, same
from handgrad.judge.domains import recognized
from handgrad.judge.draws import Case
from handgrad.judge.evidence import JAX, opinion_of_jax, opinion_of_numbers, trial_at
from handgrad.judge.laws import LAWS, breaches
from handgrad.judge.libraries import is_floating
from handgrad.judge.low import Low
from handgrad.judge.oracles.directions import direction
from handgrad.judge.oracles.exact import proof_of
from handgrad.judge.precision import computes_in_single
from handgrad.judge.probing import Probing
from handgrad.judge.sizes import smaller
from handgrad.judge.special import is_sound
from handgrad.judge.subjects.draws import Draws
from handgrad.judge.trial import Trial, is_finite, repeats, rms
from handgrad.judge.verdict import Finding, Status

PROJECTIONS = 2
FORWARD, BACKWARD = "forward", "backward"
TRAINS = "backward changes {what}, so that the next call gives something else: train outside of it"


class Examination:
    """One subject, everything that was found about it, and the trial at which an error showed."""

    def __init__(self, verdict, subject, oracle, library, domains=None):
        self.verdict, self.subject = verdict, subject
        self.oracle: Any = oracle
        self.library, self.stated = library, domains or {}
        self.moved = False
        self.consulted = None  # the last trial of which every oracle was asked
        self.held = None  # a finding, that numbers cannot tell: unless they can at other inputs
        self.drawn = ""  # the shapes of the inputs, where they were drawn, in words
        self.settled = False  # something is not right: there is no need to go on
        self.exhibit = None  # the trial at which the first error showed
        self.refused = None  # or the inputs at which the code raised
        self.fixed: Any = ()  # (input, axis) whose size is what it is
        self.constant = frozenset()  # the inputs that are meant to have no gradient
        self.suspect = None  # whether the code may not come back from strange inputs
        self.options = {}  # that verify was given besides
        self.small = None  # a trial at ordinary inputs, as small as they may be
        self.budget: Any = None  # of an examination that only serves an explanation

    def domains(self, inputs):
        """The domain of each input: as stated, or as it seems to be."""
        return [self.stated.get(i) or recognized(x) for i, x in enumerate(inputs)]

    def at_drawn(self, cases):
        """Inputs from a derivation are small and ordinary, and of several shapes."""
        trials = []
        for case in cases:
            pairs = zip(self.subject.names, case.inputs, strict=False)
            self.drawn = listed([f"{name} of shape {x.shape}" for name, x in pairs])
            self.verdict.drawn = self.verdict.drawn or self.drawn
            trials.append(self._ordinary(case))
        self.drawn = ""
        self.small = trials[0]
        if not (trials[0] and self._is_single(trials[0])) and not self.settled:
            Probing(self).run(trials[0])

    def at_given(self, case):
        """Somebody's inputs may be large, special, or in low precision."""
        self.verdict.cases += 1
        trial = self._try(case)  # first, as its owner would
        if trial is not None and (finite := _where_finite(trial)) is not None:
            self.verdict.evaluations += trial.evaluations + finite.evaluations
            pairs = zip(trial.inputs, finite.inputs, strict=True)
            moved = [trial.name(i) for i, (a, b) in enumerate(pairs) if not same(a, b)]
            if moved:
                says = f"others for the numbers of {listed(moved)} where forward is not finite"
                self.verdict.drawn = says
            trial = self._try(Case(finite.inputs, "others where forward is not finite"))
        if trial is None:
            return
        if self.subject.trained:
            what = listed(self.subject.trained)
            self.report(breach(TRAINS, what=what).by("parameters stay", []), trial)
        if any(x.dtype != np.float64 for x in trial.inputs if is_floating(x.dtype)):
            Low(self, trial).judge()
            self.verdict.evaluations += trial.evaluations
            return
        self.judge(trial)
        if not self._is_single(trial):
            self.go_on(trial)

    def _is_single(self, trial):
        """Whether what is wrong is that the code computes in float32: then it is judged in that."""
        if not ((self.settled or self.held) and computes_in_single(trial)):
            return False
        Low(self, trial).of_single_code()
        return True

    def start_again(self):
        """Take back what was found: it is to be looked for in another precision."""
        self.verdict.withdraw()
        self.settled, self.held, self.exhibit = False, None, None

    def close(self):
        """What remains to be said when all was seen."""
        if self.held is not None and not self.settled:
            self.report(self.held)
        if not self.settled and (doubt := power.doubt(self.verdict, moved=self.moved)):
            self.report(doubt)
        self._close_sums()
        self.verdict.not_judged = [*self._unheard(), *self.subject.not_judged]
        if self.verdict.not_judged:
            says = "the output moves with {what}, of which no gradient was found"
            what = " and ".join(self.verdict.not_judged)
            check = "all is judged"
            self.report(Finding(Status.CONTRACT, check, says, what=what, note=True))

    def prove(self):
        """Ask exact arithmetic, where all else passed."""
        if self.small is not None and self.verdict.status is Status.PASS:
            self.verdict.proof = proof_of(self.small, self.domains(self.small.inputs))

    def _unheard(self):
        """The inputs of which backward never speaks, and that move the output."""
        trial = self.small
        if trial is None or self.subject.strict:
            return []
        count = len(trial.inputs) - len(self.subject.parameters)
        known = {*trial.real, *self.subject.numbers, *self.constant}
        domains = self.domains(trial.inputs)
        return [
            trial.name(i)
            for i, x in enumerate(trial.inputs[:count])
            if i not in known and is_floating(x.dtype) and _is_free(x, domains[i])
            if _moves(trial, i)
        ]

    def _close_sums(self):
        """Gradients that add up over calls are a convention, if all of a layer's do."""
        subject = self.subject
        everywhere = len(subject.accumulates) == len(subject.parameters)
        others = "" if everywhere else ", and those of other parameters do not"
        for name in subject.accumulates:
            says = f"the gradient of {{what}} adds up over calls{others}: set it to 0 before each"
            found = breach(says, what=name, note=everywhere).by("gradients add up", [])
            self.report(found, self.consulted)

    def report(self, finding, trial=None, words=""):
        """One more finding, at the given inputs or at others that the words describe."""
        finding = finding if finding.probe or not words else finding.at(words)
        finding = replace(finding, drawn=self.drawn) if finding.sized else finding
        if finding in self.verdict.findings:
            return
        self.verdict.findings.append(finding)
        counts = not finding.note or self.verdict.strict
        if counts and finding.status is not Status.KINK:
            self.settled = True
        if counts and finding.status in {Status.WRONG, Status.CONTRACT, Status.IMPRECISE}:
            self.exhibit = self.exhibit or trial

    def trial(self, inputs):
        """A trial, in the library whose arrays the forward returns."""
        trial = self._steadied(Trial(self.subject, inputs, self.verdict.seed, self.library))
        if trial.library != "numpy" or trial.returned_library == "numpy" or self.subject.fed:
            return trial
        self.library = trial.returned_library
        return Trial(self.subject, inputs, self.verdict.seed, self.library)

    def _steadied(self, trial):
        """The trial; of a forward that draws random numbers, with the same ones at each call."""
        subject = self.subject
        if subject.fed or subject.draws is not None or repeats(trial):
            return trial
        subject.draws = Draws(subject.held)
        steady = Trial(subject, trial.inputs, self.verdict.seed, self.library)
        if not repeats(steady):
            subject.draws = None  # it changes for another reason
            return trial
        if subject.pristine is not None:
            subject.pristine.draws = subject.draws
        says = "forward draws random numbers, and was given the same ones at each call"
        self.report(Finding(Status.CONTRACT, "random numbers", says, note=True))
        return steady

    def spend(self):
        """Raise OutOfTimeError where there is a budget, and it is used up."""
        if self.budget is not None:
            self.budget.spend()

    def obeys(self, trial, laws, words=""):
        """Whether no law is broken; what is, is reported."""
        self.spend()
        found = breaches(trial, laws)
        for one in found:
            self.report(one, trial, words)
        return all(one.note for one in found)

    def _try(self, case):
        """A trial, or None if the forward or the backward cannot even be run."""
        part = FORWARD
        try:
            trial = self.trial(case.inputs)
            if says := _nowhere(trial):
                self.report(Finding(Status.VACUOUS, part, says))
                return None
            part = BACKWARD
            _ = trial.first
        except CodeError as error:
            self.refused = self.refused or case.inputs
            self.report(_refusal(part, error))
            return None
        self.verdict.dtype = self.verdict.dtype or trial.precision
        self.verdict.judged = [trial.name(i) for i in trial.real]
        return trial

    def _ordinary(self, case):
        """The laws and every oracle at ordinary inputs; the trial, or None."""
        self.verdict.cases += 1
        trial = self._try(case)
        if trial is not None:
            self.judge(trial)
        return trial

    def judge(self, trial):
        if self.obeys(trial, LAWS):
            self.moved |= trial.moves
            self.consult(trial)
        self.verdict.evaluations += trial.evaluations

    def go_on(self, trial, low=None):
        """From ordinary inputs to special ones."""
        if not self.settled and (self.held or not trial.moves):
            trial = self.livelier(trial) or trial
        if self.settled:
            return
        self.small = small = self.small_trial(trial) or trial
        probing = Probing(self)
        probing.run(small, low)
        if small is not trial and not self.settled:
            probing.at_probes(trial, list(probes.of_integers(trial)), None)

    def consult(self, trial):
        """JAX and numbers, and what their agreement is worth."""
        self.consulted, expected = trial, None
        if self.oracle is not None and self.fits(trial):
            expected = self._ask_jax(trial)
        moves = [direction(trial, k) for k in range(PROJECTIONS)]
        found, projections = opinion_of_numbers(trial, moves, certain=expected is not None)
        self._note(projections)
        for one in found:
            if one.status is Status.INCONCLUSIVE and any(p.is_faint for p in projections):
                self.held = one
            else:
                self.report(one, trial)
        if not self.settled:
            power.measure(self.verdict, trial, projections, expected, self.oracle)

    def _ask_jax(self, trial):
        """JAX's gradients, or None where it has not seen every number."""
        try:
            found, worst, expected = opinion_of_jax(
                trial, self.oracle, outputs_too=not self.oracle.own
            )
        except CodeError:
            return None
        self.verdict.vs_jax = max(self.verdict.vs_jax or 0.0, worst)
        for one in found:
            self.report(one, trial)
        return expected if is_finite(expected[i] for i in trial.grads) else None

    def fits(self, trial):
        """Whether the reference takes these inputs, and gives outputs of the subject's shapes."""
        try:
            theirs = self.oracle.shapes(trial.inputs, trial.dy)
        except CodeError as error:
            if self.oracle.own:
                self.oracle = None  # JAX cannot reverse it: numbers can
                return False
            called = self.subject.says_of_parameters()
            raise TypeError(f"the reference raises {error}{called}") from None
        ours = [y.shape for y in trial.y]
        if ours != theirs:
            says = (
                f"forward is not the reference: the outputs have the shapes {ours}, JAX's {theirs}"
            )
            says = says.replace("{", "{{").replace("}", "}}")
            self.report(Finding(Status.WRONG, JAX, says, sized=True), trial)
        return ours == theirs

    def _note(self, projections):
        """Put the worst projection into the verdict; one of nothing, or at a kink, says nothing."""
        verdict = self.verdict
        for p in projections:
            if p.at_a_kink:
                continue
            known = p.spread and not p.is_nothing
            error, bar = (p.error / p.spread, p.bar / p.spread) if known else (0.0, 0.0)
            if verdict.vs_numbers is None or error > verdict.vs_numbers:
                verdict.vs_numbers, verdict.error_bar = error, bar

    def livelier(self, trial):
        """Other ordinary inputs, where the given ones told nothing; None if these tell no more."""
        for probe in probes.ordinary(trial, self.domains(trial.inputs)):
            at = trial_at(trial, probe.inputs)
            if at is not None and is_sound(at) and at.is_lively:
                self.held, known = None, len(self.verdict.findings)
                found = self._ordinary(Case(probe.inputs, probe.words))
                self.verdict.findings[known:] = [
                    one if one.probe else one.at(probe.words)
                    for one in self.verdict.findings[known:]
                ]
                return found
        return None

    def small_trial(self, trial, *, exact=True):
        """A trial at smaller inputs that the subject takes, and at which all is well; or None.

        In low precision, where differences tell nothing, it is not `exact`.
        """
        sizes = list(smaller(trial.inputs))
        runs = Probing(self).outcomes(trial, sizes)
        for inputs in (xs for xs, ran in zip(sizes, runs, strict=True) if ran):
            try:
                small = Trial(self.subject, inputs, self.verdict.seed, self.library)
                well = all(y.size and is_finite([y]) for y in small.y)
                well = well and not any(not one.note for one in breaches(small, LAWS[:1]))
                if exact and well:
                    u = [direction(small, "small")]
                    well = not opinion_of_numbers(small, u, certain=False)[0]
            except CodeError:
                continue
            if well:
                self.verdict.probes += small.evaluations * exact
                return small
        return None


def _is_free(x, domain):
    """Whether an input may hold any real numbers: targets and masks need no gradient."""
    return domain.name not in {"one_hot", "probability"} and not np.all((x == 0) | (x == 1))


def _moves(trial, i):
    """Whether the output moves with an input."""
    x = trial.inputs[i]
    moved = list(trial.inputs)
    moved[i] = (x + 0.01 * (rms(x) or 1.0)).astype(x.dtype)
    try:
        y = trial.forward(tuple(moved))
    except CodeError:
        return False
    return not all(np.array_equal(a, b) for a, b in zip(y, trial.y, strict=True))


def _refusal(part, error):
    """The finding that a forward or a backward raises at ordinary inputs."""
    if issubclass(error.kind, ValueError) and "read-only" in str(error):
        one = breach("an input or dy is written to: {what}", what=str(error))
        return one.by("nothing is overwritten", [])
    return breach(f"{part} raises {{what}}", what=str(error), sized=True).by(part, [])


def _nowhere(trial):
    """A sentence if the outputs hold numbers, and none of them is finite; "" otherwise."""
    outputs = [y.astype(float) for y in trial.y if y.size]
    if not outputs or any(np.any(np.isfinite(y)) for y in outputs):
        return ""
    values = sorted({str(value) for y in outputs for value in np.unique(y).tolist()})
    return f"forward gives {' and '.join(values)} everywhere: pass inputs at which it is finite"


def _where_finite(trial):
    """A trial at the inputs, with others of their numbers where forward is not finite; or None."""
    if is_finite((*trial.y, *trial.real_inputs)):
        return None
    at = trial_at(trial, trial.with_real([_replaced(trial, i) for i in trial.real]))
    return at if at is not None and is_sound(at) else None


def _replaced(trial, i):
    """Input i: a number goes if an output at its place, or its gradient, is not finite."""
    x = trial.inputs[i].copy()
    arrays = [a for a in (*trial.y, trial.grads.get(i, x)) if a.shape == x.shape]
    kept = np.all([np.isfinite(a.astype(float)) for a in arrays if is_floating(a.dtype)], axis=0)
    if np.any(kept):
        x[~kept] = np.resize(x[kept], np.count_nonzero(~kept))
    return x
