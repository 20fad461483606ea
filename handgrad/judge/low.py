"""Low precision: the same code at the same numbers in float64, and what the given precision loses.

Code that computes in low precision whatever it is given is judged there, by the line integral.
"""

import math

import numpy as np

from handgrad.judge import probes
from handgrad.judge.calls import CodeError
from handgrad.judge.evidence import JAX, NOT_THE_REFERENCE, trial_at
from handgrad.judge.laws import LAWS, LONG_LAWS
from handgrad.judge.libraries import is_floating
from handgrad.judge.noise import is_moderate, noise_floor
from handgrad.judge.oracles.line_integral import line_integral
from handgrad.judge.precision import SINGLE, bits_lost, is_of, roughness
from handgrad.judge.sizes import resized
from handgrad.judge.special import misbehaviour
from handgrad.judge.trial import Trial, is_finite, largest, rms
from handgrad.judge.verdict import Finding, Status

INTEGRAL = "against the line integral"
PROJECTIONS = 2
FAR = 0.05  # of an output: so far off is not rounding, where that is less
CLEAR = 64  # times the noise of rounded inputs
COARSE = 2.0**-12  # the unit roundoff of float16 is 2⁻¹¹, of bfloat16 2⁻⁸
LONG = 5001  # rows: past where sums of ones stop in float16 and bfloat16
MOST = 40_000  # numbers of so long inputs


class Low:
    """The stages for inputs in low precision; what is found goes into an examination."""

    def __init__(self, examination, trial):
        self.whole, self.trial = examination, trial

    def judge(self):
        """The mathematics in float64, if the code computes in it, and then the bits."""
        low, whole = self.trial, self.whole
        if (wide := self._wide(low)) is None:
            self._alone(low)
            return
        whole.judge(wide)
        rough = roughness(wide) if whole.settled or whole.held else 0.0
        if is_of(rough, low.unit):
            self._coarse(wide, in_single=is_of(rough, SINGLE))
            return
        if not whole.settled and whole.obeys(low, LAWS):
            self._compare(low, wide)
            self._of_one_sign(low, wide)
        whole.go_on(wide, self)

    def at_probe(self, probe):
        """A probe in the given precision, if that holds cubes of its numbers and of 1 over them."""
        low = self.trial
        kinds = {i: x.dtype for i, x in enumerate(low.inputs) if is_floating(x.dtype)}
        if not all(is_moderate(probe.inputs[i], t) for i, t in kinds.items()):
            return
        lowered = [x.astype(kinds.get(i, x.dtype)) for i, x in enumerate(probe.inputs)]
        if (at := trial_at(low, lowered)) is not None:
            for one in misbehaviour(at, probe):
                self.whole.report(one, at)
            self.whole.verdict.probes += at.evaluations

    def of_single_code(self):
        """float64 inputs of code that computes in float32: a note, and it is judged in float32."""
        says = "the code computes in float32 whatever it is given, and was judged in it"
        self.whole.start_again()
        self.whole.verdict.dtype = "float32"
        self._alone(self.whole.trial(self.trial.in_single))
        self.whole.report(Finding(Status.CONTRACT, "precision is kept", says, note=True))

    def _wide(self, low):
        """A trial in float64, or None if the code does not give float64 for it."""
        whole = self.whole
        inputs = [x.astype(float) if is_floating(x.dtype) else x for x in low.inputs]
        try:
            trial = Trial(whole.subject, inputs, whole.verdict.seed, whole.library)
            arrays = [*trial.y, *trial.grads.values()]
        except CodeError:
            return None
        return trial if all(a.dtype == np.float64 for a in arrays if is_floating(a.dtype)) else None

    def _coarse(self, wide, *, in_single):
        """Code that casts what it is given, to float32 for instance: numbers are asked there."""
        low, whole = self.trial, self.whole
        whole.start_again()
        finest = whole.trial(wide.in_single) if in_single else low
        self._alone(finest)
        whole.verdict.evaluations += finest.evaluations if finest is not low else 0
        if not whole.settled and whole.obeys(low, LAWS):
            self._compare(low, wide)
        for probe in probes.of_values(low, whole.domains(low.inputs)):
            if not whole.settled and not probe.risky:
                self.at_probe(probe)

    def _compare(self, low, wide, words=""):
        if low.subject.draws is not None and _are_far_apart(low.y, wide.y):
            says = f"other random numbers are drawn in {low.precision} than in float64: the two are not"
            note = Finding(Status.IMPRECISE, "precision", f"{says} compared", note=True)
            self.whole.report(note, low)
            return
        try:
            lost = list(bits_lost(low, wide))
        except CodeError:
            return  # at the edge of the domain
        for where, bits in lost:
            i, k = where.get("input"), where.get("output")
            what = "{output}" if i is None else "the gradient of {input}"
            says = f"{what} loses {bits:.0f} bits in {low.precision} that the problem does not cost"
            one = Finding(Status.IMPRECISE, "precision", says, i, output=k)
            self.whole.report(one.by("precision", low.subject.names), low, words)

    def _of_one_sign(self, low, wide):
        """Sums do not cancel where dy has one sign, and rows are many: what is lost there is plain."""
        if low.unit < COARSE:
            return
        places = {"with a positive dy": low.inputs}
        rows = next((x.shape[0] for x in low.real_inputs if x.ndim), 0)
        sizes = [math.prod(LONG if n == rows else n for n in x.shape) for x in low.inputs]
        if rows and low.inputs[0].ndim and sum(sizes) <= MOST:
            places[f"{LONG} rows, with a positive dy"] = resized(low.inputs, {rows: LONG})
        for words, inputs in places.items():
            if self.whole.settled:
                return
            narrow, precise = _positive(low, inputs), _positive(wide, inputs)
            if narrow is not None and precise is not None:
                self._compare(narrow, precise, words)

    def _alone(self, trial):
        """Code that computes in low precision whatever it is given."""
        whole = self.whole
        small = whole.small_trial(trial, exact=False) or trial
        if not (whole.obeys(trial, LAWS) and whole.obeys(small, LONG_LAWS)):
            return
        verdict = whole.verdict
        verdict.probes += small.evaluations if small is not trial else 0
        whole.moved = trial.moves
        oracle = whole.oracle
        if oracle is not None and not oracle.own and whole.fits(trial):
            for one in _another_function(trial, oracle):
                whole.report(one, trial)
        for k in range(PROJECTIONS):
            try:
                error, bar = line_integral(trial, k)
            except CodeError as refused:
                says = "at inputs nearby it raises {what}"
                whole.report(Finding(Status.INCONCLUSIVE, INTEGRAL, says, what=str(refused)))
                return
            if verdict.vs_numbers is None or error > verdict.vs_numbers:
                verdict.vs_numbers, verdict.error_bar = error, bar
            if not error <= bar:
                says = "off by {size} of its size, error bar {bar}"
                whole.report(Finding(Status.WRONG, INTEGRAL, says, size=error, bar=bar), trial)


