"""The right gradients of a trial, number by number: JAX's if it has an opinion, else numbers."""

import types

import numpy as np

from handgrad.judge.automatic import Automatic
from handgrad.judge.numbers import _forward
from handgrad.judge.numerical import Line, estimate

AFFORDABLE = 400  # numbers, each with a ladder of its own


def true_gradients(trial, automatic=None):
    """The right gradients by position, or None if they cannot be had."""
    for oracle in (automatic, retraced(trial)):
        if oracle:
            try:
                _, grads = oracle(trial.inputs, trial.dy)
            except Exception:
                continue
            if all(np.all(np.isfinite(dx)) for dx in grads.values()):
                return grads
    if sum(x.size for x in trial.real_inputs) > AFFORDABLE:
        return None
    return {i: _by_numbers(trial, i) for i in trial.real}


def retraced(trial):
    """The forward of a pair of NumPy functions, for JAX: its name for NumPy means jax.numpy."""
    function = getattr(trial.subject, "function", None)
    if trial.library != "numpy" or not isinstance(function, types.FunctionType):
        return None
    try:
        oracle = Automatic(_with_jax(function), trial.real)
        outputs, _ = oracle(trial.inputs, trial.dy)
    except Exception:
        return None
    close = all(
        np.allclose(a, b, rtol=1e-9, atol=1e-300) for a, b in zip(outputs, trial.y, strict=True)
    )
    return oracle if close else None


def _with_jax(function, depth=4):
    """A copy of a function, and of those that it calls, in which numpy is jax.numpy."""
    from jax import numpy as jnp

    def translated(value):
        if value is np:
            return jnp
        if depth and isinstance(value, types.FunctionType) and value.__module__ != "numpy":
            return _with_jax(value, depth - 1)
        return value

    names = {
        name: translated(value)
        for name, value in function.__globals__.items()
        if name in function.__code__.co_names
    }
    cells = tuple(types.CellType(translated(c.cell_contents)) for c in function.__closure__ or ())
    copied = types.FunctionType(
        function.__code__,
        function.__globals__ | names,
        function.__name__,
        function.__defaults__,
        cells,
    )
    copied.__kwdefaults__ = function.__kwdefaults__
    return copied


def _by_numbers(trial, i):
    grad = np.zeros(trial.inputs[i].shape)
    x = [a.astype(float) for a in trial.real_inputs]
    size = np.sqrt(np.mean(x[trial.real.index(i)] ** 2)) or 1.0
    for index in np.ndindex(grad.shape):
        u = [np.zeros(a.shape) for a in x]
        u[trial.real.index(i)][index] = size
        line = Line(_forward(trial), x, u, [d.astype(float) for d in trial.dy])
        grad[index] = estimate(line).value / size
    return grad
