"""Subjects: every kind of code with a gradient, seen in one way."""

import inspect
from typing import Any

from handgrad.judge.calls import CodeError
from handgrad.judge.inputs import Arguments
from handgrad.judge.libraries import as_numpy, to_library
from handgrad.judge.subjects.functions import judge_as, of_pair
from handgrad.judge.subjects.jax import JaxFunction, JaxPair
from handgrad.judge.subjects.objects import Object, of_object
from handgrad.judge.subjects.torch import (
    TorchCallable,
    TorchFunction,
    applied,
    is_function,
    takes_context,
)

SHORT = 60  # characters of an object that are shown
KINDS = "a rule, a layer, a pair (f, vjp), a JAX function, a torch Function or module"


def subject_of(subject, params=None, arguments=None, library="numpy"):
    """The subject that somebody's object is, for arguments as somebody gives them.

    Raises TypeError, in one sentence, for what is none.
    """
    arguments = arguments or Arguments(())
    if places := getattr(subject, "nondiff_argnums", ()):  # which JAX may not trace
        arguments = arguments.with_options(places)
    _check_params(subject, params)
    found = _recognised(subject, params, arguments, library)
    whole = arguments.with_whole_options()
    if whole is not None and not _runs(found, library):
        with_options = _recognised(subject, params, whole, library)
        found = with_options if _runs(with_options, library) else found
    found.remember()
    return found


def is_subject(subject):
    """Whether the judge may know what to do with it."""
    try:
        _recognised(subject, None, Arguments(()), "numpy")
    except TypeError:
        return False
    return True


def _recognised(subject, params, arguments, library):
    values = arguments.pack([to_library(x, library) for x in arguments.leaves])
    if function := subject if is_function(subject) else applied(subject):
        return TorchFunction(function, arguments)
    if isinstance(subject, type):
        raise TypeError(f"{subject.__name__} is a class: pass a rule, such as {subject.__name__}()")
    if isinstance(subject, tuple | list):
        if len(subject) == 2 and all(map(callable, subject)):
            found = of_pair(tuple(subject), arguments, values)
            traced = JaxPair(found, arguments) if library == "jax" else None
            return traced if traced and traced.is_traced(arguments.leaves) else found
        raise TypeError(f"a pair is (f, vjp), two functions, and not {subject!r}")
    if hasattr(subject, "backward") and (hasattr(subject, "forward") or callable(subject)):
        return of_object(subject, params, arguments, values)
    if hasattr(subject, "named_parameters") or (callable(subject) and library == "torch"):
        return TorchCallable(subject, arguments)
    if callable(subject) and type(subject).__module__.partition(".")[0] not in {"numpy", "torch"}:
        return JaxFunction(subject, arguments)
    said = repr(subject)
    is_short = len(said) <= SHORT and "\n" not in said
    raise TypeError(f"{said if is_short else f'a {type(subject).__name__}'} is not {KINDS}")


def _runs(subject, library):
    """Whether forward takes the arguments."""
    kind = subject.fed or subject.library or library
    leaves = [*subject.arguments.leaves, *map(as_numpy, subject.parameters)]
    try:
        subject.anew().forward(*(to_library(x, kind) for x in leaves))
    except CodeError:
        return False
    return True


def _check_params(subject, params):
    if params is None:
        return
    if not (hasattr(subject, "forward") and hasattr(subject, "backward")):
        raise TypeError("params names the parameters of a layer, with forward and backward(dy)")
    if not (isinstance(params, dict) and _are_names(params)):
        raise TypeError(f"params is {params!r}: pass {{name of a parameter: name of its gradient}}")


def _are_names(params):
    return all(isinstance(name, str) for pair in params.items() for name in pair)


def names_of(subject):
    """The names of a subject's inputs, as far as its forward gives them; else none."""
    function: Any
    function, skipped = _forward_of(subject)
    try:
        parameters = list(inspect.signature(function).parameters.values())[skipped:]
    except (TypeError, ValueError):
        return []
    usual = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in parameters if p.kind in usual]


def _forward_of(subject):
    """The function that computes the forward, and how many of its parameters are not inputs."""
    function = subject if is_function(subject) else applied(subject)
    if function is not None:
        return function.forward, int(takes_context(function))
    if isinstance(subject, tuple | list) and subject:
        return subject[0], 0
    inner = getattr(subject, "rule", subject)  # of a Layer
    return getattr(inner, "forward", subject), 0
