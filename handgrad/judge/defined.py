"""Where the forward is defined: where it gives no number, nothing can be asked of its backward."""

import numpy as np

from handgrad.judge.libraries import is_floating
from handgrad.judge.special import is_sound, trial_at
from handgrad.judge.trial import is_finite


def nowhere(trial):
    """A sentence if the outputs hold numbers, and none of them is finite; "" otherwise."""
    outputs = [y.astype(float) for y in trial.y if y.size]
    if not outputs or any(np.any(np.isfinite(y)) for y in outputs):
        return ""
    values = sorted({str(value) for y in outputs for value in np.unique(y).tolist()})
    return f"forward gives {' and '.join(values)} everywhere: pass inputs at which it is finite"


def elsewhere(trial):
    """A trial at the inputs, with others of their numbers where forward is not finite; or None."""
    if is_finite(trial.y):
        return None
    inputs = trial.with_real([_replaced(trial, i) for i in trial.real])
    at = trial_at(trial, inputs)
    return at if at is not None and is_sound(at) else None


def _replaced(trial, i):
    """Input i: a number goes if an output at its place, or its gradient, is not finite."""
    x = trial.inputs[i].copy()
    arrays = [a for a in (*trial.y, trial.grads.get(i, x)) if a.shape == x.shape]
    kept = np.all([np.isfinite(a.astype(float)) for a in arrays if is_floating(a.dtype)], axis=0)
    if np.any(kept):
        x[~kept] = np.resize(x[kept], np.count_nonzero(~kept))
    return x
