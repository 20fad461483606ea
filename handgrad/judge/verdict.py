"""What the judge says: findings, which are data, and the verdict that they add up to."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from html import escape
from typing import Any

from handgrad.common.html import folded, noted, pre, status
from handgrad.common.text import listed, many, number
from handgrad.exact.proof import Proof, together

SHOWN = 2  # findings of one check: more say nothing new


class Status(StrEnum):
    """What a check can come to, from the worst to the best."""

    WRONG = "WRONG"  # the mathematics
    CONTRACT = "CONTRACT"  # shape, dtype, memory, state, layout, linearity
    IMPRECISE = "IMPRECISE"  # right in float64, and loses bits in the given precision
    INCONCLUSIVE = "INCONCLUSIVE"  # the oracle is too noisy to tell
    VACUOUS = "VACUOUS"  # nothing was tested
    KINK = "KINK"  # no derivative here; the gradient is in the subdifferential
    PASS = "PASS"


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be.

    check     the law or the oracle that saw it
    says      a sentence, in which {input}, {output}, {size}, {bar}, {what} and {at} stand for the numbers
    input     the number of an input whose gradient it is, and `name` its name
    output    the number of an output
    index     where, in that array
    size      how large it is, as a share of the gradient's size; `bar` how well that is known
    what      somebody's words, such as the message of an exception
    probe     what the inputs were, in words; "" for the given ones
    sized     whether the sentence speaks of shapes
    drawn     those of the inputs, in words, where the judge drew them
    note      not a wrong gradient and not a trap: the verdict stays ok, unless it is strict
    """

    status: Status
    check: str
    says: str
    input: int | None = None
    name: str = ""
    output: int | None = None
    index: tuple[int, ...] = ()
    size: float | None = None
    bar: float | None = None
    what: str = ""
    probe: str = ""
    sized: bool = False
    drawn: str = ""
    note: bool = False

    @property
    def message(self) -> str:
        """The sentence with its numbers."""
        name = f" ({self.name})" if self.name else ""
        said = self.says.format(
            input=f"input {self.input}{name}",
            output=f"output {self.output}",
            size=_share(self.size),
            bar=_share(self.bar),
            what=self.what,
            at=f", at [{', '.join(map(str, self.index))}]" if self.index else "",
        )
        return f"{said}, with {self.drawn}, drawn" if self.drawn else said

    def at(self, probe: str) -> "Finding":
        """The same, found at inputs that the judge made."""
        return replace(self, probe=probe)

    def by(self, check: str, names: Sequence[str]) -> "Finding":
        """The same, of a check, and with the name of its input where that has one."""
        known = names[self.input] if self.input is not None and self.input < len(names) else ""
        return replace(self, check=check, name="" if known.startswith("input ") else known)

    def as_note(self) -> "Finding":
        return replace(self, note=True)

    def __str__(self) -> str:
        where = f", at inputs that the judge made: {self.probe}" if self.probe else ""
        return f"{'note' if self.note else self.status.value}, {self.check}: {self.message}{where}"


def _share(x):
    return "" if x is None else f"{x:.1e}"


