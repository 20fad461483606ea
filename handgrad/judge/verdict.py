"""What the judge says: findings, and the verdict that they add up to."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from handgrad.common.text import many, number


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
    """Something that is not as it should be: which check saw it, in which case."""

    status: Status
    check: str
    message: str
    case: str

    def __str__(self) -> str:
        return f"{self.status.value}, {self.check}: {self.message}\n        at {self.case}"


@dataclass(repr=False)
class Verdict:
    """The judgement on one subject, over all of its cases.

    evaluations   at the given inputs: forwards, with or without their backwards
    probes        the same at small and special inputs; what they cost does not depend on the given
    links         of the subject's derivation
    vs_jax        the worst difference from JAX's gradient, as a share of the gradient's size; None
                  without a reference
    vs_numbers    the worst difference from a numerical directional derivative, as a share of its
                  size, and `error_bar` what that may be off by: it is the tolerance
    sees          the smallest error of a single number, as a share of the gradient's size, that
                  would have shown; with a probability of a thousandth it would not
    mutants       of the subject's own gradients, spoiled: how many were rejected, and how many made
    escaped       the mutants that were not
    findings      what is not as it should be
    explain       finds the diagnosis and the script; they are looked for when they are asked for
    """

    subject: str
    seed: int
    cases: int = 0
    links: int = 0
    evaluations: int = 0
    probes: int = 0
    vs_jax: float | None = None
    vs_numbers: float | None = None
    error_bar: float | None = None
    sees: float | None = None
    mutants: tuple[int, int] = (0, 0)
    escaped: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    explain: Callable[[], tuple[str, str]] | None = field(default=None, compare=False)

    @classmethod
    def combined(cls, subject: str, verdicts: Sequence["Verdict"]) -> "Verdict":
        """One verdict on several subjects, such as a rule with different options."""
        first, *_ = verdicts
        known = [v for v in verdicts if v.vs_numbers is not None]
        worst = max(known, key=lambda v: v.vs_numbers or 0.0, default=first)
        return cls(
            subject,
            first.seed,
            sum(v.cases for v in verdicts),
            sum(v.links for v in verdicts),
            sum(v.evaluations for v in verdicts),
            sum(v.probes for v in verdicts),
            max((v.vs_jax for v in verdicts if v.vs_jax is not None), default=None),
            worst.vs_numbers,
            worst.error_bar,
            max((v.sees for v in verdicts if v.sees is not None), default=None),
            (sum(v.mutants[0] for v in verdicts), sum(v.mutants[1] for v in verdicts)),
            [name for v in verdicts for name in v.escaped],
            [finding for v in verdicts for finding in v.findings],
            next((v.explain for v in verdicts if v.explain), None),
        )

    def withdraw(self) -> None:
        """Take back what was found so far, but not what it cost."""
        self.findings, self.escaped, self.mutants = [], [], (0, 0)
        self.vs_jax = self.vs_numbers = self.error_bar = self.sees = None

    @cached_property
    def explanation(self) -> tuple[str, str]:
        """The diagnosis and the script: two texts, empty if all is well or nothing was found."""
        return self.explain() if self.explain and not self.ok else ("", "")

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
    def status(self) -> Status:
        """The worst status among the findings; PASS if there are none."""
        order = list(Status)
        return min((f.status for f in self.findings), key=order.index, default=Status.PASS)

    @property
    def ok(self) -> bool:
        """Whether the status is PASS or KINK."""
        return self.status in {Status.PASS, Status.KINK}

    def __bool__(self) -> bool:
        return self.ok

    def to_dict(self) -> dict[str, Any]:
        """The verdict in plain strings, lists and finite numbers."""
        plain = {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in asdict(replace(self, explain=None)).items()
            if name != "explain"
        }
        said = {"diagnosis": self.diagnosis, "script": self.script}
        return {"status": self.status.value, "ok": self.ok} | plain | said

    def __str__(self) -> str:
        counted = {"case": self.cases, "link": self.links, "evaluation": self.evaluations}
        counted |= {"probe": self.probes}
        lines = [
            f"{self.subject}: {self.status.value}",
            f"  {', '.join(many(n, what) for what, n in counted.items())}, seed {self.seed}",
            f"  against JAX      {number(self.vs_jax)}",
            f"  against numbers  {number(self.vs_numbers)} ± {number(self.error_bar)}",
        ]
        if self.sees is not None and self.ok:
            lines.append(f"  would have seen  {number(self.sees)} in a single number")
        if self.mutants[1]:
            lines.append(f"  spoiled on purpose {self.mutants[1]} times, seen {self.mutants[0]}")
        lines += [f"  not seen         {name}" for name in self.escaped]
        lines += [f"  {finding}" for finding in self.findings]
        if self.diagnosis:
            lines.append(f"  {self.diagnosis}")
        if self.script:
            lines += ["  to see it:", *(f"    {line}" for line in self.script.splitlines())]
        return "\n".join(lines)

    __repr__ = __str__  # `assert verify(...)` shows it when it fails
