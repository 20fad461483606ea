"""Conventions: what rules return at kinks, ties and limits, beside JAX and torch, measured."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from handgrad import rules
from handgrad.common.oracle import in_double_precision
from handgrad.comparison.special_points import CASES
from handgrad.comparison.written import run

LIBRARIES = ("handgrad", "JAX", "torch")
DIGITS = 4


@dataclass(frozen=True)
class Outcome:
    """What a library returned: the value, and the gradient of one input; or why there is nothing."""

    value: Any = None
    gradient: Any = None
    missing: str = ""

    def __str__(self):
        return self.missing or f"{shown(self.value)}; {shown(self.gradient)}"

    def agrees(self, other):
        """Whether both say the same, to nine digits; a library without it disagrees with nobody."""
        if self.missing or other.missing:
            return True
        pairs = (self.value, other.value), (self.gradient, other.gradient)
        return all(np.allclose(a, b, rtol=1e-9, atol=1e-12, equal_nan=True) for a, b in pairs)


@dataclass(frozen=True)
class Row:
    """A case with the outcomes, in the order of LIBRARIES."""

    case: Any
    outcomes: tuple[Outcome, ...]

    @property
    def point(self):
        """The inputs, that of the gradient first."""
        at, by = self.case.at, self.case.by
        return ", ".join(f"{k} = {shown(at[k])}" for k in sorted(at, key=lambda name: name != by))

    @property
    def cells(self):
        """What each library returned; ≠ marks what differs from ours."""
        ours, *_ = self.outcomes
        return [f"{outcome}{'' if outcome.agrees(ours) else ' ≠'}" for outcome in self.outcomes]

    def to_dict(self):
        """The row as JSON has it."""
        case, codes = self.case, (self.case.rule, self.case.jax, self.case.torch)
        found = {"at": {name: _spelled(x) for name, x in case.at.items()}, "gradient_of": case.by}
        for library, code, outcome in zip(LIBRARIES, codes, self.outcomes, strict=True):
            found[library] = {
                "code": code,
                "value": _spelled(outcome.value),
                "gradient": _spelled(outcome.gradient),
                "missing": outcome.missing,
                "agrees": outcome.agrees(self.outcomes[0]),
            }
        return found


def measured(cases=CASES):
    """A row for each case, measured here and now, in float64."""
    with in_double_precision(), np.errstate(all="ignore"):
        return [Row(case, (_ours(case), _jax(case), _torch(case))) for case in cases]


def shown(x):
    """A number, or the numbers of an array, as the table has them: (0, 0.5)."""
    numbers = [f"{n + 0.0:.{DIGITS}g}" for n in np.ravel(x)]
    text = ", ".join(numbers).replace("-", "−").replace("inf", "∞").replace("nan", "NaN")
    return text if len(numbers) == 1 else f"({text})"


def _arrays(case):
    return {name: np.asarray(x) for name, x in case.at.items()}


def _upstream(y):
    """1 for one number, else 1, 2, 3, …, so that it shows who gets whose gradient."""
    return np.arange(1.0, np.size(y) + 1).reshape(np.shape(y))


def _ours(case):
    inputs = _arrays(case)
    rule: Any = run(case.rule, vars(rules))
    y, residuals = rule.forward(*inputs.values())
    grads = dict(zip(inputs, rule.backward(residuals, _upstream(y)), strict=True))
    return Outcome(np.asarray(y), np.asarray(grads[case.by]))


def _jax(case):
    if not case.jax:
        return Outcome(missing="–")
    import jax
    import jax.scipy

    inputs = {name: jax.numpy.asarray(x) for name, x in _arrays(case).items()}
    names = {"jax": jax, "jnp": jax.numpy}

    def both(x):
        y, vjp = jax.vjp(lambda x: run(case.jax, names | inputs | {case.by: x}), x)
        return y, *vjp(jax.numpy.asarray(_upstream(y)))

    y, gradient = jax.jit(both)(inputs[case.by])  # one program: half the time of one each operation
    return Outcome(np.asarray(y), np.asarray(gradient))


def _torch(case):
    if not case.torch:
        return Outcome(missing="–")
    if find_spec("torch") is None:
        return Outcome(missing="not installed")
    import torch

    inputs = {name: torch.tensor(x) for name, x in _arrays(case).items()}
    x: Any = inputs[case.by].requires_grad_()
    y: Any = run(case.torch, {"torch": torch, "F": torch.nn.functional} | inputs)
    y.backward(torch.tensor(_upstream(y.detach().numpy())))
    return Outcome(y.detach().numpy(), x.grad.numpy())


def _spelled(x):
    """As JSON has it, which knows neither infinities nor NaN: they are texts."""
    if x is None or np.all(np.isfinite(x)):
        return np.asarray(x).tolist()
    return [_spelled(n) for n in x] if np.ndim(x) else str(x)
