"""Checkers of gradients, at their defaults, each asked about one NumPy pair (f, vjp).

A checker is called with a `Case` and raises if it rejects the gradient, whatever it raises.
Integer and boolean inputs are constants. Where a checker needs dy, it draws its own. A `Count` of
its calls stands between the checker and the pair.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from tests.judge.zoo.operation import is_real
from tests.judge.zoo.witnesses import as_tuple, only

H = 1e-4  # the book's step
GOOD = 1e-7  # the book asserts nothing: so small a mean difference is accepted here
FORWARD, BACKWARD = 0, 1


class Rejection(contextlib.AbstractContextManager):
    """Takes what a checker raises, which may be anything; `reason` is "" if it accepts.

    A package that is not there rejects nothing: its ImportError is raised.
    """

    reason = ""

    def __exit__(self, kind, error, traceback):
        if not isinstance(error, Exception) or isinstance(error, ImportError):
            return False
        self.reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return True


@dataclass(frozen=True)
class Case:
    """`subject` is what handgrad.verify is given; the others are given f and vjp, made of it.

    `y` are outputs of the right shapes and dtypes, for the checkers that must state them first.
    """

    subject: Any
    inputs: tuple[np.ndarray, ...]
    y: tuple[np.ndarray, ...]
    seed: int

    @property
    def f(self):
        return self.subject[0] if isinstance(self.subject, tuple) else self.subject.forward

    @property
    def vjp(self):
        return self.subject[1] if isinstance(self.subject, tuple) else self._of_layer

    @property
    def real(self):
        """The positions of the inputs that have a gradient."""
        return tuple(i for i, x in enumerate(self.inputs) if is_real(x))

    def _of_layer(self, dy, *inputs):
        """The gradients of a layer with a memory: a forward, and its backward."""
        self.subject.forward(*inputs)
        return as_tuple(self.subject.backward(dy))


@dataclass
class Count:
    """The calls, and the numbers in their inputs: [forward, backward] of each."""

    calls: list[int] = field(default_factory=lambda: [0, 0])
    numbers: list[int] = field(default_factory=lambda: [0, 0])

    def add(self, part, numbers):
        self.calls[part] += 1
        self.numbers[part] += numbers

    def __deepcopy__(self, memo):
        """A copy of a subject counts on in the same place."""
        return self

    def watch(self, subject):
        """The pair or the layer, counted."""
        if not isinstance(subject, tuple):
            return Watched(subject, self)
        f, vjp = subject

        def forward(*inputs):
            self.add(FORWARD, size(inputs))
            return f(*inputs)

        def backward(dy, *inputs):
            self.add(BACKWARD, size(inputs))
            return vjp(dy, *inputs)

        return forward, backward


class Watched:
    """A layer with a memory, counted. It keeps no array: that would change which are alive."""

    def __init__(self, layer, count):
        self.layer, self.count, self.size = layer, count, 0

    def forward(self, *inputs):
        self.size = size(inputs)
        self.count.add(FORWARD, self.size)
        return self.layer.forward(*inputs)

    def backward(self, dy):
        self.count.add(BACKWARD, self.size)
        return self.layer.backward(dy)


def size(arrays):
    return sum(map(np.size, arrays))


def handgrad(case):
    """What the judge adds to its verdict; raises if it is not ok."""
    from handgrad import verify

    verdict = verify(case.subject, *case.inputs, seed=case.seed)
    if not verdict.ok:
        first, *_ = verdict.findings
        raise AssertionError(f"{first.status}, {first.check}: {first.message}")
    return verdict.evaluations, verdict.probes


def gradcheck(case):
    """torch.autograd.gradcheck: every entry of the Jacobian."""
    from torch.autograd import gradcheck

    gradcheck(_torch_function(case), _leaves(case))


def gradcheck_fast(case):
    """The same with fast_mode: one projection."""
    from torch.autograd import gradcheck

    gradcheck(_torch_function(case), _leaves(case), fast_mode=True)


def _torch_function(case):
    """A torch.autograd.Function in the memory of torch's own tensors."""
    import torch

    class Pair(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *inputs):
            ctx.save_for_backward(*inputs)
            y = case.f(*(x.detach().numpy() for x in inputs))
            return tuple(map(_tensor, y)) if isinstance(y, tuple) else _tensor(y)

        @staticmethod
        def backward(ctx, *dy):
            inputs = (x.detach().numpy() for x in ctx.saved_tensors)
            grads = case.vjp(only(tuple(d.numpy() for d in dy)), *inputs)
            return tuple(None if dx is None else _tensor(dx) for dx in grads)

    return Pair.apply


