"""verify: every layer of evidence, over every case, in one verdict."""

import numpy as np

from handgrad.derivation.domains import generator
from handgrad.judge.automatic import misfit, registered_reference, value_and_vjp
from handgrad.judge.derived import compare_with_derivation
from handgrad.judge.draws import Case, draw_cases
from handgrad.judge.laws import LAWS
from handgrad.judge.numerical import UNIT, directional_derivative
from handgrad.judge.trial import Trial, rms
from handgrad.judge.verdict import Finding, Status, Verdict

PROJECTIONS = 3
VS_JAX = 1e-12  # of the gradient's scale; correct rules come to about 1e-15
FLOOR = 0.1  # the scale of a gradient is at least this share of dy's
CONFIDENCE = 8  # error bars
RESOLUTION = 1e-6  # an error bar wider than this share of the scale tells nothing


def verify(subject, *inputs, reference=None, seed=0):
    """Judge a rule: the value of its forward, and every gradient that its backward returns.

    subject    a rule: forward(*inputs) -> (y, residuals), backward(residuals, dy) -> gradients
    inputs     arrays to judge it at, in float64; left out, drawn from the rule's derivation,
               which is then checked too, link by link
    reference  the same function in JAX; left out, the registered one, or none
    seed       of all that is drawn

    Returns a Verdict. Raises TypeError or ValueError where there is nothing to judge.
    """
    if isinstance(subject, type):
        raise TypeError(f"{subject.__name__} is a class: pass a rule, such as {subject.__name__}()")
    if not (hasattr(subject, "forward") and hasattr(subject, "backward")):
        raise TypeError(f"{subject!r} is not a rule: it has no forward and backward")
    cases = [_given(inputs)] if inputs else draw_cases(subject, seed)
    if not cases:
        raise ValueError(f"{subject!r} has no derivation to draw inputs from: pass the inputs")
    reference = reference or registered_reference(subject)
    verdict = Verdict(repr(subject), seed)
    if not inputs:
        _compare_with_derivation(verdict, subject)
    moved = [_judge(verdict, subject, case, reference) for case in cases]
    if not any(moved) and not verdict.findings:
        _report(verdict, Status.VACUOUS, "power", "every gradient is 0", "every case")
    return verdict


def _given(inputs):
    arrays = tuple(map(np.asarray, inputs))
    for i, x in enumerate(arrays):
        if not np.issubdtype(x.dtype, np.number) and x.dtype != bool:
            raise TypeError(f"input {i} is {x.dtype}: the judge needs numbers")
        if not np.all(np.isfinite(x)):
            raise ValueError(f"input {i} holds a NaN or an infinity, where no gradient exists")
    widened = (x.astype(float) if np.issubdtype(x.dtype, np.floating) else x for x in arrays)
    return Case(tuple(widened), "the given inputs")


def _compare_with_derivation(verdict, rule):
    """Check the rule's docstring link by link, and hold the code against it."""
    try:
        verdict.links, faults = compare_with_derivation(rule, verdict.seed)
    except Exception as error:
        faults = [f"the derivation cannot be run: {_raised(error)}"]
    for fault in dict.fromkeys(faults):
        _report(verdict, Status.WRONG, "derivation", fault, "random points")


def _judge(verdict, rule, case, reference):
    """Add what one case shows to the verdict. True if any gradient is not 0 there."""
    verdict.cases += 1
    try:
        trial = Trial(rule, case.inputs, verdict.seed)
    except Exception as error:
        _report(verdict, Status.CONTRACT, "forward", _raised(error), case)
        return True
    breaches = [breach for law in LAWS for breach in _breaches(law, trial)]
    for law, sentence in breaches:
        _report(verdict, Status.CONTRACT, law.__name__.replace("_", " "), sentence, case)
    moved = False
    if not breaches:
        grads = trial.real_vjp()
        moved = any(map(np.any, grads.values()))
        if reference is not None:
            _compare_with_jax(verdict, trial, case, grads, reference)
        _compare_with_numbers(verdict, trial, case, grads)
    verdict.evaluations += trial.evaluations
    return moved


def _breaches(law, trial):
    """The breaches of one law; a law that cannot be tried is broken too."""
    try:
        return [(law, sentence) for sentence in law(trial)]
    except Exception as error:
        return [(law, _raised(error))]


def _compare_with_jax(verdict, trial, case, grads, reference):
    """Hold the outputs and the gradients against the reference's, element by element."""
    if message := misfit(reference, trial):
        _report(verdict, Status.WRONG, "against JAX", message, case)
        return
    outputs, expected = value_and_vjp(reference, trial)
    pairs = zip(trial.forward(), outputs, strict=True)
    named = [(f"output {i}", y, y_ref, trial.inputs) for i, (y, y_ref) in enumerate(pairs)]
    named += [(f"the gradient of input {i}", grads[i], expected[i], trial.dy) for i in grads]
    for name, actual, wanted, arguments in named:
        error = _difference(actual, wanted, arguments)
        verdict.vs_jax = max(verdict.vs_jax or 0.0, error)
        if not error <= VS_JAX:
            message = f"{name} is off by {error:.1e} of its scale"
            _report(verdict, Status.WRONG, "against JAX", message, case)


def _difference(actual, wanted, arguments):
    """The largest difference, as a share of the largest number, or of what it was made from."""
    floor = FLOOR * max((_largest(x) for x in arguments if x.dtype != bool), default=0.0)
    scale = max(_largest(wanted), floor)
    error = _largest(actual - wanted) / scale if scale else 0.0
    return np.inf if np.isnan(error) else error


def _largest(x):
    return float(np.max(np.abs(x), initial=0.0))


def _compare_with_numbers(verdict, trial, case, grads):
    """Hold the gradients against numerical derivatives in random directions."""
    if not any(d.size for d in trial.dy):
        return
    projections = [_project(trial, grads, i, verdict.seed) for i in range(PROJECTIONS)]
    error, bar, known_to = max(projections, key=lambda projection: projection[0] / projection[1])
    if verdict.vs_numbers is None or error > verdict.vs_numbers:
        verdict.vs_numbers, verdict.error_bar = error, bar
    if not known_to <= RESOLUTION:
        message = f"the numerical derivative is known to {known_to:.1e} only"
        _report(verdict, Status.INCONCLUSIVE, "against numbers", message, case)
    elif not error <= bar:
        message = f"off by {error:.1e} of its scale, error bar {bar:.1e}"
        _report(verdict, Status.WRONG, "against numbers", message, case)


def _project(trial, grads, projection, seed):
    """The difference along one random direction, its error bar, and how well it is known.

    All three as shares of the scale of the gradients along that direction.
    """
    rng = generator(seed, trial.rule, "direction", projection)
    x = trial.real_inputs
    u = [(rms(a) or 1.0) * rng.normal(size=a.shape) for a in x]
    moves = [dx * b for dx, b in zip(grads.values(), u, strict=True)]
    expected = directional_derivative(lambda xs: trial.forward(trial.with_real(xs)), x, u, trial.dy)
    spread = np.sqrt(sum(np.sum(move * move) for move in moves))
    scale = max(spread, FLOOR * max(map(_largest, trial.dy)))
    error = abs(sum(map(np.sum, moves)) - expected.value)
    bar = CONFIDENCE * (expected.error + 4 * UNIT * scale)
    return float(error / scale), float(bar / scale), float(expected.error / scale)


def _raised(error):
    return f"raises {type(error).__name__}: {error}"


def _report(verdict, status, check, message, case):
    verdict.findings.append(Finding(status, check, message, f"{verdict.subject}, {case}"))
