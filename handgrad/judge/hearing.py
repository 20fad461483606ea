"""The hearing: which evidence is taken, in which order, and what it adds up to."""

from functools import partial

import numpy as np

from handgrad.judge import power
from handgrad.judge.automatic import Automatic, registered_reference, traced
from handgrad.judge.calls import said
from handgrad.judge.coarse import SINGLE, is_of, roughness
from handgrad.judge.defined import elsewhere, nowhere
from handgrad.judge.diagnosis.explanation import explanation
from handgrad.judge.draws import Case
from handgrad.judge.evidence import law_breaches, opinion_of_jax, opinion_of_numbers, refusal
from handgrad.judge.integral import line_integral
from handgrad.judge.laws import LAWS, LONG_LAWS
from handgrad.judge.libraries import is_floating
from handgrad.judge.nearby import NEARBY, findings_nearby
from handgrad.judge.noise import is_moderate
from handgrad.judge.numbers import direction
from handgrad.judge.precision import bits_jittered, bits_lost
from handgrad.judge.regimes import others, regimes, shapes
from handgrad.judge.small import free_sizes, smaller
from handgrad.judge.special import (
    findings_at,
    is_analytic,
    is_sound,
    misbehaviour,
    trial_at,
)
from handgrad.judge.subjects import Rule, UnjudgeableError
from handgrad.judge.trial import Trial, is_finite
from handgrad.judge.verdict import Finding, Status

PROJECTIONS = 2
AFFORDABLE = 58  # evaluations at inputs that are large and cannot be made smaller
LARGE = 20_000  # numbers


