"""Subjects: every kind of code with a gradient, seen in one way.

A subject has `name`, `forward(*inputs)`, and `vjp(*inputs)`, which gives the outputs, or None where
nobody needs them, and a function from their upstream gradients to the gradients of the inputs.
`anew()` is a copy in its present state, `pristine` a copy in its first one, or None.
"""

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.judge.calls import contained
from handgrad.judge.copies import copied
from handgrad.judge.libraries import as_numpy


class UnjudgeableError(TypeError):
    """Something that is no gradient, and no mistake in one either."""


def subject_of(subject, params=None, inputs=()):
    """The subject that somebody's object is, for inputs as somebody gives them.

    Raises TypeError, in one sentence, for what is none.
    """
    found = _recognised(subject, params)
    found.numbers = frozenset(i for i, x in enumerate(inputs) if type(x) in {int, float})
    try:
        found.pristine = found.anew()
    except Exception:
        found.pristine = None  # it cannot be copied
    return found


def _recognised(subject, params):
    _check_params(subject, params)
    if isinstance(subject, type):
        if is_torch_function(subject):
            return TorchFunction(subject)
        raise TypeError(f"{subject.__name__} is a class: pass a rule, such as {subject.__name__}()")
    if isinstance(subject, tuple | list):
        if len(subject) == 2 and all(map(callable, subject)):
            return Pair(*subject)
        raise TypeError(f"a pair is (f, vjp), two functions, and not {subject!r}")
    if hasattr(subject, "forward") and hasattr(subject, "backward"):
        return StatefulLayer(subject, params) if _is_layer(subject) else Rule(subject)
    if callable(subject) and _may_be_jax(subject):
        return JaxFunction(subject)
    raise TypeError(
        f"{subject!r} is not a rule, a layer, a pair (f, vjp), a JAX function or a torch Function"
    )


def _check_params(subject, params):
    if params is None:
        return
    if not _is_layer(subject):
        raise TypeError("params names the parameters of a layer, with forward and backward(dy)")
    if not (isinstance(params, dict) and _are_names(params)):
        raise TypeError(f"params is {params!r}: pass {{name of a parameter: name of its gradient}}")
    for name in params:
        if not hasattr(subject, name):
            raise TypeError(f"{subject!r} has no parameter {name}, which params names")


class Subject:
    """What all kinds have in common, and how they differ by default."""

    pristine: Any = None
    library: str | None = None  # of its arrays, if it takes no other
    strict = False  # whether it must give a tuple with one gradient for each input, or None
    reentrant = True  # whether several forwards may come before their backwards
    closes_over_state = False  # whether a copy may share what it keeps with the original
    numbers: frozenset[int] = frozenset()  # inputs given as numbers of Python: None may stand for
    # their gradients, for they may be options

    @property
    def reference(self) -> Callable | None:
        """The same function, for JAX to differentiate."""
        return None

    @contained()
    def forward(self, *inputs):
        """What the judged code returns."""
        return self._forward(*inputs)

    @contained()
    def vjp(self, *inputs):
        """The outputs, or None, and the function from upstream gradients to gradients."""
        y, backward = self._vjp(*inputs)
        return y, contained()(backward)

    @contained()
    def anew(self):
        """A copy in the present state; what cannot keep anything is its own copy."""
        made = self._copied()
        made.numbers = self.numbers
        return made

    def _forward(self, *inputs) -> Any:
        raise NotImplementedError

    def _vjp(self, *inputs) -> tuple[Any, Callable]:
        raise NotImplementedError

    def _copied(self) -> Any:
        return self


@dataclass
class Rule(Subject):
    """forward(*inputs) -> (y, residuals), backward(residuals, dy) -> a tuple of gradients."""

    rule: Any
    strict = True

    @property
    def name(self):
        return repr(self.rule)

    def _forward(self, *inputs):
        return self.rule.forward(*inputs)[0]

    def _vjp(self, *inputs):
        y, residuals = self.rule.forward(*inputs)
        return y, lambda dy: self.rule.backward(residuals, dy)

    def _copied(self):
        return Rule(copy.deepcopy(self.rule))


@dataclass
class StatefulLayer(Subject):
    """forward(*inputs) -> y, and backward(dy) -> a gradient, or a tuple of them.

    `params` maps the names of parameters to those of their gradients; they are judged as further
    inputs. A handgrad.Layer knows its own.
    """

    layer: Any
    params: dict[str, str] | None = None
    reentrant = False

    @property
    def name(self):
        return repr(self.layer)

    @property
    def parameters(self):
        """The parameters, to be judged as inputs that follow the others."""
        if self.params is not None:
            return tuple(getattr(self.layer, name) for name in self.params)
        return tuple(self.layer.params) if _is_our_layer(self.layer) else ()

    def _forward(self, *inputs):
        return self.layer.forward(*self._placed(inputs))

    def _vjp(self, *inputs):
        return self._forward(*inputs), lambda dy: self._gradients(self.layer.backward(dy))

    def _copied(self):
        return StatefulLayer(copy.deepcopy(self.layer), self.params)

    def _placed(self, inputs):
        """The inputs proper, after the others were made the layer's parameters."""
        count = len(inputs) - len(self.parameters)
        if self.params is not None:
            for name, value in zip(self.params, inputs[count:], strict=True):
                setattr(self.layer, name, value)
        elif _is_our_layer(self.layer):
            self.layer.params = tuple(inputs[count:])
        return inputs[:count]

    def _gradients(self, grads):
        grads = _as_tuple(grads)
        if self.params is not None:
            return grads + tuple(map(self._kept, self.params.values()))
        return grads + tuple(self.layer.grads) if _is_our_layer(self.layer) else grads

    def _kept(self, name):
        """A copy of a parameter's gradient: the layer may write the next one into its memory."""
        if not hasattr(self.layer, name):
            raise UnjudgeableError(f"{self.name} has no {name} after backward, which params names")
        return np.array(as_numpy(getattr(self.layer, name)))


