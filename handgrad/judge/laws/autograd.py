"""What torch asks of a Function besides: a part of its gradients, and tangents."""

import numpy as np

from handgrad.judge.calls import contained
from handgrad.judge.compare import ROUNDINGS, breach, differences
from handgrad.judge.libraries import as_numpy, to_library
from handgrad.judge.subjects.torch import TorchFunction


def each_gradient_can_be_asked_for(trial):
    """Whichever gradients are asked for, they are what they are together (needs_input_grad)."""
    if not isinstance(trial.subject, TorchFunction) or len(trial.grads) < 2:
        return
    for i in trial.grads:
        others = [k for k in trial.grads if k != i]
        for asked in ([i], others):
            grads = trial.on(trial.subject.asking(asked)).vjp()
            for k in asked:
                which = "alone" if asked == [i] else f"without that of input {i}"
                if grads[k] is None:
                    yield breach(
                        f"the gradient of {{input}} is None when it is asked for {which}", k
                    )
                else:
                    what = f"is another when it is asked for {which}"
                    yield from differences(trial, {k: _plain(grads[k])}, trial.grads, what)


def tangents_agree(trial):
    """⟨dy, jvp(u)⟩ is ⟨vjp(dy), u⟩, where a Function has a jvp of its own."""
    if not isinstance(trial.subject, TorchFunction):
        return
    rng = trial.generator("tangents")
    moves = [rng.normal(size=x.shape).astype(x.dtype) for x in trial.inputs]
    given = [to_library(x, "torch") for x in trial.inputs]
    tangents = [to_library(u, "torch") if i in trial.grads else None for i, u in enumerate(moves)]
    pushed = trial.subject.pushed(given, tangents)
    if pushed is None:
        return
    terms = [d * _plain(t) for d, t in zip(trial.dy, pushed, strict=True) if t is not None]
    ahead = sum(float(np.sum(t)) for t in terms)
    back = sum(float(np.sum(dx * moves[i])) for i, dx in trial.grads.items())
    size = sum(float(np.sum(np.abs(t))) for t in terms) + abs(back)
    if abs(ahead - back) > ROUNDINGS * trial.unit * size:
        share = ahead / back if back else np.inf
        yield breach(f"jvp is not the transpose of backward: it gives {share:.4g} times as much")


@contained
def _plain(x):
    return as_numpy(x)