class Hearing:
    """One subject before the judge. Findings go into the verdict; the first one ends the hearing."""

    def __init__(self, verdict, subject, reference, library):
        self.verdict, self.subject, self.library = verdict, subject, library
        self.given = reference
        self.reference = reference or subject.reference
        if self.reference is None and isinstance(subject, Rule):
            self.reference = registered_reference(subject.rule)
        self.automatic: Automatic | None = None
        self.moved = False
        self.consulted = None  # the last trial of which every oracle was asked
        self.held = None  # a finding, that numbers cannot tell: unless they can at other inputs
        self.settled = False  # something is not right: there is no need to go on
        self.exhibit = None  # the trial at which the first error showed
        self.refused = None  # or the inputs at which the code raised

    def another(self, verdict, subject, reference):
        """A hearing of the same kind, of which nothing is known yet."""
        subject.pristine = subject.pristine or self.subject.pristine
        return Hearing(verdict, subject, reference, self.library)

    def hear_drawn(self, cases):
        """Inputs from a derivation are small and ordinary, and of several shapes."""
        trials = [self._ordinary(case.inputs, case) for case in cases]
        if not self.settled:
            self._special(trials[0], cases[0])

    def hear_inputs(self, inputs):
        """What a verdict at these inputs would come to."""
        self.hear_given(Case(tuple(inputs), "the given inputs"))
        self.close()

    def hear_given(self, case):
        """Somebody's inputs may be large, special, or in low precision."""
        self.verdict.cases += 1
        trial = self._try(case.inputs, case)  # first, as its owner would
        if trial is not None and (finite := elsewhere(trial)):
            self.verdict.evaluations += trial.evaluations + finite.evaluations
            case = Case(finite.inputs, f"{case.description}, others where forward is not finite")
            trial = self._try(case.inputs, case)
        if trial is None:
            return
        if all(x.dtype == np.float64 for x in case.inputs if is_floating(x.dtype)):
            self._judge(trial, case)
            self._go_on(trial, case)
        else:
            wide = [x.astype(float) if is_floating(x.dtype) else x for x in case.inputs]
            self._hear_low(trial, self._wide(wide), case)
            self.verdict.evaluations += trial.evaluations

    def close(self):
        """What remains to be said when all was heard."""
        if self.held is not None and not self.settled:
            self.report(self.held, "the given inputs")
        if not self.settled and (doubt := power.doubt(self.verdict, moved=self.moved)):
            self.report(doubt, "every case")
        if self.exhibit is not None or self.refused is not None:
            self.verdict.explain = partial(explanation, self)

    def report(self, finding, case, trial=None):
        """One more finding, (status, check, message), of a case."""
        status, check, message = finding
        where = f"{self.verdict.subject}, {case}"
        self.verdict.findings.append(Finding(status, check, message, where))
        if status is not Status.KINK:
            self.settled = True
        if status in {Status.WRONG, Status.CONTRACT, Status.IMPRECISE}:
            self.exhibit = self.exhibit or trial

    def _trial(self, inputs):
        """A trial, in the library whose arrays the forward returns."""
        trial = Trial(self.subject, inputs, self.verdict.seed, self.library)
        if self.library != "numpy" or trial.returned_library == "numpy":
            return trial
        self.library = trial.returned_library
        return Trial(self.subject, inputs, self.verdict.seed, self.library)

    def _try(self, inputs, case):
        """A trial, or None if the forward or the backward cannot even be run."""
        part = "forward"
        try:
            trial = self._trial(inputs)
            if message := nowhere(trial):
                self.report((Status.VACUOUS, part, message), case)
                return None
            part = "backward"
            _ = trial.first
        except UnjudgeableError:
            raise
        except Exception as error:
            self.refused = inputs
            self.report(refusal(part, error), case)
            return None
        return trial

    def _ordinary(self, inputs, case):
        """The laws and every oracle at ordinary inputs; the trial, or None."""
        self.verdict.cases += 1
        trial = self._try(inputs, case)
        if trial is not None:
            self._judge(trial, case)
        return trial

    def _judge(self, trial, case):
        if self._obeys(trial, LAWS, case):
            self.moved |= trial.moves
            self._consult(trial, case)
        self.verdict.evaluations += trial.evaluations

    def _go_on(self, trial, case, low=None):
        """From ordinary inputs to special ones."""
        if not self.settled and (self.held or not trial.moves):
            trial = self._livelier(trial, case) or trial
        if not self.settled:
            self._special(self._small(trial) or trial, case, low)

    def _obeys(self, trial, laws, case):
        """Whether no law is broken; what is, is reported."""
        breaches = law_breaches(trial, laws)
        for breach in breaches:
            self.report(breach, case, trial)
        return not breaches

    def _consult(self, trial, case):
        """JAX and numbers, and what their agreement is worth."""
        self.consulted, expected = trial, None
        if (oracle := self._oracle(trial)) is not None:
            findings, worst, expected = opinion_of_jax(trial, oracle)
            if self.reference is None:
                trial.forget_tracing()
            self.verdict.vs_jax = max(self.verdict.vs_jax or 0.0, worst)
            if not is_finite(expected[i] for i in trial.grads):
                expected = None  # JAX has not seen every number
            for finding in findings:
                self.report(finding, case, trial)
        moves = [direction(trial, k) for k in range(PROJECTIONS)]
        findings, projections = opinion_of_numbers(trial, moves, certain=expected is not None)
        self._note(projections)
        for finding in findings:
            if finding[0] is Status.INCONCLUSIVE and any(p.is_faint for p in projections):
                self.held = finding
            else:
                self.report(finding, case, trial)
        if not self.settled:
            power.measure(self.verdict, trial, projections, expected)

    def _oracle(self, trial):
        """JAX's opinion, if there is a function for it to differentiate."""
        if self.reference is None:
            if self.automatic is None and (function := traced(self.subject, trial)):
                self.automatic = Automatic(function, trial.real)
            return self.automatic
        self.automatic = self.automatic or Automatic(self.reference, trial.real)
        try:
            message = self.automatic.misfit(trial)
        except Exception as error:
            raise UnjudgeableError(f"the reference raises {said(error)}") from None
        if message:
            finding = Status.WRONG, "against JAX", message
            self.report(finding, "the given reference", trial)
            return None
        return self.automatic

    def _note(self, projections):
        for p in projections:
            if p.at_a_kink:
                continue
            known = p.spread and not p.is_nothing
            error, bar = (p.error / p.spread, p.bar / p.spread) if known else (0.0, 0.0)
            if self.verdict.vs_numbers is None or error > self.verdict.vs_numbers:
                self.verdict.vs_numbers, self.verdict.error_bar = error, bar

    def _livelier(self, trial, case):
        """The hearing again, at inputs where a gradient is not nearly 0; that trial, or None."""
        for description, inputs in others(trial):
            at = trial_at(trial, inputs)
            if at is not None and is_sound(at) and at.is_lively:
                self.held = None
                words = f"{case.description}, {description}"
                return self._ordinary(inputs, Case(inputs, words))
        return None

    def _small(self, trial):
        """A trial at smaller inputs that the subject takes, and at which it is right."""
        found = map(self._quietly, smaller(trial.inputs))
        return next((small for small in found if small is not None), None)

    def _quietly(self, inputs):
        """A trial at inputs of other shapes, if all is well with it."""
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
        return None if findings else trial

    def _special(self, trial, case, low=None):
        """The long laws, and every regime; the first finding ends it.

        `low` is the trial in the given precision, if that is another: there a result has to be
        finite where the forward is.
        """
        if sum(x.size for x in trial.inputs) > LARGE:
            self._glance(trial, case)
            return
        before = trial.evaluations
        self._obeys(trial, LONG_LAWS, f"{case} and calls between")
        if not self.settled:
            self._steady(trial, case)
        if not self.settled:
            self._look_around(trial, case)
        trial.analytic = not self.automatic and is_analytic(trial)
        places = [(*regime, self.automatic) for regime in regimes(trial)]
        if self.automatic and self.automatic.decomposes(trial.inputs):
            places = [place for place in places if is_finite(place[1])]
        free = free_sizes(trial.inputs, lambda xs: self._quietly(xs) is not None)
        # JAX would have to compile for each shape
        places += [(*shape, None) for shape in shapes(trial, free)]
        self.verdict.probes += trial.evaluations - before
        for description, inputs, automatic in places:
            if not self.settled and (at := trial_at(trial, inputs)) is not None:
                for finding in findings_at(at, automatic):
                    self.report(finding, f"{case}, {description}", at)
                self.moved |= at.moves
                self.verdict.probes += at.evaluations
            if not self.settled and low is not None:
                self._in_low(low, inputs, f"{case}, {description}")

    def _look_around(self, trial, case):
        """Numbers, or JAX, at places nearby. What numbers could have seen, they see better now."""
        seen = []
        for findings, projections, near in findings_nearby(trial, self.automatic):
            seen += projections
            self.verdict.probes += near.evaluations
            for finding in findings:
                self.report(finding, f"{case}, {NEARBY}", near)
            if self.settled:
                return
        better = power.smallest_error_seen(trial, seen, None) if seen else None
        if better is not None and trial is self.consulted and self.verdict.cases == 1:
            self.verdict.sees = min(self.verdict.sees or better, better)

    def _steady(self, trial, case):
        """Whether the gradients of float64 code are as smooth as rounding lets them be."""
        try:
            jittered = list(bits_jittered(trial))
        except Exception:
            return  # at the edge of the domain
        for i, bits in jittered:
            message = (
                f"the gradient of input {i} loses {bits:.0f} bits that the problem does not cost"
            )
            self.report((Status.IMPRECISE, "precision", message), case, trial)

    def _in_low(self, low, inputs, case):
        """A special point in the given precision, if it holds cubes of its numbers and of 1 over them."""
        kinds = {i: low.inputs[i].dtype for i in low.real}
        if not all(is_moderate(inputs[i], t) for i, t in kinds.items()):
            return
        lowered = [x.astype(kinds.get(i, x.dtype)) for i, x in enumerate(inputs)]
        if (at := trial_at(low, lowered)) is not None:
            for finding in misbehaviour(at):
                self.report(finding, case, at)
            self.verdict.probes += at.evaluations

    def _glance(self, trial, case):
        """Large inputs that cannot be made smaller: what can be seen in a few evaluations."""
        for description, inputs in regimes(trial):
            if self.settled or self.verdict.evaluations + 2 > AFFORDABLE:
                return
            if (at := trial_at(trial, inputs)) is not None:
                for finding in misbehaviour(at):
                    self.report(finding, f"{case}, {description}", at)
                self.verdict.evaluations += at.evaluations

    def _wide(self, inputs):
        """A trial in float64, or None if the code does not give float64 for it."""
        try:
            trial = Trial(self.subject, inputs, self.verdict.seed, self.library)
            arrays = [*trial.y, *trial.grads.values()]
        except Exception:
            return None
        return trial if all(a.dtype == np.float64 for a in arrays if is_floating(a.dtype)) else None

    def _hear_low(self, low, wide, case):
        """Low precision: the mathematics in float64, if the code computes in it, and then the bits."""
        if wide is None:
            self._only_low(low, case)
            return
        self._judge(wide, case)
        rough = roughness(wide) if self.settled or self.held else 0.0
        if is_of(rough, low.unit):
            self._hear_coarse(low, wide, case, is_of(rough, SINGLE))
            return
        if not self.settled and self._obeys(low, LAWS, case):
            self._compare_bits(low, wide, case)
        self._go_on(wide, case, low)

    def _hear_coarse(self, low, wide, case, in_single):
        """Code that casts what it is given, to float32 for instance: numbers are asked there."""
        self.verdict.withdraw()
        self.settled, self.held, self.exhibit = False, None, None
        single = wide.with_real([x.astype(np.float32) for x in wide.real_inputs])
        finest = self._trial(single) if in_single else low
        self._only_low(finest, case)
        self.verdict.evaluations += finest.evaluations if finest is not low else 0
        if not self.settled and self._obeys(low, LAWS, case):
            self._compare_bits(low, wide, case)
        for description, inputs in regimes(low):
            if not self.settled:
                self._in_low(low, inputs, f"{case}, {description}")

    def _compare_bits(self, low, wide, case):
        try:
            lost = list(bits_lost(low, wide))
        except Exception:
            return  # at the edge of the domain
        for what, bits in lost:
            name = low.precision
            message = f"{what} loses {bits:.0f} bits in {name} that the problem does not cost"
            self.report((Status.IMPRECISE, "precision", message), case, low)

    def _only_low(self, trial, case):
        """Code that computes in low precision whatever it is given."""
        small = self._smallest(trial)
        if not (self._obeys(trial, LAWS, case) and self._obeys(small, LONG_LAWS, case)):
            return
        self.verdict.probes += small.evaluations if small is not trial else 0
        self.moved = trial.moves
        for k in range(PROJECTIONS):
            try:
                error, bar = line_integral(trial, k)
            except Exception as refused:
                message = f"at inputs nearby it raises {said(refused)}"
                self.report((Status.INCONCLUSIVE, "against the line integral", message), case)
                return
            if self.verdict.vs_numbers is None or error > self.verdict.vs_numbers:
                self.verdict.vs_numbers, self.verdict.error_bar = error, bar
            if not error <= bar:
                message = f"off by {error:.1e} of its size, error bar {bar:.1e}"
                finding = Status.WRONG, "against the line integral", message
                self.report(finding, case, trial)

    def _smallest(self, trial):
        """The same at smaller inputs, if the subject takes them."""
        for inputs in smaller(trial.inputs):
            try:
                small = self._trial(inputs)
                if is_finite(small.y) and not law_breaches(small, LAWS[:1]):
                    return small
            except Exception:
                continue
        return trial
