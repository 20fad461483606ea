"""Number by number: gradients and outputs, held against an oracle's."""

import numpy as np

from handgrad.judge.laws.tolerance import CONFIDENCE, noise
from handgrad.judge.noise import MOVED, noise_floor
from handgrad.judge.numerical import UNIT
from handgrad.judge.trial import largest

SLACK = 1e-13  # of a gradient's natural size; correct rules come to about 1e-15
TINY = 1e-290  # so near to the smallest numbers that there are, digits run out


def gradient_error(trial, grads, expected, i, automatic):
    """How far the gradient of input i is off, as a share of its size, and where; (0, None) if not.

    The noise that one rounding of the arguments makes is looked at only where it matters.
    """
    size = max(trial.scale(i), _largest(expected[i]))
    usual = trial.origin.scale(i) if trial.origin else 0.0  # an oracle rounds numbers of this size
    slack = SLACK * max(size, usual)
    error, where = _worst(grads[i], expected[i], slack)
    if where is not None:
        floor = noise(trial, i) + CONFIDENCE * _noise_of(automatic, trial)[i]
        error, where = _worst(grads[i], expected[i], slack + floor)
    return _share(error, size), where


def output_error(trial, outputs, expected, k, automatic):
    """The same for output k."""
    size = _largest(expected[k])
    error, where = _worst(outputs[k], expected[k], SLACK * size)
    if where is not None:
        own = _noise(_outputs(trial), trial.inputs, trial)[k]
        theirs = _noise(lambda xs: automatic(xs, trial.dy)[0], trial.inputs, trial)[k]
        floor = CONFIDENCE * (own + theirs)
        error, where = _worst(outputs[k], expected[k], SLACK * size + floor)
    return _share(error, size), where


def _outputs(trial):
    return lambda xs: tuple(y.astype(float) for y in trial.forward(tuple(xs)))


def _noise_of(automatic, trial):
    """The noise of the oracle's own gradients."""
    count = len(trial.inputs)

    def gradients(arrays):
        return tuple(automatic(arrays[:count], arrays[count:])[1].values())

    floors = _noise(gradients, (*trial.inputs, *trial.dy), trial)
    return dict(zip(automatic.real, floors, strict=True))


def _noise(evaluate, arrays, trial):
    return noise_floor(evaluate, arrays, UNIT, trial.seed, MOVED)


def _worst(actual, wanted, allowed):
    """The largest error, and its index if any is larger than allowed. The same infinity is right."""
    with np.errstate(all="ignore"):
        off = np.where(actual == wanted, 0.0, np.abs(actual.astype(float) - wanted))
        off = np.where(np.isnan(off), np.inf, off)
        beyond = (off > allowed + TINY) | (off == np.inf)
    if not off.size:
        return 0.0, None
    where = np.unravel_index(np.argmax(np.where(beyond, off, -1.0)), off.shape)
    largest = float(np.max(off))
    return (largest if largest > TINY else 0.0), tuple(map(int, where)) if np.any(beyond) else None


def _share(error, size):
    return error / size if size else error and np.inf


def _largest(x):
    return largest(x[np.isfinite(x)])