@dataclass(repr=False)
class Verdict:
    """The judgement on one subject, over all of its cases.

    dtype         the precision in which it was judged
    judged        the names of the inputs and parameters whose gradients were looked at
    not_judged    the parameters that move the output and have no gradient
    drawn         what the judge drew, in words: the shapes of the first inputs, or other numbers
    evaluations   at the given inputs: forwards, with or without their backwards
    probes        the same at small and special inputs; what they cost does not depend on the given
    links         of the subject's derivation, and `checked` what came of each
    vs_jax        the worst difference from JAX's gradient, as a share of the gradient's size; None
                  without a reference
    vs_numbers    the worst difference from a numerical directional derivative, as a share of its
                  size, and `error_bar` what that may be off by: it is the tolerance
    sees          the smallest error of a single number, as a share of the gradient's size, that
                  would have shown; with a probability of a thousandth it would not
    mutants       of the subject's own gradients, spoiled: how many were rejected, and how many made
    escaped       the mutants that were not
    printed       how many lines the judged code printed, which were not shown, and the first of them
    proof         whether exact arithmetic proves a PASS, or why not; None if it was not asked
    findings      what is not as it should be; among them notes, which are no failures unless strict
    explain       finds the diagnosis and the script; they are looked for when they are asked for
    """

    subject: str
    seed: int
    strict: bool = False
    dtype: str = ""
    judged: list[str] = field(default_factory=list)
    not_judged: list[str] = field(default_factory=list)
    drawn: str = ""
    cases: int = 0
    links: int = 0
    checked: list[Any] = field(default_factory=list, compare=False)
    evaluations: int = 0
    probes: int = 0
    vs_jax: float | None = None
    vs_numbers: float | None = None
    error_bar: float | None = None
    sees: float | None = None
    mutants: tuple[int, int] = (0, 0)
    escaped: list[str] = field(default_factory=list)
    printed: tuple[int, str] = (0, "")
    proof: Proof | None = None
    findings: list[Finding] = field(default_factory=list)
    explain: Callable[[], tuple[str, str]] | None = field(default=None, compare=False)

    @classmethod
    def combined(cls, subject: str, verdicts: Sequence["Verdict"]) -> "Verdict":
        """One verdict on several subjects, such as a rule with different options."""
        first, *_ = verdicts
        known = [v for v in verdicts if v.vs_numbers is not None]
        worst = max(known, key=lambda v: v.vs_numbers or 0.0, default=first)
        whole = cls(subject, first.seed, first.strict, first.dtype, first.judged)
        whole.not_judged = list(dict.fromkeys(n for v in verdicts for n in v.not_judged))
        whole.drawn = first.drawn
        for count in ("cases", "links", "evaluations", "probes"):
            setattr(whole, count, sum(getattr(v, count) for v in verdicts))
        for share in ("vs_jax", "sees"):
            known = [getattr(v, share) for v in verdicts]
            setattr(whole, share, max((x for x in known if x is not None), default=None))
        whole.vs_numbers, whole.error_bar = worst.vs_numbers, worst.error_bar
        whole.mutants = sum(v.mutants[0] for v in verdicts), sum(v.mutants[1] for v in verdicts)
        whole.escaped = [name for v in verdicts for name in v.escaped]
        texts = [v.printed[1] for v in verdicts if v.printed[1]]
        whole.printed = sum(v.printed[0] for v in verdicts), (texts or [""])[0]
        proofs = [v.proof for v in verdicts]
        whole.proof = None if None in proofs else together(proofs)
        whole.findings = [finding for v in verdicts for finding in v.findings]
        explained = next((v for v in verdicts if v.explain), None)
        whole.explain = None if explained is None else lambda: explained.explanation
        return whole

    def withdraw(self) -> None:
        """Take back what was found so far, but not what it cost."""
        self.findings, self.escaped, self.mutants = [], [], (0, 0)
        self.vs_jax = self.vs_numbers = self.error_bar = self.sees = None

    @cached_property
    def explanation(self) -> tuple[str, str]:
        """The diagnosis and the script: two texts, empty if all is well.

        Where no gradient is wrong, but a line of the docstring is, the finding says all.
        """
        if self.ok:
            return "", ""
        return self.explain() if self.explain else (self.failures[0].message, "")

    @property
    def diagnosis(self) -> str:
        """What the error looks like: the simplest hypothesis that explains it."""
        return self.explanation[0]

    @property
    def script(self) -> str:
        """A small counterexample that runs by itself."""
        return self.explanation[1]

    def __getstate__(self):
        return vars(self) | {"explanation": self.explanation, "explain": None}

    @property
    def failures(self) -> list[Finding]:
        """The findings that count: all of them if strict, else those that are not notes."""
        return [f for f in self.findings if self.strict or not f.note]

    @property
    def notes(self) -> list[Finding]:
        return [f for f in self.findings if f.note]

    @property
    def status(self) -> Status:
        """The worst status among the failures; PASS if there are none."""
        order = list(Status)
        return min((f.status for f in self.failures), key=order.index, default=Status.PASS)

    @property
    def ok(self) -> bool:
        """Whether the status is PASS or KINK."""
        return self.status in {Status.PASS, Status.KINK}

    def __bool__(self) -> bool:
        return self.ok

    @property
    def headline(self) -> str:
        """The status, and what it does not speak of: PASS, exact for x; not judged: W, b."""
        status = self.status.value + (", exact" if self.proof else "")
        if not self.not_judged:
            return status
        names = listed(self.judged) if self.judged else "nothing"
        return f"{status} for {names}; not judged: {', '.join(self.not_judged)}"

    def told(self, findings: Sequence[Finding]) -> list[str]:
        """The diagnosis, unless one of these findings says the same, and they themselves."""
        known = {"", *(f.message for f in findings)}
        lines = [] if self.diagnosis in known else [self.diagnosis]
        of_checks = {}
        for finding in findings:
            of_checks.setdefault((finding.check, finding.note), {})[str(finding)] = None
        for (check, _), texts in of_checks.items():
            lines += list(texts)[:SHOWN]
            if len(texts) > SHOWN:
                lines.append(f"… and {len(texts) - SHOWN} more of: {check}")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """The verdict in plain strings, lists and finite numbers."""
        plain = asdict(replace(self, explain=None, checked=[]))
        del plain["explain"], plain["checked"]
        plain["findings"] = [
            asdict(f) | {"status": f.status.value, "message": f.message} for f in self.findings
        ]
        said = {"diagnosis": self.diagnosis, "script": self.script}
        return _finite({"status": self.status.value, "ok": self.ok} | plain | said)

    def __str__(self) -> str:
        lines = [f"{self.subject}: {self.headline}"]
        lines += [f"  {text}" for text in self.told(self.findings)]
        lines += [f"  {line}" for line in self._figures()]
        if self.script:
            lines += ["  to see it:", *(f"    {line}" for line in self.script.splitlines())]
        return "\n".join(lines)

    def _figures(self):
        counted = {"case": self.cases, "link": self.links, "evaluation": self.evaluations}
        counted |= {"probe": self.probes}
        dtype = f" in {self.dtype}" if self.dtype else ""
        yield f"{', '.join(many(n, what) for what, n in counted.items())}{dtype}, seed {self.seed}"
        if self.drawn:
            yield f"drawn            {self.drawn}"
        yield f"against JAX      {number(self.vs_jax)}"
        yield f"against numbers  {number(self.vs_numbers)} ± {number(self.error_bar)}"
        if self.proof is not None:
            yield f"proof            {self.proof}"
        if self.sees is not None and self.ok:
            low = "" if self.dtype in {"", "float64"} else ", in float64"
            yield f"would have seen  {number(self.sees)} of its size in a single number{low}"
        if self.mutants[1]:
            yield f"spoiled on purpose {self.mutants[1]} times, seen {self.mutants[0]}"
        if self.printed[0]:
            count, first = self.printed
            yield f"printed          {many(count, 'line')}, not shown; the first: {first}"
        yield from (f"not seen         {name}" for name in self.escaped)

    __repr__ = __str__  # `assert verify(...)` shows it when it fails

    def _repr_html_(self) -> str:
        """In a notebook: the status in its colour, and the script below a fold."""
        word, subject = self.status.value, escape(self.subject)
        rest = escape(self.headline.removeprefix(word))
        parts = [f"<p><code>{subject}</code>: {status(word, ok=self.ok)}{rest}</p>"]
        parts += [f"<p>{escape(text)}</p>" for text in self.told(self.findings)]
        parts.append(pre("\n".join(self._figures())))
        return noted(*parts, folded("to see it", pre(self.script)) if self.script else "")


def _finite(value: Any) -> Any:
    """The value with None for what is not finite, as JSON has no word for it."""
    if isinstance(value, dict):
        return {key: _finite(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
