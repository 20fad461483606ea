"""verify: a subject, its inputs, and the stages, in one verdict."""

import operator
import reprlib
from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any, SupportsIndex

import numpy as np

from handgrad.derivation.docstrings import derivation_of
from handgrad.judge.domains import is_held, stated
from handgrad.judge.draws import Case, cases_for, require_arguments, require_rule, stated_by
from handgrad.judge.inputs import Arguments, flattened
from handgrad.judge.libraries import as_numpy, library_of, undisturbed
from handgrad.judge.oracles.derivation import compare_with_derivation
from handgrad.judge.oracles.jax import Automatic, registered_reference
from handgrad.judge.stages import Examination
from handgrad.judge.subjects import judge_as, names_of, subject_of
from handgrad.judge.trial import without_address
from handgrad.judge.verdict import Finding, Status, Verdict


def verify(
    subject: object,
    *inputs: object,
    reference: Callable[..., Any] | None = None,
    like: object = None,
    gradient_of: Callable[..., Any] | None = None,
    params: dict[str, str] | None = None,
    domains: Sequence[str | None] | dict[Any, str] | None = None,
    strict: bool = False,
    seed: SupportsIndex = 0,
) -> Verdict:
    """Judge a gradient: is it right, and would an error have been seen?

    subject      a rule: forward(*inputs) -> (y, residuals), backward(residuals, dy) -> gradients;
                 a layer with a memory: forward(*inputs) -> y, backward(dy) -> a gradient or a tuple;
                 a pair (f, vjp) with vjp(dy, *inputs), or f -> (y, cache) with vjp(dy, cache);
                 a JAX function, with a derivative of its own or not; a torch.autograd.Function or
                 its apply, a torch.nn.Module, a function of tensors
    inputs       arrays of NumPy, JAX or torch in any precision, numbers, options, or trees of them;
                 left out, they are drawn from the rule's derivation, which is then checked too, or
                 from that of `like`
    reference    the same function in JAX; left out, that of `like` or the registered one
    like         a rule of the catalog that the subject should equal: inputs, domains and reference
    gradient_of  the function in JAX whose gradient backward is meant to be, if not forward's
    params       of a layer: {name of a parameter: name of its gradient}; left out, they are found
    domains      where numbers lie, one for each input or by number or name: "probability",
                 "label(10)"; "const" is held, and has no gradient
    strict       whether notes are failures
    seed         of all that is drawn

    Returns a verdict, which is true for the first two:
    PASS          it agrees, and an error would have been seen
    KINK          there is no derivative here, and the gradient is in the subdifferential
    WRONG         the mathematics is wrong: two oracles say so
    CONTRACT      shape, dtype, memory, state or layout; not linear in dy; or it raises
    IMPRECISE     right in float64, and more bits are lost in the given precision than need be
    INCONCLUSIVE  the forward is too noisy to tell
    VACUOUS       nothing was tested: every gradient is 0, or forward is nowhere finite

    Special inputs are made of the given ones: where forward raises there, or is not finite, nothing
    is asked of backward. What is not a trap is a note. A copy is judged, where one can be made.

    The judge itself changes nothing global, though a library may when it is first used. As soon as no
    thread is judging, it puts back what the judged code did to the states of np.random, random and
    torch's CPU generator; np.seterr lasts for one call. What else that code changes stays. Its
    warnings and what it prints are not shown; where warnings are errors, they are exceptions. So is
    sys.exit. Ctrl-C ends the judge at once.

    Raises TypeError or ValueError where there is nothing to judge.
    """
    for name, function in (("reference", reference), ("gradient_of", gradient_of)):
        if function is not None and not callable(function):
            raise TypeError(f"{name} is {function!r}: pass a function in JAX")
    require_rule(like)
    options = {"reference": reference, "like": like, "gradient_of": gradient_of, "params": params}
    asked = SimpleNamespace(**options, domains=domains)
    with undisturbed() as printed:
        verdict = _judged(subject, inputs, asked, Verdict("", _checked_seed(seed), bool(strict)))
        verdict.printed = printed.lines, printed.first
        return verdict


