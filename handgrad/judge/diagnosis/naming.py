"""Words: the names of inputs, numbers and lists, as a diagnosis says them."""

import inspect


def parameter_names(subject):
    """The names of a subject's inputs, as far as its forward gives them."""
    for function, skipped in _forwards(subject):
        try:
            parameters = list(inspect.signature(function).parameters.values())[skipped:]
        except (TypeError, ValueError):
            return []
        usual = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        names = [p.name for p in parameters if p.kind in usual]
        known = getattr(subject, "params", None)
        return [*names, *known] if known else names
    return []


def _forwards(subject):
    """The function that computes the forward, and how many of its parameters are no inputs."""
    held = vars(subject)
    if "rule" in held:
        yield held["rule"].forward, 0
    elif "layer" in held:
        yield held["layer"].forward, 0
    elif isinstance(held.get("function"), type):  # a torch Function: forward(ctx, *inputs)
        yield held["function"].forward, 1
    elif "function" in held:
        yield held["function"], 0


def input_name(trial, i):
    """Input 0, with the name of the parameter."""
    names = parameter_names(trial.subject)
    return f"input {i} ({names[i]})" if i < len(names) else f"input {i}"


def gradients_of(trial, which):
    """The subject of a sentence: the gradient of input 0, or the gradients of inputs 0 and 1."""
    if len(which) == 1:
        return f"the gradient of {input_name(trial, which[0])}"
    return f"the gradients of {listed([input_name(trial, i) for i in which])}"


def stated(trial, which, words):
    """A sentence: the gradients of these inputs, and what they do."""
    if len(which) > 1:
        verb = words.partition(" ")[0].rstrip(",")
        words = PLURAL.get(verb, verb) + words[len(verb) :]
    return f"{gradients_of(trial, which)} {words}"


PLURAL = {
    "is": "are",
    "has": "have",
    "runs": "run",
    "lacks": "lack",
    "loses": "lose",
    "depends": "depend",
    "accumulates": "accumulate",
    "changes": "change",
}


def listed(items, joint="and"):
    """a, b and c"""
    items = list(map(str, items))
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {joint} {items[-1]}"


def rounded(x):
    """A number with as few digits as say what it is."""
    texts = [f"{x:.{digits}g}" for digits in range(1, 11)]
    return next((t for t in texts if abs(float(t) - x) <= 1e-9 * abs(x)), texts[-1])


def percent(left):
    """How much of the squared error is explained, when this share of it is left."""
    return f"explains {100 * (1 - left):.4g} % of the error"