def _positive(like, inputs):
    """A trial at inputs, with a dy of one sign; None where it is not sound."""
    at = trial_at(like, [x.astype(y.dtype) for x, y in zip(inputs, like.inputs, strict=True)])
    if at is None or not is_finite(at.y):
        return None
    positive = like.at(at.inputs, [np.abs(d) for d in at.dy])
    positive.origin = None
    return positive


def _another_function(trial, oracle):
    """A finding for each output that is further from the reference's than rounding explains."""
    wide = [x.astype(float) if is_floating(x.dtype) else x for x in trial.inputs]
    dy = [d.astype(float) for d in trial.dy]
    try:
        right = oracle(wide, dy)[0]
        noise = noise_floor(lambda xs: tuple(oracle(xs, dy)[0]), wide, trial.unit, trial.seed)
    except CodeError:
        return
    for k, (y, output, floor) in enumerate(zip(trial.y, right, noise, strict=True)):
        error, size = np.abs(y.astype(float) - output), rms(output)
        if np.any(error > np.maximum(FAR * size, CLEAR * floor)):
            off = largest(error) / (size or 1.0)
            one = Finding(Status.WRONG, JAX, NOT_THE_REFERENCE, output=k, size=off)
            yield one.by(JAX, trial.subject.names)


def _are_far_apart(ys, others):
    """Whether some number of an output is further from the other than rounding takes it."""
    pairs = ((a.astype(float), b.astype(float)) for a, b in zip(ys, others, strict=True))
    return any(np.any(np.abs(a - b) > FAR * (rms(b) + np.abs(b))) for a, b in pairs)
