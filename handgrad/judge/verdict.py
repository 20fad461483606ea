"""What the judge says: findings, and the verdict that they add up to."""

import math
from dataclasses import asdict, dataclass, field
from enum import StrEnum


class Status(StrEnum):
    """What a check can come to, from the worst to the best."""

    WRONG = "WRONG"
    CONTRACT = "CONTRACT"
    INCONCLUSIVE = "INCONCLUSIVE"
    VACUOUS = "VACUOUS"
    PASS = "PASS"


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be: which check saw it, in which case."""

    status: Status
    check: str
    message: str
    case: str

    def __str__(self):
        return f"{self.status.value}, {self.check}: {self.message}\n        at {self.case}"


@dataclass
class Verdict:
    """The judgement on one subject, over all of its cases.

    `links` are those of the subject's derivation. `vs_jax` is the worst difference from JAX's gradient, as a share of the gradient's scale; None
    without a reference. `vs_numbers` is the worst difference from a numerical directional
    derivative, as a share of its scale, and `error_bar` what that derivative may itself be off by.
    """

    subject: str
    seed: int
    cases: int = 0
    links: int = 0
    evaluations: int = 0
    vs_jax: float | None = None
    vs_numbers: float | None = None
    error_bar: float | None = None
    findings: list[Finding] = field(default_factory=list)

    @classmethod
    def combined(cls, subject, verdicts):
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
            max((v.vs_jax for v in verdicts if v.vs_jax is not None), default=None),
            worst.vs_numbers,
            worst.error_bar,
            [finding for v in verdicts for finding in v.findings],
        )

    @property
    def status(self):
        """The worst status among the findings; PASS if there are none."""
        order = list(Status)
        return min((f.status for f in self.findings), key=order.index, default=Status.PASS)

    @property
    def ok(self):
        return self.status is Status.PASS

    def __bool__(self):
        return self.ok

    def to_dict(self):
        """The verdict in plain strings, lists and finite numbers."""
        plain = {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in asdict(self).items()
        }
        return {"status": self.status.value, "ok": self.ok} | plain

    def __str__(self):
        counted = {"case": self.cases, "link": self.links, "evaluation": self.evaluations}
        lines = [
            f"{self.subject}: {self.status.value}",
            f"  {', '.join(many(n, what) for what, n in counted.items())}, seed {self.seed}",
            f"  against JAX      {number(self.vs_jax)}",
            f"  against numbers  {number(self.vs_numbers)} ± {number(self.error_bar)}",
        ]
        lines += [f"  {finding}" for finding in self.findings]
        return "\n".join(lines)


def many(count, what):
    """A number of things: 1 link, 2 links."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def number(x):
    """A difference in few characters."""
    return "–" if x is None else f"{x:.1e}" if x else "0"
