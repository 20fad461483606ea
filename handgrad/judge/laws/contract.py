"""What a caller may rely on: shapes, dtypes and finite numbers."""

import numpy as np

from handgrad.judge.libraries import as_numpy, is_floating
from handgrad.judge.subjects import StatefulLayer


def gradients_fit_their_inputs(trial):
    """One gradient per input, of its shape and dtype, finite; None for what has no gradient."""
    grads = trial.first
    if not isinstance(grads, tuple) or _are_too_few(trial, grads):
        returned = f"{len(grads)} gradients" if isinstance(grads, tuple) else type(grads).__name__
        yield f"backward returned {returned} for {len(trial.inputs)} inputs, not a tuple of as many"
        return
    for i, (dx, x) in enumerate(zip(grads, trial.inputs, strict=False)):
        if i in trial.real:
            yield from _misfits(i, dx, x)
        elif not _is_nothing(dx):
            yield f"input {i} is {x.dtype} and can have no gradient, but one was returned"


def _are_too_few(trial, grads):
    if isinstance(trial.subject, StatefulLayer):
        return not 0 < len(grads) <= len(trial.inputs)
    return len(grads) != len(trial.inputs)


def _misfits(i, dx, x):
    if dx is None:
        yield f"the gradient of input {i} is None"
        return
    dx = as_numpy(dx)
    if dx.shape != x.shape:
        yield f"the gradient of input {i} has the shape {dx.shape}, the input {x.shape}"
    elif dx.dtype != x.dtype:
        yield f"the gradient of input {i} is {dx.dtype}, the input {x.dtype}"
    elif not np.all(np.isfinite(dx.astype(float))):
        yield f"the gradient of input {i} is not finite"


def _is_nothing(dx):
    """Whether it stands for no gradient: None, JAX's float0, or zeros."""
    if dx is None:
        return True
    dx = as_numpy(dx)
    return dx.dtype.kind == "V" or not np.any(dx)


def precision_is_kept(trial):
    """float32 in, float32 out. (Other code than a rule may have constants of its own.)"""
    if not trial.subject.strict or any(trial.inputs[i].dtype != np.float64 for i in trial.real):
        return
    inputs = trial.with_real([x.astype(np.float32) for x in trial.real_inputs])
    for y in trial.forward(inputs):
        if is_floating(y.dtype) and y.dtype != np.float32:
            yield f"float32 inputs give a {y.dtype} output"
    for i, dx in trial.real_vjp([d.astype(np.float32) for d in trial.dy], inputs).items():
        if dx.dtype != np.float32:
            yield f"float32 inputs give a {dx.dtype} gradient of input {i}"
