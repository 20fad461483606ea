"""Probing: the laws that take many calls, and every probe, each with laws and oracles."""

from handgrad.judge import native, power, probes
from handgrad.judge.calls import CodeError
from handgrad.judge.evidence import opinion_of_jax, opinion_of_numbers, trial_at
from handgrad.judge.laws import LONG_LAWS
from handgrad.judge.libraries import is_floating
from handgrad.judge.oracles.directions import direction, own_direction
from handgrad.judge.precision import bits_jittered
from handgrad.judge.special import findings_at, is_analytic, is_sound
from handgrad.judge.trial import Trial, is_finite
from handgrad.judge.verdict import Finding, Status

LARGE = 20_000  # numbers
TRACED = 2  # sizes of an axis for which JAX traces a function
LAWFUL = 2.0  # seconds of the processor for a law, in a child


class Probing:
    """The probes of one examination; what is found goes into it, and the first error ends them."""

    def __init__(self, examination):
        self.whole = examination

    def run(self, trial, low=None):
        """The long laws, and every probe; the first finding ends it."""
        if sum(x.size for x in trial.inputs) > LARGE:
            return
        before = trial.evaluations
        self.whole.obeys(trial, self._laws_that_end(trial))
        for stage in (self._steady, self._look_around):
            if not self.whole.settled:
                stage(trial)
        trial.analytic = not self.whole.oracle and is_analytic(trial)
        domains = self.whole.domains(trial.inputs)
        self.at_probes(trial, list(probes.of_values(trial, domains)), low)
        if not self.whole.settled:
            self._at_sizes(trial, domains)
            self._beyond_symmetry(trial, domains)
        self.whole.verdict.probes += trial.evaluations - before

    def _laws_that_end(self, trial):
        """The long laws; of code that may not come back, those from which it does."""
        if self.whole.subject.fed or not self._is_suspect():
            return LONG_LAWS
        runs = native.outcomes(lambda law: list(law(trial)), LONG_LAWS, LAWFUL)
        return [law for law, ran in zip(LONG_LAWS, runs, strict=True) if ran is not None]

    def at_probes(self, trial, found, low):
        risky = [probe for probe in found if probe.risky or self._is_suspect()]
        ran = dict(zip(map(id, risky), self._tried(trial, risky), strict=True))
        for probe in found:
            outcome = ran.get(id(probe), True)
            if not self.whole.settled and outcome is not None:
                self.at_probe(trial, probe, self.whole.oracle, outcome)
            if not self.whole.settled and low is not None and not probe.risky:
                low.at_probe(probe)

    def _at_sizes(self, trial, domains):
        """Other sizes: numbers judge there, for JAX would have to trace each."""
        chains = ([p for p in c if self._keeps(trial, p)] for c in probes.of_sizes(trial, domains))
        chains = [chain for chain in chains if chain]
        heads = [chain[0] for chain in chains]
        ran = self._tried(trial, heads)
        self._note_refusals(
            trial, [head for head, one in zip(heads, ran, strict=True) if one is False]
        )
        limit = TRACED if self.whole.subject.traced else None
        rest = [p for chain, one in zip(chains, ran, strict=True) if one for p in chain[1:limit]]
        found = [(head, one) for head, one in zip(heads, ran, strict=True) if one]
        for probe, one in [*found, *zip(rest, self._tried(trial, rest), strict=True)]:
            if not self.whole.settled and one is not None:
                self.at_probe(trial, probe, None, one)

    def _note_refusals(self, trial, probes):
        """A note where forward takes inputs of other sizes, and backward does not."""
        for probe in probes:
            if self._is_of_inputs(trial, probe) and self.outcomes(trial, [probe.inputs])[0]:
                says = "forward takes other sizes, and backward raises there, or gives other shapes"
                finding = Finding(Status.CONTRACT, "other sizes", says, note=True)
                self.whole.report(finding, words=probe.words)

    def _beyond_symmetry(self, trial, domains):
        """A note where a gradient is right for symmetric matrices alone, which nobody has stated."""
        for i, domain in enumerate(domains):
            if domain.name not in {"symmetric", "spd"} or i in self.whole.stated:
                continue
            inputs, name = list(trial.inputs), trial.name(i)
            shares = trial.generator("symmetry", i).uniform(0.9, 1.1, size=inputs[i].shape)
            inputs[i] = (inputs[i] * shares).astype(inputs[i].dtype)
            probe = probes.Probe(f"{name} not symmetric", tuple(inputs))
            at = trial_at(trial, probe.inputs)
            if at is not None and any(not one.note for one in findings_at(at, probe, None)):
                says = f"{name} was taken for {domain}, as it is here, and a gradient is wrong elsewhere: "
                says += f"say domains={{{{{name!r}: 'real'}}}} if it may be any matrix"
                note = Finding(Status.CONTRACT, "symmetry", says, note=True)
                self.whole.report(note, words=probe.words)

    def _keeps(self, trial, probe):
        """Whether no axis changes whose size the derivation writes down."""
        return all(
            probe.inputs[i].shape[axis] == trial.inputs[i].shape[axis]
            for i, axis in self.whole.fixed
            if probe.inputs[i].ndim >= -axis
        )

    def _is_of_inputs(self, trial, probe):
        """Whether other sizes are those of inputs alone: a layer may fix those of its parameters."""
        count = len(trial.inputs) - len(self.whole.subject.parameters)
        pairs = zip(trial.inputs[count:], probe.inputs[count:], strict=True)
        return probe.reach == "special" and all(a.shape == b.shape for a, b in pairs)

    def at_probe(self, trial, probe, oracle, outcome=True):
        """What is found at one probe; the outcome is that of trying its backward."""
        self.whole.spend()
        at = outcome if isinstance(outcome, Trial) else trial_at(trial, probe.inputs)
        if at is None:
            return
        for one in findings_at(at, probe, oracle):
            self.whole.report(one, at)
        self.whole.moved |= at.moves
        self.whole.verdict.probes += at.evaluations

    def _tried(self, trial, found):
        return self.outcomes(trial, [probe.inputs for probe in found], backward=True)

    def outcomes(self, trial, inputs, *, backward=False):
        """For inputs: the trial where the subject comes back, False where it raises, None where it might hang.

        What may not return is tried in a child process, and gives True for a trial. JAX's code is not
        native, but where it takes matrices apart; torch's is asked for nothing that is not finite.
        """
        if self.whole.subject.fed or self.whole.subject.library or self.whole.library != "numpy":
            return [True if self._is_safe(xs) else None for xs in inputs]

        def run(xs):
            at = trial.at(xs)
            if backward:
                at.fitting(at.first, at.inputs)
            return at

        if inputs and self._is_suspect():
            return native.outcomes(run, inputs)
        return [_outcome(run, xs) for xs in inputs]

    def _is_suspect(self):
        """Whether the code may not come back from strange inputs."""
        whole = self.whole
        if whole.suspect is None:
            ours = whole.library == "numpy" and not whole.subject.library
            whole.suspect = ours and native.may_not_return(whole.subject.held)
        return whole.suspect

    def _is_safe(self, inputs):
        """Whether JAX's or torch's code may be run at these inputs, where no child can try it."""
        whole = self.whole
        if is_finite(x for x in inputs if is_floating(x.dtype)):
            return True
        return bool(whole.subject.fed and whole.oracle and not whole.oracle.decomposes(inputs))

    def _look_around(self, trial):
        """Numbers, or JAX, at places nearby. What numbers could have seen, they see better now."""
        seen = []
        for k, probe in enumerate(probes.nearby(trial, self.whole.domains(trial.inputs))):
            near = trial_at(trial, probe.inputs)
            if near is None or not is_sound(near):
                continue
            found, projections = self._opinion_nearby(near, k)
            seen += projections
            self.whole.verdict.probes += near.evaluations
            for one in found:
                if one.status is not Status.KINK:
                    self.whole.report(one, near, probe.words)
            if self.whole.settled:
                return
        better = power.smallest_error_seen(trial, seen, None) if seen else None
        if better is not None and trial is self.whole.consulted and self.whole.verdict.cases == 1:
            self.whole.verdict.sees = min(self.whole.verdict.sees or better, better)

    def _opinion_nearby(self, near, k):
        if self.whole.oracle is not None:
            try:
                return opinion_of_jax(near, self.whole.oracle)[0], []
            except CodeError:
                pass
        u = own_direction(near, "near", k) if k % 2 else direction(near, "near", k)
        return opinion_of_numbers(near, [u], certain=True)

    def _steady(self, trial):
        """Whether the gradients of float64 code are as smooth as rounding lets them be."""
        try:
            jittered = list(bits_jittered(trial))
        except CodeError:
            return  # at the edge of the domain
        for i, bits in jittered:
            says = f"the gradient of {{input}} loses {bits:.0f} bits that the problem does not cost"
            one = Finding(Status.IMPRECISE, "precision", says, i)
            self.whole.report(one.by("precision", trial.subject.names), trial)


def _outcome(run, xs):
    try:
        return run(xs)
    except CodeError:
        return False
