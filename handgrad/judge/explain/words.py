"""Words: the names of inputs, numbers and lists, as a diagnosis says them."""

import numpy as np

from handgrad.common.text import listed
from handgrad.judge.trial import largest

PLURAL = {"is": "are", "has": "have", "lacks": "lack", "loses": "lose", "runs": "run"}
PLURAL |= {"depends": "depend", "accumulates": "accumulate", "changes": "change"}


def input_name(trial, i):
    """Input 0, with the name of the parameter."""
    name = trial.name(i)
    return name if name.startswith("input ") else f"input {i} ({name})"


def stated(trial, which, words):
    """A sentence: the gradients of these inputs, and what they do."""
    if len(which) == 1:
        return f"{of_gradients(trial, which)} {words}"
    verb = words.partition(" ")[0].rstrip(",")
    return f"{of_gradients(trial, which)} {PLURAL.get(verb, verb)}{words[len(verb) :]}"


def of_gradients(trial, which):
    """The gradient of input 0, or the gradients of input 0 and input 1."""
    names = listed([input_name(trial, i) for i in which])
    return f"the gradient{'' if len(which) == 1 else 's'} of {names}"


def close(a, b, tolerance=1e-6):
    """Whether two arrays agree but for their last digits."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    return bool(np.all(np.abs(a - b) <= tolerance * max(largest(b), 1e-300)))


def rounded(x):
    """A number with as few digits as say what it is."""
    texts = [f"{x:.{digits}g}" for digits in range(1, 11)]
    return next((t for t in texts if abs(float(t) - x) <= 1e-9 * abs(x)), texts[-1])


def axes_named(axes):
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"
