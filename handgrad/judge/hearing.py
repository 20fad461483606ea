"""The hearing: which evidence is taken, in which order, and what it adds up to."""

from functools import partial

import numpy as np

from handgrad.judge import power
from handgrad.judge.automatic import Automatic, first_line, registered_reference, traced
from handgrad.judge.diagnosis import explanation
from handgrad.judge.draws import Case
from handgrad.judge.evidence import (
    is_analytic,
    law_breaches,
    opinion_of_jax,
    opinion_of_numbers,
    special_point,
)
from handgrad.judge.integral import line_integral
from handgrad.judge.laws import LAWS, LONG_LAWS
from handgrad.judge.libraries import is_floating
from handgrad.judge.numbers import direction
from handgrad.judge.precision import bits_lost
from handgrad.judge.regimes import regimes, shapes
from handgrad.judge.small import free_sizes, smaller
from handgrad.judge.subjects import Rule
from handgrad.judge.trial import Trial
from handgrad.judge.verdict import Finding, Status

PROJECTIONS = 2
AFFORDABLE = 60  # evaluations at inputs that are large and cannot be made smaller
LARGE = 20_000  # numbers


class Hearing:
    """One subject before the judge. Findings go into the verdict; the first one ends the hearing."""

    def __init__(self, verdict, subject, reference, library):
        self.verdict, self.subject, self.library = verdict, subject, library
        self.reference = reference or getattr(subject, "reference", None)
        if self.reference is None and isinstance(subject, Rule):
            self.reference = registered_reference(subject.rule)
        self.automatic = None
        self.moved = False
        self.settled = False  # something is not right: there is no need to go on
        self.exhibit = None  # the trial at which the first error showed
        self.refused = None  # or the inputs at which the code raised

    def hear_drawn(self, cases):
        """Inputs from a derivation are small and ordinary, and of several shapes."""
        trials = [self._ordinary(case.inputs, case) for case in cases]
        if not self.settled:
            self._special(trials[0], cases[0])

    def another(self, verdict, subject):
        """A hearing of the same kind, of which nothing is known yet."""
        return Hearing(verdict, subject, None, self.library)

    def hear_inputs(self, inputs):
        """What a verdict at these inputs would come to."""
        self.hear_given(Case(tuple(inputs), "the given inputs"))
        self.close()

    def hear_given(self, case):
        """Somebody's inputs may be large, special, or in low precision."""
        wide = [x.astype(float) if is_floating(x.dtype) else x for x in case.inputs]
        lowered = any(is_floating(x.dtype) and x.dtype != np.float64 for x in case.inputs)
        if lowered and not self._is_wide(wide):
            self._only_low(case)
            return
        trial = self._ordinary(wide, case)
        if self.settled:
            return
        if lowered:
            self._low(case, trial)
        self._special(self._small(trial) or trial, case)

    def close(self):
        """What remains to be said when all was heard."""
        if not self.moved and not self.settled:
            self.report(Status.VACUOUS, "power", "every gradient is 0", "every case")
        if self.exhibit is not None or self.refused is not None:
            self.verdict.explain = partial(explanation, self)

    def report(self, status, check, message, case, trial=None):
        self.verdict.findings.append(
            Finding(status, check, message, f"{self.verdict.subject}, {case}")
        )
        if status is not Status.KINK:
            self.settled = True
            self.exhibit = self.exhibit or trial

    def _try(self, inputs, case):
        """A trial, or None if the forward or the backward cannot even be run."""
        try:
            trial = Trial(self.subject, inputs, self.verdict.seed, self.library)
            if self.library == "numpy" and trial.returned_library != "numpy":
                self.library = trial.returned_library
                trial = Trial(self.subject, inputs, self.verdict.seed, self.library)
        except Exception as error:
            self._raised("forward", error, case, inputs)
            return None
        try:
            _ = trial.first
        except Exception as error:
            self._raised("backward", error, case, inputs)
            return None
        return trial

    def _raised(self, part, error, case, inputs):
        self.refused = inputs
        if isinstance(error, ValueError) and "read-only" in str(error):
            message = f"an input or dy is written to: {first_line(error)}"
            self.report(Status.CONTRACT, "nothing is overwritten", message, case)
        else:
            message = f"{part} raises {type(error).__name__}: {first_line(error)}"
            self.report(Status.CONTRACT, part, message, case)

    def _ordinary(self, inputs, case):
        """The laws and every oracle at ordinary inputs; the trial, or None."""
        self.verdict.cases += 1
        trial = self._try(inputs, case)
        if trial is None:
            return None
        breaches = law_breaches(trial, LAWS)
        for status, check, sentence in breaches:
            self.report(status, check, sentence, case, trial)
        if not breaches:
            self.moved |= trial.moves
            self._consult(trial, case)
        self.verdict.evaluations += trial.evaluations
        return trial

    def _consult(self, trial, case):
        """JAX and numbers, and what their agreement is worth."""
        expected = None
        if self._oracle(trial) is not None:
            findings, worst, expected = opinion_of_jax(trial, self.automatic)
            self.verdict.vs_jax = max(self.verdict.vs_jax or 0.0, worst)
            for finding in findings:
                self.report(*finding, case, trial)
        moves = [direction(trial, k) for k in range(PROJECTIONS)]
        findings, projections = opinion_of_numbers(trial, moves, certain=expected is not None)
        self._note(projections)
        for finding in findings:
            self.report(*finding, case, trial)
        if not self.settled:
            self._measure_power(trial, projections, expected)

    def _oracle(self, trial):
        """JAX's opinion, if there is a function for it to differentiate."""
        if self.reference is None:
            if self.automatic is None and self.subject.traceable:
                function = traced(self.subject, trial)
                self.automatic = Automatic(function, trial.real) if function else False
            return self.automatic or None
        self.automatic = self.automatic or Automatic(self.reference, trial.real)
        if message := self.automatic.misfit(trial):
            self.report(Status.WRONG, "against JAX", message, "the given reference", trial)
            return None
        return self.automatic

    def _note(self, projections):
        for p in projections:
            if p.at_a_kink:
                continue
            error, bar = (p.error / p.spread, p.bar / p.spread) if p.spread else (0.0, 0.0)
            if self.verdict.vs_numbers is None or error > self.verdict.vs_numbers:
                self.verdict.vs_numbers, self.verdict.error_bar = error, bar

    def _measure_power(self, trial, projections, expected):
        seen, made = self.verdict.mutants
        for name, spoiled in power.mutants(trial.grads):
            if power.equivalent(trial, spoiled, trial.grads):
                continue
            made += 1
            if power.rejected(trial, spoiled, trial.grads, projections, expected):
                seen += 1
            else:
                self.verdict.escaped.append(name)
        self.verdict.mutants = seen, made
        smallest = power.smallest_error_seen(trial, projections, expected is not None)
        if smallest is not None:
            self.verdict.sees = max(self.verdict.sees or 0.0, smallest)

    def _small(self, trial):
        """A trial at smaller inputs that the subject takes, and at which it is right."""
        for inputs in smaller(trial.inputs):
            if (small := self._quietly(inputs)) is not None:
                return small
        return None

    def _quietly(self, inputs):
        """A trial at inputs of other shapes, or None if the subject does not take them.

        It does if the gradients have the right shapes; if they are wrong then, that is a finding.
        """
        try:
            trial = Trial(self.subject, inputs, self.verdict.seed, self.library)
            if not all(y.size and np.all(np.isfinite(y)) for y in trial.y):
                return None
            if law_breaches(trial, LAWS[:1]):
                return None
            findings, _ = opinion_of_numbers(trial, [direction(trial, "small")], certain=False)
        except Exception:
            return None
        self.verdict.probes += trial.evaluations
        for finding in findings:
            if finding[0] is Status.WRONG:
                self.report(*finding, f"inputs {', '.join(str(x.shape) for x in inputs)}", trial)
        return None if findings else trial

    def _alone(self, trial, case):
        """Each input moved alone: a small one would be drowned by the others."""
        if len(trial.real) > 1:
            moves = [direction(trial, "alone", i, only=i) for i in trial.real]
            for finding in opinion_of_numbers(trial, moves, certain=True)[0]:
                self.report(*finding, f"{case}, one input moved alone", trial)

    def _special(self, trial, case):
        """The long laws, and every regime; the first finding ends it."""
        large = sum(x.size for x in trial.inputs) > LARGE
        before = trial.evaluations
        if not large:
            self._alone(trial, case)
            for status, check, sentence in law_breaches(trial, LONG_LAWS):
                self.report(status, check, sentence, f"{case} and calls between", trial)
        trial.analytic = not self.automatic and is_analytic(trial)
        self.verdict.probes += trial.evaluations - before
        places = [(*regime, self.automatic or None) for regime in regimes(trial)]
        if not large:  # JAX would have to compile for each shape
            free = free_sizes(trial.inputs, lambda xs: self._quietly(xs) is not None)
            places += [(*shape, None) for shape in shapes(trial, free)]
        for description, inputs, automatic in places:
            if self.settled or (large and self.verdict.evaluations > AFFORDABLE):
                return
            findings, at = special_point(trial, inputs, automatic)
            for finding in findings:
                self.report(*finding, f"{case}, {description}", at)
            if at is not None:
                self.moved |= at.moves
                self.verdict.probes += at.evaluations
                self.verdict.evaluations += at.evaluations if large else 0

    def _is_wide(self, inputs):
        """Whether the code gives float64 for float64, and so can be judged in it."""
        try:
            trial = Trial(self.subject, inputs, self.verdict.seed, self.library)
            arrays = [*trial.y, *trial.grads.values()]
        except Exception:
            return False
        return all(a.dtype == np.float64 for a in arrays if is_floating(a.dtype))

    def _low(self, case, wide):
        """The given precision: its own contract, and the bits that it loses."""
        low = self._try(case.inputs, case)
        if low is None:
            return
        breaches = law_breaches(low, LAWS)
        for status, check, sentence in breaches:
            self.report(status, check, sentence, case, low)
        if breaches:
            return
        name = " and ".join(sorted({x.dtype.name for x in low.real_inputs}))
        for what, bits in bits_lost(low, wide):
            message = f"{what} loses {bits:.0f} bits in {name} that the problem does not cost"
            self.report(Status.IMPRECISE, "precision", message, case, low)
        self.verdict.evaluations += low.evaluations

    def _only_low(self, case):
        """Code that computes in low precision whatever it is given."""
        self.verdict.cases += 1
        trial = self._try(case.inputs, case)
        if trial is None:
            return
        for status, check, sentence in law_breaches(trial, (*LAWS, *LONG_LAWS)):
            self.report(status, check, sentence, case, trial)
        if self.settled:
            return
        self.moved = trial.moves
        for k in range(PROJECTIONS):
            error, bar = line_integral(trial, k)
            if self.verdict.vs_numbers is None or error > self.verdict.vs_numbers:
                self.verdict.vs_numbers, self.verdict.error_bar = error, bar
            if not error <= bar:
                message = f"off by {error:.1e} of its size, error bar {bar:.1e}"
                self.report(Status.WRONG, "against the line integral", message, case, trial)
        self.verdict.evaluations += trial.evaluations
