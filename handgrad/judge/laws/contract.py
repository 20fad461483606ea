"""What a caller may rely on: shapes, dtypes and finite numbers."""

import numpy as np

from handgrad.judge.calls import contained
from handgrad.judge.compare import breach
from handgrad.judge.libraries import as_numpy, is_floating

HELD = "if it is meant to have none, say const of it in `domains`"
WIDER = ": is a constant np.float64, which float(…) would make a number of Python?"


def gradients_fit_their_inputs(trial):
    """One gradient per input, of its shape and dtype, finite; None for what has no gradient."""
    grads = trial.first
    if not isinstance(grads, tuple) or _are_too_few(trial, grads):
        returned = f"{len(grads)} gradients" if isinstance(grads, tuple) else type(grads).__name__
        count = len(trial.inputs)
        several = f"{count} inputs" if count > 1 else "1 input"
        yield breach(f"backward returned {returned} for {several}: return a tuple of as many")
        return
    for i, (dx, x) in enumerate(zip(grads, trial.inputs, strict=False)):
        if i in trial.real:
            yield from _misfits(trial, i, dx)
        elif not (_is_nothing(dx) or _is_forgiven(trial, i)):
            says = f"{{input}} is {x.dtype} and can have no gradient, but one was returned: pass floats"
            yield breach(says, i)


def _are_too_few(trial, grads):
    if not trial.subject.reentrant:
        return not 0 < len(grads) <= len(trial.inputs)
    return len(grads) != len(trial.inputs)


@contained
def _misfits(trial, i, dx):
    x = trial.inputs[i]
    if dx is None:
        return [breach("the gradient of {input} is None: " + HELD, i)]
    dx = as_numpy(dx)
    if dx.shape != x.shape:
        says = f"the gradient of {{input}} has the shape {dx.shape}, the input {x.shape}"
    elif dx.dtype != x.dtype:
        says = f"the gradient of {{input}} is {dx.dtype}, the input {x.dtype}"
        if trial.library == "numpy" and dx.dtype == np.result_type(*trial.real_inputs):
            return [breach(f"{says}: NumPy makes it as wide as the widest of all", i).as_note()]
    elif not np.all(np.isfinite(dx.astype(float))):
        says = "the gradient of {input} is not finite"
    else:
        return []
    return [breach(says, i, sized=dx.shape != x.shape)]


def _is_forgiven(trial, i):
    """Autograd gives a gradient of all that it is asked for, also of what the rule holds constant."""
    return i in trial.subject.silent and not trial.subject.strict


@contained
def _is_nothing(dx):
    """Whether it stands for no gradient: None, JAX's float0, or zeros."""
    if dx is None:
        return True
    dx = as_numpy(dx)
    return dx.dtype.kind == "V" or not np.any(dx)


def precision_is_kept(trial):
    """float32 in, float32 out. (Other code than a rule may have constants of its own.)

    A note, for the inputs given were float64. At inputs of float32 a misfit is none.
    """
    if not trial.subject.strict or any(trial.inputs[i].dtype != np.float64 for i in trial.real):
        return
    inputs = trial.in_single
    for y in trial.forward(inputs):
        if is_floating(y.dtype) and y.dtype != np.float32:
            yield breach(f"float32 inputs give a {y.dtype} output{WIDER}").as_note()
    for i, dx in trial.real_vjp([d.astype(np.float32) for d in trial.dy], inputs).items():
        if dx.dtype != np.float32:
            says = f"float32 inputs give a {dx.dtype} gradient of {{input}}{WIDER}"
            yield breach(says, i).as_note()