@dataclass
class Pair(Subject):
    """f(*inputs) -> y, and vjp(dy, *inputs) -> gradients."""

    function: Callable
    backward: Callable
    closes_over_state = True

    @property
    def name(self):
        return f"({_named(self.function)}, {_named(self.backward)})"

    def _forward(self, *inputs):
        return self.function(*inputs)

    def _vjp(self, *inputs):
        return None, lambda dy: self._gradients(dy, inputs)

    def _gradients(self, dy, inputs):
        """A single gradient stands for itself, and None for what follows the first input."""
        grads = self.backward(dy, *inputs)
        if isinstance(grads, tuple | list):
            return tuple(grads)
        return grads, *[None] * (len(inputs) - 1)

    def _copied(self):
        memo = {}
        return Pair(copied(self.function, memo), copied(self.backward, memo))


@dataclass
class JaxFunction(Subject):
    """A JAX function, with a derivative of its own or without: jax.vjp differentiates it."""

    function: Callable
    library = "jax"

    @property
    def name(self):
        return _named(self.function)

    @property
    def reference(self):
        """The function beneath a derivative of its own, for JAX to differentiate by itself."""
        import jax

        own = isinstance(self.function, jax.custom_vjp | jax.custom_jvp)
        return getattr(self.function, "fun", None) if own else None

    def _forward(self, *inputs):
        return self.function(*inputs)

    def _vjp(self, *inputs):
        import jax

        try:
            return jax.vjp(self.function, *inputs)
        except jax.errors.JAXTypeError as error:
            what = str(error).partition("\n")[0]
            raise UnjudgeableError(
                f"{self.name} is no JAX function ({what}): pass a pair (f, vjp)"
            ) from None


@dataclass
class TorchFunction(Subject):
    """A torch.autograd.Function: apply, and what its own backward returns.

    torch's engine would sum and cast a gradient of a wrong shape or dtype; here it is seen first.
    """

    function: Any
    library = "torch"

    @property
    def name(self):
        return self.function.__name__

    def _forward(self, *inputs):
        return self.function.apply(*inputs)

    def _vjp(self, *inputs):
        import torch

        returned = []
        recorded = _recorded(self.function, returned)
        leaves = [x.detach().requires_grad_(x.is_floating_point()) for x in inputs]
        with torch.enable_grad():
            y = recorded.apply(*leaves)
        outputs = y if isinstance(y, tuple) else (y,)

        def backward(dy):
            upstream = dy if isinstance(dy, tuple) else (dy,)
            pairs = [(o, d) for o, d in zip(outputs, upstream, strict=True) if o.requires_grad]
            reached = [x for x in leaves if x.requires_grad]
            try:
                torch.autograd.grad(
                    [o for o, _ in pairs],
                    reached,
                    [d for _, d in pairs],
                    allow_unused=True,
                    retain_graph=True,
                )
            except RuntimeError:
                if not returned:
                    raise  # else the engine refuses what the judge is to see
            return _as_tuple(returned.pop())

        return y, backward


def _as_tuple(grads):
    return tuple(grads) if isinstance(grads, tuple | list) else (grads,)


def _are_names(params):
    return all(isinstance(name, str) for pair in params.items() for name in pair)


def _is_layer(subject):
    """Whether it has a backward of dy alone, and so keeps what its forward saw."""
    if not (hasattr(subject, "forward") and hasattr(subject, "backward")):
        return False
    if isinstance(subject, type):
        return False
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(subject.backward).parameters.values()
    return len([p for p in parameters if p.kind in kinds]) == 1


def _is_our_layer(layer):
    from handgrad.layers import Layer

    return isinstance(layer, Layer)


def is_torch_function(cls):
    return any(base.__module__.startswith("torch.autograd") for base in cls.__mro__)


def _may_be_jax(function):
    """Whether JAX may be able to trace it: a NumPy ufunc or a torch module it is surely not."""
    return type(function).__module__.partition(".")[0] not in {"numpy", "torch"}


def _recorded(function, returned):
    """The torch Function, with what its backward returns put into a list as well."""

    def backward(ctx, *dy):
        grads = function.backward(ctx, *dy)
        returned.append(grads)
        return grads

    return type(function.__name__, (function,), {"backward": staticmethod(backward)})


def _named(function):
    return getattr(function, "__name__", repr(function))
