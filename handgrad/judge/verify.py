"""verify: every layer of evidence, over every case, in one verdict."""

import operator
from collections.abc import Callable
from typing import Any, SupportsIndex

import numpy as np

from handgrad.judge.derived import compare_with_derivation
from handgrad.judge.draws import Case, draw_cases
from handgrad.judge.hearing import Hearing
from handgrad.judge.libraries import as_numpy, is_floating, library_of, undisturbed
from handgrad.judge.subjects import Rule, StatefulLayer, subject_of
from handgrad.judge.trial import without_address
from handgrad.judge.verdict import Status, Verdict


def verify(
    subject: object,
    *inputs: object,
    reference: Callable[..., Any] | None = None,
    seed: SupportsIndex = 0,
    params: dict[str, str] | None = None,
) -> Verdict:
    """Judge a gradient: is it right, and would an error have been seen?

    subject    a rule: forward(*inputs) -> (y, residuals), backward(residuals, dy) -> gradients;
               a layer with a memory: forward(*inputs) -> y, backward(dy) -> a gradient or a tuple;
               a pair (f, vjp) with vjp(dy, *inputs) -> gradients;
               a JAX function, with a derivative of its own or not; or a torch.autograd.Function
    inputs     arrays of NumPy, JAX or torch in any precision, or numbers (a number may be an
               option, without a gradient); left out, they are drawn from the rule's derivation,
               which is then checked too, link by link
    reference  the same function in JAX; left out, the registered one, or the subject's own forward
               if JAX can trace it
    seed       of all that is drawn
    params     of a layer: {name of a parameter: name of its gradient}

    Returns a verdict, which is true for the first two:
    PASS          it agrees, and an error would have been seen
    KINK          there is no derivative here, and the gradient is in the subdifferential
    WRONG         the mathematics is wrong: two oracles say so
    CONTRACT      shape, dtype, memory, state or layout; not linear in dy; or it raises
    IMPRECISE     right in float64, and more bits are lost in the given precision than need be
    INCONCLUSIVE  the forward is too noisy to tell
    VACUOUS       nothing was tested: every gradient is 0, or forward is nowhere finite

    Special inputs are made of the given ones: where forward raises there, or is not finite, nothing
    is asked of backward. A given number at which forward is not finite is replaced by another one.

    The judge itself changes nothing global, though a library may when it is first used. As soon as no
    thread is judging, it puts back what the judged code did to the states of np.random, random and
    torch's CPU generator; np.seterr lasts for one call. What else that code changes stays. Its
    warnings are not shown; where they are errors, they are exceptions. So is sys.exit. Ctrl-C ends
    the judge at once.

    Raises TypeError or ValueError where there is nothing to judge.
    """
    if reference is not None and not callable(reference):
        raise TypeError(f"reference is {reference!r}: pass the same function in JAX")
    seed = _checked_seed(seed)
    with undisturbed():
        adapter = subject_of(subject, params, inputs)
        if isinstance(adapter, StatefulLayer):
            inputs = (*inputs, *adapter.parameters)
        verdict = Verdict(without_address(adapter.name), seed)
        hearing = Hearing(verdict, adapter, reference, library_of(inputs))
        if inputs:
            hearing.hear_given(_given(inputs))
        else:
            _hear_drawn(hearing)
        hearing.close()
    return verdict


def _checked_seed(seed):
    try:
        seed = operator.index(seed)
    except TypeError:
        raise TypeError(f"seed is {seed!r}: pass an integer") from None
    if seed < 0:
        raise ValueError(f"seed is {seed}: pass 0 or more")
    return seed


def _hear_drawn(hearing):
    """Judge a rule at inputs from its derivation, and the derivation itself."""
    adapter, verdict = hearing.subject, hearing.verdict
    cases = draw_cases(adapter.rule, verdict.seed) if isinstance(adapter, Rule) else []
    if not cases:
        raise ValueError(
            f"{verdict.subject} has no derivation to draw inputs from: pass the inputs"
        )
    try:
        verdict.links, faults = compare_with_derivation(adapter.rule, verdict.seed)
    except Exception as error:
        faults = [f"the derivation cannot be run: it raises {type(error).__name__}: {error}"]
    for fault in dict.fromkeys(faults):
        hearing.report((Status.WRONG, "derivation", fault), "random points")
    hearing.hear_drawn(cases)


def _given(inputs):
    """The given inputs as one case."""
    arrays = [_array(i, float(x) if type(x) is int else x) for i, x in enumerate(inputs)]
    for i, x in enumerate(arrays):
        if np.iscomplexobj(x):
            raise TypeError(f"input {i} is {x.dtype}: the judge needs real numbers")
        if not (is_floating(x.dtype) or np.issubdtype(x.dtype, np.integer) or x.dtype == bool):
            raise TypeError(
                f"input {i}, of type {type(inputs[i]).__name__}, is {x.dtype}: the judge needs numbers"
            )
        if not np.all(np.isfinite(x.astype(float))):
            raise ValueError(f"input {i} holds a NaN or an infinity, where no gradient exists")
    return Case(tuple(arrays), "the given inputs")


def _array(i, x):
    try:
        return as_numpy(x)
    except (TypeError, ValueError):
        raise TypeError(f"input {i}, of type {type(x).__name__}, is no array of numbers") from None