def _judged(subject, inputs, asked, verdict):
    if inputs and all(x is None or isinstance(x, str) for x in flattened(inputs)):
        said = reprlib.repr(inputs[0])
        raise TypeError(f"input 0 is {said}, and no input is an array of numbers: pass one")
    if not inputs:
        subject_of(subject, asked.params)  # to refuse what is not a subject before it is drawn for
    cases = [] if inputs else cases_for(subject, asked.like, verdict.seed)
    adapter, library = _adapted(subject, inputs or cases[0].inputs, asked)
    verdict.subject, verdict.evaluations = without_address(adapter.name), adapter.tried
    rule = subject if asked.like is None else asked.like
    known, words = stated_by(rule), _words(asked.domains, adapter)
    domains = known.domains | _agreed(known.domains, words, adapter, rule)
    held = known.held | {i for i, text in words.items() if is_held(text)}
    adapter.silent |= held
    examination = Examination(verdict, adapter, _oracle(adapter, rule, asked), library, domains)
    examination.options = {name: value for name, value in vars(asked).items() if value is not None}
    examination.fixed, examination.constant = known.fixed, held
    if inputs:
        examination.at_given(_given(adapter))
    else:
        if asked.like is None:
            _check_derivation(examination, subject)
        examination.at_drawn([_with_parameters(case, adapter) for case in cases])
    examination.close()
    examination.prove()
    if examination.exhibit is not None or examination.refused is not None:
        verdict.explain = partial(_explained, examination)
    return verdict


def _adapted(subject, given, asked):
    """The subject, as the judge sees all of them, and the library of what it is given."""
    library = library_of(flattened(given))
    adapter = subject_of(subject, asked.params, Arguments(given, names_of(subject)), library)
    if asked.like is not None:
        require_arguments(asked.like, adapter)
    if asked.gradient_of is not None:
        judge_as(adapter, adapter.completed(asked.gradient_of))
    return adapter, library


def _explained(examination):
    from handgrad.judge.explain import explanation

    return explanation(examination)


def _checked_seed(seed):
    try:
        seed = operator.index(seed)
    except TypeError:
        raise TypeError(f"seed is {seed!r}: pass an integer") from None
    if seed < 0:
        raise ValueError(f"seed is {seed}: pass 0 or more")
    return seed


def _oracle(adapter, rule, asked):
    """JAX's opinion on what the subject should be, if there is a function for it to differentiate."""
    if asked.gradient_of is not None or asked.reference is not None:
        asked_for = adapter.completed(asked.gradient_of or asked.reference)
        return Automatic(asked_for, adapter, own=False)
    registered = registered_reference(rule)
    own = adapter.reference
    if registered is None:
        return None if own is None else Automatic(own, adapter, own=True)
    return Automatic(registered, adapter, own=False)


def _words(domains, adapter):
    """What the user says of where numbers lie, by the number of the leaf."""
    if isinstance(domains, str):
        raise TypeError(f"domains is {domains!r}: pass a list with one for each input, or a dict")
    if not isinstance(domains, dict):
        return {i: words for i, words in enumerate(domains or ()) if words}
    names = {name: i for i, name in enumerate(adapter.names)}
    found = {}
    for key, words in domains.items():
        if key not in names and not isinstance(key, int):
            raise ValueError(f"domains names {key!r}: the inputs are {', '.join(names)}")
        number = names.get(key, key)
        if words and found.setdefault(number, words) != words:
            said = f"{found[number]!r} and {words!r}"
            raise ValueError(f"domains names {said} for input {number}: name one")
    return found


def _agreed(known, words, adapter, rule):
    """The domains that the user states. Raises ValueError where they contradict what is known."""
    named = {i: domain for i, text in words.items() if (domain := stated(text)) is not None}
    names, leaves = adapter.names, adapter.arguments.leaves
    for i in words:
        if i not in range(len(names)):
            raise ValueError(
                f"domains names one for input {i!r}: the inputs are {', '.join(names)}"
            )
    for i, domain in named.items():
        other, title = known.get(i, domain), f"input {i} ({names[i]})"
        if other.name != domain.name:
            raise ValueError(f"{title} is {domain} by domains, and {other} by {rule!r}: name one")
        if i < len(leaves) and not domain.holds(leaves[i]):
            raise ValueError(f"{title} holds numbers that are not {domain}, which domains names")
    return named


def _given(adapter):
    """The given inputs as one case, followed by the parameters."""
    leaves = adapter.arguments.leaves
    for k, x in enumerate(leaves):
        if x.size and not np.any(np.isfinite(x.astype(float))):
            raise ValueError(f"input {k} holds no finite number, and no gradient exists elsewhere")
    return Case((*leaves, *map(as_numpy, adapter.parameters)), "the given inputs")


def _with_parameters(case, adapter):
    return Case((*case.inputs, *map(as_numpy, adapter.parameters)), case.description)


def _check_derivation(examination, rule):
    """Hold a rule against its own derivation, link by link."""
    verdict = examination.verdict
    verdict.checked, faults = compare_with_derivation(rule, verdict.seed)
    verdict.links = len(verdict.checked)
    if not derivation_of(rule).chains:
        says = "the docstring states inputs, and has no line to check: write y = … and dx = …"
        examination.report(Finding(Status.VACUOUS, "derivation", says, note=True))
    for fault in dict.fromkeys(faults):
        finding = Finding(Status.WRONG, "derivation", "{what}", what=fault)
        examination.report(finding, words="random points")
