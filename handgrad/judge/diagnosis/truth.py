"""The right gradients of a subject, wherever they are asked for, and the tape they come from."""

from functools import cached_property
from typing import Any

import numpy as np

from handgrad.common.precision import unit_of
from handgrad.judge.automatic import Automatic
from handgrad.judge.diagnosis.jacobian import jacobians
from handgrad.judge.diagnosis.jax_tape import Program
from handgrad.judge.diagnosis.retrace import retraced
from handgrad.judge.diagnosis.torch_tape import TorchProgram
from handgrad.judge.numbers import direction, project
from handgrad.judge.numerical import CERTAIN
from handgrad.judge.trial import is_finite, largest

FEW, MANY = 6, 60  # Jacobians by numbers
AFFORDABLE = 300  # numbers whose derivatives are taken one by one


class Truth:
    """The right gradients: by JAX where it can differentiate the forward, else by numbers."""

    def __init__(self, trial, automatic=None, *, fine=False):
        self.trial, self.automatic, self.fine = trial, automatic, fine
        self.known = {}  # Jacobians by numbers, by the inputs they are at

    def __call__(self, inputs=None, dy=None):
        """The gradients of the real inputs by position, or None if they cannot be had."""
        inputs = self.trial.inputs if inputs is None else inputs
        dy = self.trial.dy if dy is None else dy
        try:
            grads = self._oracle_at(inputs)(inputs, dy) if self.oracle else None
            self.trial.forget_tracing()
        except Exception:
            return None
        return grads if grads and is_finite(grads.values()) else None

    @cached_property
    def oracle(self):
        """The first that agrees with a directional derivative."""
        small = sum(x.size for x in self.trial.real_inputs) <= AFFORDABLE
        ordinary = self.trial.origin is None and small and not self.fine
        traced = (self._by_automatic, self._by_retracing, self._by_tape)
        order = (self._by_automatic, self._by_numbers) if ordinary else traced
        for oracle in (*order, *((self._by_numbers,) if small and not ordinary else traced[1:])):
            try:
                grads = oracle(self.trial.inputs, self.trial.dy)
            except Exception:
                continue
            if grads and self._is_plausible(grads):
                return oracle
        return None

    def _oracle_at(self, inputs) -> Any:
        """Numbers are dear where there is no Jacobian yet: after a few, JAX goes on."""
        if self.oracle != self._by_numbers or len(self.known) < FEW or _key(inputs) in self.known:
            return self.oracle
        try:
            self._by_retracing(self.trial.inputs, self.trial.dy)
        except Exception:
            if len(self.known) >= MANY:
                raise
            return self.oracle
        return self._by_retracing

    @property
    def accuracy(self):
        """The share of a gradient's size to which it is known."""
        unit = max(unit_of(y.dtype) for y in self.trial.y)
        if unit > 1e-15:
            return unit**0.5
        return 1e-9 if self.oracle == self._by_numbers else 1e-13

    @cached_property
    def program(self) -> Any:
        """What makes tapes of the forward, or None."""
        for make in (self._own_program, self._retraced_program, self._torch_program):
            try:
                program = make()
                tape = program.tape(self.trial.inputs)
                grads = tape.split(tape.of_inputs(tape.gradients(self.trial.dy)))
            except Exception:
                continue
            right = self()
            if right is not None and all(close(grads[i], dx) for i, dx in right.items()):
                return program
        return None

    def tape(self, inputs):
        return self.program.tape(inputs)

    def _is_plausible(self, grads):
        if not is_finite(grads.values()):
            return False
        found = project(self.trial, grads, direction(self.trial, "truth"))
        return (
            found.agrees or found.at_a_kink or found.error <= CERTAIN * found.bar or not found.known
        )

    def _by_automatic(self, inputs, dy):
        return self.automatic(inputs, dy)[1] if self.automatic else None

    def _by_retracing(self, inputs, dy):
        outputs, grads = self._retraced(inputs, dy)
        if not _alike(outputs, self.trial.forward(inputs)):
            raise ValueError("traced at other inputs, it gives another value here")
        return grads

    def _by_tape(self, inputs, dy):
        tape = self._torch_program().tape(inputs)
        return tape.split(tape.of_inputs(tape.gradients(dy)))

    @cached_property
    def _retraced(self):
        if self.trial.library != "numpy":
            raise TypeError("only NumPy code is traced again")
        forward = retraced(self.trial.subject, self.trial.inputs)
        return Automatic(forward, self.trial.real)

    def _by_numbers(self, inputs, dy):
        key = _key(inputs)
        if key not in self.known:
            self.known[key] = {i: jacobians(self.trial.forward, inputs, i) for i in self.trial.real}
        return {
            i: sum(
                np.tensordot(part, d.astype(float), d.ndim)
                for part, d in zip(parts, dy, strict=True)
            )
            for i, parts in self.known[key].items()
        }

    def _own_program(self):
        if self.automatic is None:
            raise LookupError("there is no function for JAX")
        return Program(self.automatic.reference, self.trial.inputs, self.trial.real)

    def _retraced_program(self):
        if self.trial.library != "numpy":
            raise TypeError("only NumPy code is traced again")
        forward = retraced(self.trial.subject, self.trial.inputs)
        return Program(forward, self.trial.inputs, self.trial.real)

    def _torch_program(self):
        if self.trial.library != "torch":
            raise TypeError("only torch's functions have its tape")
        return TorchProgram(self.trial.subject.function, self.trial.real)


def _key(inputs):
    return tuple((x.shape, x.tobytes()) for x in inputs)


def _alike(some, others):
    return all(close(a, b) for a, b in zip(some, others, strict=True))


def close(a, b, tolerance=1e-6):
    """Whether two arrays agree but for their last digits."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    return bool(np.all(np.abs(a - b) <= tolerance * max(largest(b), 1e-300)))
