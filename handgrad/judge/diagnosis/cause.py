"""The diagnosis of a trial that failed."""

from functools import partial

import numpy as np

from handgrad.judge.diagnosis.hypotheses import any_factor, hypotheses
from handgrad.judge.diagnosis.places import wrong_places
from handgrad.judge.diagnosis.terms import dropped_terms
from handgrad.judge.diagnosis.truth import retraced, true_gradients
from handgrad.judge.diagnosis.upstream import misuse_of_dy
from handgrad.judge.libraries import as_numpy

EXPLAINED = 0.999  # of the squared error
LINEARITY = {"zero gives zero", "scaling passes through", "sums pass through"}
STATEFUL = {
    "results stay",
    "calls do not matter",
    "forwards do not mix",
    "the past does not matter",
}
STATE = "state is kept: the result depends on other calls"


def diagnose(trial, checks, automatic=None):
    """A sentence on what is wrong with the gradients of a trial, or "".

    `checks` are the names of those that it failed.
    """
    looks = [_shapes]
    if checks & LINEARITY:
        looks.append(misuse_of_dy)
    looks.append(partial(_values, automatic=automatic))
    for look in looks:
        try:
            sentence = look(trial)
        except Exception:
            continue  # what cannot be computed explains nothing
        if sentence:
            return sentence
    return STATE if checks & STATEFUL else ""


def _shapes(trial):
    """What a gradient of a wrong shape is."""
    for i, dx in enumerate(trial.first):
        if i not in trial.real or dx is None:
            continue
        shape, wanted = as_numpy(dx).shape, trial.inputs[i].shape
        if shape == wanted:
            continue
        if any(shape == y.shape for y in trial.y) and len(shape) >= len(wanted):
            return (
                f"the gradient of input {i} has the shape of the output: the sum over the axes "
                "along which the input was stretched is missing"
            )
        if sorted(shape) == sorted(wanted):
            return f"the gradient of input {i} is transposed: its shape is {shape}, not {wanted}"
        return f"the gradient of input {i} has the shape {shape} and not {wanted}"
    return ""


def _values(trial, automatic):
    right = true_gradients(trial, automatic)
    if right is None:
        return ""
    sentences = []
    for i in trial.grads:
        sentence = _of_input(i, trial, right)
        if sentence:
            sentences.append(f"the gradient of input {i} {sentence}")
    if sentences and not any("places" in s or "wrong" in s for s in sentences):
        return "; ".join(sentences)
    try:
        dropped = _of_terms(trial, automatic or retraced(trial))
    except Exception:
        dropped = ""  # not every program can be run piece by piece
    return dropped or "; ".join(sentences)


def _of_input(i, trial, right):
    """The simplest hypothesis about the gradient of one input, or "" if it is right."""
    wrong, g = trial.grads[i].astype(float), right[i]
    size = max(float(np.max(np.abs(g), initial=0.0)), trial.scale(i))
    if wrong.shape == g.shape and np.all(np.abs(wrong - g) <= 1e-13 * size):
        return ""
    if _is_of_an_earlier_call(i, wrong, trial):
        return "is the one of an earlier call, at other inputs: state is kept"
    return (
        _best(wrong, g, hypotheses(i, wrong, right, trial))
        or (_one_of_many(i, wrong, g, trial) if wrong.shape == g.shape else "")
        or wrong_places(i, wrong, g, trial)
        or _best(wrong, g, any_factor(wrong, g))
        or _unexplained(wrong, g, size)
    )


def _best(wrong, right, guesses):
    """The first guess that explains the error, in words; "" if none does."""
    for sentence, guess in guesses:
        if share := _explained(wrong, right, guess):
            return f"{sentence} ({share})"
    return ""


def _unexplained(wrong, right, size):
    off = float(np.max(np.abs(wrong - right))) / (size or 1.0)
    return f"is wrong, by up to {off:.1e} of its size, in no simple way"


def _is_of_an_earlier_call(i, wrong, trial):
    earlier = trial.origin.grads.get(i) if trial.origin is not None else None
    return earlier is not None and np.any(wrong) and np.array_equal(earlier, wrong)


def _explained(wrong, right, guess):
    """How much of the squared error a guess explains, in words; "" if too little."""
    if guess.shape != wrong.shape or not np.all(np.isfinite(wrong)):
        return ""
    error = float(np.sum((wrong - right) ** 2)) if wrong.shape == right.shape else np.inf
    left = float(np.sum((wrong - guess) ** 2))
    if wrong.shape != right.shape:
        return "all of the error" if left <= 1e-18 * float(np.sum(wrong**2)) else ""
    if not error or left > (1 - EXPLAINED) * error:
        return ""
    return f"explains {100 * (1 - left / error):.4g} % of the error"


def _one_of_many(i, wrong, right, trial):
    """Whether, of the terms that a stretched input's gradient sums, only some are there."""
    x = trial.inputs[i]
    for y in trial.y:
        if x.shape == y.shape or x.ndim > y.ndim:
            continue
        try:
            stretched = list(trial.inputs)
            stretched[i] = np.broadcast_to(x, y.shape)
            whole = true_gradients(trial.at(tuple(stretched), trial.dy))
        except Exception:
            continue
        if whole is None or whole[i].shape != y.shape:
            continue
        axes = tuple(range(y.ndim - x.ndim))
        for k, word in ((0, "first"), (-1, "last")):
            one = whole[i][(k,) * len(axes)]
            if one.shape == wrong.shape and (share := _explained(wrong, right, one)):
                return f"is that of the {word} row alone: the sum over axis 0 is missing ({share})"
    return ""


def _of_terms(trial, automatic):
    """Whether a path of the chain rule is left out, in the gradients of all inputs alike."""
    if not automatic:
        return ""
    for sentence, guess in dropped_terms(automatic, trial):
        wrong = {i: dx.astype(float) for i, dx in trial.grads.items()}
        if all(
            np.max(np.abs(wrong[i] - guess[i]), initial=0.0) <= 1e-9 * (trial.scale(i) or 1.0)
            for i in wrong
        ):
            return f"the gradient {sentence}"
    return ""
