"""Power: could this check have seen an error? The subject's gradients, spoiled, must be rejected.

The mutants are made of gradients that were computed already, and are held against the same oracles:
they cost no evaluation.
"""

import math

import numpy as np

from handgrad.judge.compare import CONFIDENCE, SLACK
from handgrad.judge.trial import largest
from handgrad.judge.verdict import Finding, Status

MISSED = 1e-3  # the probability with which the smallest error stated would be missed
MANY = 20_000  # numbers in the inputs: for more, it is not measured what rounding makes of them
ARGUMENTS = 4  # times the rounding inside of JAX's program: with that of its arguments, at most
ROUGHLY = 10  # times what is allowed by size: what rounding makes of ordinary gradients, too
CHANCE = 0.8  # a normal number is within ±t of 0 with a probability of at most 0.8 t


def measure(verdict, trial, projections, expected, oracle):
    """Put into the verdict which mutants were seen at a trial, and how small an error would be."""
    seen, made = verdict.mutants
    limits = None if expected is None else _limits(trial, expected, oracle)
    for name, spoiled in mutants(trial.grads):
        if equivalent(trial, spoiled, trial.grads):
            continue
        made += 1
        if rejected(trial, spoiled, projections, expected, limits):
            seen += 1
        else:
            verdict.escaped.append(name)
    verdict.mutants = seen, made
    smallest = smallest_error_seen(trial, projections, limits)
    if smallest is not None:
        verdict.sees = max(verdict.sees or 0.0, smallest)


def doubt(verdict, *, moved):
    """The finding that agreement is worth nothing, or None; `moved` if any gradient was not 0."""
    if not moved:
        return Finding(Status.VACUOUS, "power", "every gradient is 0, up to rounding")
    seen, made = verdict.mutants
    if made and not seen:
        says = "no error was seen of those made on purpose"
        return Finding(Status.INCONCLUSIVE, "power", says)
    return None


def mutants(grads):
    """(name, gradients) for each way to spoil them that changes them."""
    for name, change in CHANGES.items():
        spoiled = {i: change(dx) for i, dx in grads.items()}
        if any(not np.array_equal(spoiled[i], grads[i]) for i in grads):
            yield name, spoiled
    for i in grads if len(grads) > 1 else ():
        if np.any(grads[i]):
            yield f"no gradient of input {i}", grads | {i: 0 * grads[i]}


def rejected(trial, spoiled, projections, expected, limits):
    """Whether the oracles that passed the gradients reject the spoiled ones."""
    grads = trial.grads
    for projection in projections:
        pairs = zip(trial.real, projection.direction, strict=True)
        moved = math.fsum(float(np.sum((spoiled[i] - grads[i]) * u)) for i, u in pairs)
        if abs(moved) > 2 * projection.bar:
            return True
    if expected is None:
        return False
    return any(np.any(np.abs(spoiled[i] - expected[i]) > limits[i]) for i in grads)


def equivalent(trial, spoiled, grads):
    """Whether a mutant differs from the gradients by no more than rounding."""
    return all(
        np.all(np.abs(spoiled[i] - dx) <= SLACK * (trial.scale(i) + np.abs(dx)))
        for i, dx in grads.items()
    )


def smallest_error_seen(trial, projections, limits):
    """The smallest error of a single number, as a share of the gradient's size, that would show.

    JAX sees every number; a projection misses a small error with a probability, which is MISSED
    for all of them together.
    """
    if limits is not None:
        sizes = {i: trial.size(i) for i in trial.grads}
        return max((limits[i] / s for i, s in sizes.items() if s), default=None)
    found = []
    for i in trial.real:
        moves = [(p.bar, np.abs(p.direction[trial.real.index(i)])) for p in projections]
        own = trial.size(i)
        sizes = [bar / (float(np.mean(u)) * own) for bar, u in moves if own and np.any(u)]
        sizes = [size for size in sizes if math.isfinite(size)]
        if sizes:
            typical = math.exp(sum(map(math.log, sizes)) / len(sizes))
            found.append(CHANCE * typical / MISSED ** (1 / len(sizes)))
    return max(found, default=None)


def _in_one_number(times):
    def change(dx):
        spoiled = np.array(dx)
        if spoiled.size:
            spoiled.flat[np.argmax(np.abs(spoiled))] *= times
        return spoiled

    return change


CHANGES = {
    "zero": lambda dx: 0 * dx,
    "the sign turned": lambda dx: -dx,
    "twice": lambda dx: 2 * dx,
    "half": lambda dx: dx / 2,
    "a thousandth more": lambda dx: dx * (1 + 1e-3),
    "a millionth more": lambda dx: dx * (1 + 1e-6),
    "one number a thousandth more": _in_one_number(1 + 1e-3),
    "one number missing": _in_one_number(0),
    "positive": np.abs,
    "moved by one": lambda dx: np.roll(dx, 1),
    "backwards": np.flip,
    "averaged": lambda dx: dx * 0 + np.mean(dx) if dx.size else dx,
    "in float32": lambda dx: dx.astype(np.float32).astype(dx.dtype),
}


def _limits(trial, expected, oracle):
    """How far each gradient may be from JAX's: by its size, and by what rounding makes of it."""
    limits = {i: SLACK * max(trial.scale(i), largest(expected[i])) for i in trial.grads}
    if sum(x.size for x in trial.inputs) > MANY:
        return {i: ROUGHLY * limit for i, limit in limits.items()}
    inside = oracle.noise(trial.inputs, trial.dy)[1]
    return {i: limit + ARGUMENTS * CONFIDENCE * largest(inside[i]) for i, limit in limits.items()}