def _leaves(case):
    return tuple(_tensor(x).requires_grad_(is_real(x)) for x in case.inputs)


def _tensor(x):
    """In the same memory, but for negative strides, which torch does not have."""
    import torch

    x = np.asarray(x)
    return torch.from_numpy(x.copy() if any(stride < 0 for stride in x.strides) else x)


def check_grads(case):
    """jax.test_util.check_grads."""
    from jax.test_util import check_grads

    check_grads(*_custom_vjp(case), order=1, modes=("rev",))


def chex(case):
    """chex.assert_numerical_grads, which passes another tolerance to check_grads."""
    from chex import assert_numerical_grads

    assert_numerical_grads(*_custom_vjp(case), order=1, modes=("rev",))


def _custom_vjp(case):
    """A jax.custom_vjp of all the inputs, as a function of the real ones, and these.

    `jax.pure_callback` holds what NumPy returns to the shapes and dtypes that are stated here.
    """
    import jax

    jax.config.update("jax_enable_x64", True)  # float64 exists, and float32 stays what it is
    jax.clear_caches()  # they keep what was compiled for every pair before

    @jax.custom_vjp
    def pair(*inputs):
        stated = only(tuple(map(jax.typeof, case.y)))
        return jax.pure_callback(lambda *xs: case.f(*map(np.asarray, xs)), stated, *inputs)

    def backward(inputs, dy):
        stated = [jax.typeof(case.inputs[i]) for i in case.real]
        grads = jax.pure_callback(partial(_gradients, case), stated, as_tuple(dy), *inputs)
        found = dict(zip(case.real, grads, strict=True))
        return tuple(map(found.get, range(len(inputs))))

    def of_real(*xs):
        moved = dict(zip(case.real, xs, strict=True))
        return pair(*(moved.get(i, x) for i, x in enumerate(case.inputs)))

    pair.defvjp(lambda *inputs: (pair(*inputs), inputs), backward)
    return of_real, tuple(case.inputs[i] for i in case.real)


def _gradients(case, dy, *inputs):
    """One for each input, as custom_vjp wants them, and without those that are None."""
    grads = case.vjp(only(tuple(map(np.asarray, dy))), *map(np.asarray, inputs))
    return [dx for _, dx in zip(inputs, grads, strict=True) if dx is not None]


def hips(case):
    """autograd.test_util.check_grads, of all real inputs at once."""
    import autograd.numpy.random as npr
    from autograd.extend import defvjp_argnums, primitive
    from autograd.test_util import check_grads

    def gradients(argnums, ans, inputs, options):
        def backward(dy):
            grads = as_tuple(case.vjp(dy, *inputs))
            return tuple(grads[i] for i in argnums)

        return backward

    pair = primitive(case.f)
    defvjp_argnums(pair, gradients)
    npr.seed(case.seed)
    check_grads(pair, case.real, modes=["rev"], order=1)(*case.inputs)


def book(case):
    """The gradient check of the book: central differences, and the mean of their distances."""
    rng = np.random.default_rng(case.seed)
    dy = tuple(rng.normal(size=a.shape).astype(a.dtype) for a in case.y)

    def loss():
        return sum(np.sum(d * a) for d, a in zip(dy, as_tuple(case.f(*case.inputs)), strict=True))

    numerical = {i: _numerical_gradient(loss, case.inputs[i]) for i in case.real}
    grads = case.vjp(only(dy), *case.inputs)
    for i, slope in numerical.items():
        difference = np.average(np.abs(grads[i] - slope))
        if not difference <= GOOD:
            raise AssertionError(
                f"the gradient of input {i} differs by {difference:.1e} on average"
            )


def _numerical_gradient(loss, x):
    """(f(x + h) − f(x − h)) / 2h for one number of x after another, changed in place and put back."""
    slope = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        value = x[index]
        x[index] = value + H
        right = loss()
        x[index] = value - H
        slope[index] = (right - loss()) / (2 * H)
        x[index] = value
    return slope


CHECKERS: dict[str, Callable[[Case], Any]] = {
    "handgrad": handgrad,
    "torch gradcheck": gradcheck,
    "torch fast_mode": gradcheck_fast,
    "jax check_grads": check_grads,
    "chex": chex,
    "HIPS autograd": hips,
    "the book's": book,
}
