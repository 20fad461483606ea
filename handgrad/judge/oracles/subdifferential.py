"""Points without a derivative: is the gradient in the subdifferential there?

Clarke's subdifferential is the convex hull of the gradients at the points nearby. Those are
sampled, on all sides, and the gradient must lie among them: number by number, and in the plane
that they span. That plane is small if dy holds the outputs with the sharpest kinks alone.
"""

import contextlib
from itertools import pairwise

import numpy as np

from handgrad.judge.calls import CodeError
from handgrad.judge.oracles.directions import direction, project
from handgrad.judge.trial import largest, spread, typical
from handgrad.judge.verdict import Finding, Status

CHECK = "against the subdifferential"
STEP = 1e-5  # of the inputs' size
SLACK = 1e-4  # of the gradient's size: gradients at a distance of STEP differ by about STEP
SAMPLES = 12
RAMP = 10.0  # from the first number of an array to its last
SECOND_LOOKS = 3
SHARPEST = 3  # outputs
LONGER = 1e-2  # of the slope; f bends by about STEP besides
GROWN = 1e-6  # of itself a slope that diverges grows at every step; rounding is about 1e-9


def outside(trial, grads):
    """A finding if a gradient is outside the subdifferential, else None."""
    around = list(_around(trial))
    if not _right_beside(trial, around[-1]):
        return _wrong("the gradient is wrong beside a point without a derivative")
    near = list(_gradients(trial, around))
    for i in trial.real:
        stack = np.stack([g[i] for g in near]) if near else np.empty((0,))
        if len(stack) < 2 or not np.all(np.isfinite(stack)):
            continue
        slack = SLACK * max(trial.scale(i), largest(stack))
        if found := _element_outside(trial, grads[i], i, stack, slack):
            return found
    return _plane_left(trial, around) or _too_long(trial, around)


def diverges(trial, i, index):
    """Whether the slope along one number of input i has no finite limit on a side where f is."""
    x = trial.inputs[i].astype(float)
    size = typical(x)
    sides = [
        [_secant(trial, i, index, side * h * size) for h in (1e-3, 1e-5, 1e-7)] for side in (1, -1)
    ]
    inside = [slopes for slopes in sides if np.all(np.isfinite(slopes))]
    return not inside or any(map(_grows, inside))


def _grows(slopes):
    """Whether slopes go on without end: a limit would be nearer by a hundredth at every step."""
    first, second, third = slopes
    before, after = second - first, third - second
    least = max(abs(before) / 2, GROWN * abs(third))
    return before * after > 0 and abs(after) >= least


def _around(trial):
    """Small moves of all real inputs: up, down, rising and falling along the axes, and random.

    Each is a little irregular, so that no tie is left.
    """
    rng = trial.generator("kink")

    def moves(manner):
        return [STEP * _size(x) * (manner(x) + 0.1 * rng.random(x.shape)) for x in xs]

    xs = trial.real_inputs
    for sign in (1, -1):
        yield moves(lambda x, s=sign: s * np.ones(x.shape))
        yield moves(lambda x, s=sign: s * (1 + _ramp(x, "C")))
        yield moves(lambda x, s=sign: s * (1 + _ramp(x, "F")))
        yield moves(lambda x, s=sign: s * (_ramp(x, "C") - RAMP - 1))
    for _ in range(SAMPLES):
        yield moves(lambda x: rng.normal(size=x.shape))


def _ramp(x, order):
    return np.arange(x.size).reshape(x.shape, order=order) / max(x.size, 1) * RAMP


def _right_beside(trial, moves):
    """Whether numbers agree with the gradient at a point nearby, where there is a derivative."""
    try:
        beside = trial.at(_moved(trial, moves))
        found = project(beside, beside.grads, direction(beside, "beside"))
    except CodeError:
        return True  # there is nothing to compare
    return found.agrees or not found.known or found.at_a_kink


def _moved(trial, moves):
    return trial.with_real([x + m for x, m in zip(trial.real_inputs, moves, strict=True)])


def _gradients(trial, moves, dy=None):
    """The gradients after each of some moves; nothing of those that the subject does not take."""
    for move in moves:
        with contextlib.suppress(CodeError):
            yield trial.real_vjp(dy, _moved(trial, move))


def _element_outside(trial, dx, i, stack, slack):
    low, high = stack.min(axis=0), stack.max(axis=0)
    beyond = np.array(np.maximum(low - dx, dx - high))
    for _ in range(SECOND_LOOKS):
        if not np.any(beyond > slack):
            return None
        index = np.unravel_index(np.argmax(beyond), beyond.shape)
        slopes = [*stack[(slice(None), *index)]]
        nearby = (*_beside(trial, (i, index)), *_shaken(trial, index))
        slopes += [near[i][index] for near in _gradients(trial, nearby)]
        values = _distinct(slopes, slack)
        spread = values[-1] - values[0] if len(values) > 2 else 0.0  # several kinks meet here
        if not values[0] - spread - slack <= dx[index] <= values[-1] + spread + slack:
            limits = f"{values[0]:.4g} to {values[-1]:.4g}"
            says = (
                f"the gradient of {{input}} is {dx[index]:.4g}{{at}}, outside the subdifferential"
            )
            place = tuple(map(int, index))
            return _wrong(f"{says} from {limits}", i, place).by(CHECK, trial.subject.names)
        beyond[index] = 0.0
    return None


def _wrong(says, i=None, index=(), size=None):
    return Finding(Status.WRONG, CHECK, says, i, index=index, size=size)


def _beside(trial, place):
    """Moves of one number alone, up or down, and of the others hardly."""
    rng, (i, index) = trial.generator("look"), place
    for side in (1, -1):
        still = (0.01 * STEP * _size(x) * rng.random(x.shape) for x in trial.real_inputs)
        moves = list(map(np.array, still))
        moves[trial.real.index(i)][index] = side * STEP * _size(trial.inputs[i])
        yield moves


def _shaken(trial, name):
    """More moves of all: of three numbers that tie, each may be the middle one."""
    rng = trial.generator("shaken", name)
    for _ in range(2 * SAMPLES):
        yield [STEP * _size(x) * rng.normal(size=x.shape) for x in trial.real_inputs]


def _size(x):
    return min(typical(x), spread(x))


def _distinct(values, slack):
    """The different ones among the values, from the smallest."""
    distinct = []
    for value in sorted(map(float, values)):
        if not distinct or value - distinct[-1] > slack:
            distinct.append(value)
    return distinct


def _plane_left(trial, around):
    """A finding if the gradients for the sharpest kinks leave the plane of those nearby.

    Their sum at a tie, over one input or several, is the same on all sides, for instance.
    """
    dy = _sharpest(trial, around[-1], SHARPEST)
    found = list(_gradients(trial, around, dy))
    sizes = {
        i: trial.scale(i) or max((largest(g[i]) for g in found), default=0.0) or 1.0
        for i in trial.real
    }
    own = _weighted(trial.real_vjp(dy), sizes)
    near = [_weighted(grads, sizes) for grads in found]
    if len(near) < 2 or not np.all(np.isfinite(near)):
        return None
    beyond = np.abs(own - np.clip(own, np.min(near, 0), np.max(near, 0)))
    for index in np.argsort(-beyond)[:SHARPEST]:
        moves = _beside(trial, _place(trial, index))
        near += [_weighted(grads, sizes) for grads in _gradients(trial, moves, dy)]
    off = _off_plane(own, near)
    if off:  # a side may have been overlooked
        moves = _shaken(trial, "plane")
        near += [_weighted(grads, sizes) for grads in _gradients(trial, moves, dy)]
        off = _off_plane(own, near)
    if not off:
        return None
    says = "the gradient leaves the plane of the gradients nearby by {size} of its size"
    return _wrong(says, size=off)


def _off_plane(own, near):
    """How far a vector is off the plane through others; 0 if it is in it, or nothing can be said."""
    middle = np.mean(near, axis=0)
    _, extents, axes = np.linalg.svd(near - middle, full_matrices=False)
    plane = axes[extents > SLACK * len(near) ** 0.5]
    off = own - middle
    off = float(np.linalg.norm(off - plane.T @ (plane @ off)))
    return 0.0 if 2 * len(plane) > len(near) or off <= 10 * SLACK * own.size**0.5 else off


def _too_long(trial, around):
    """A finding if ⟨g, v⟩ is more than the slope along v = g, for the sharpest kink, as of |x|.

    No subgradient of a function that is convex there has more, as of the norm of 0.
    """
    dy = _sharpest(trial, around[-1], 1)
    for sign in (1.0, -1.0):  # convex, or concave
        upstream = [sign * d for d in dy]
        own = trial.real_vjp(upstream)
        moves = [own[i].astype(float) * _size(trial.inputs[i]) ** 2 for i in trial.real]
        far = max(largest(m) / _size(x) for m, x in zip(moves, trial.real_inputs, strict=True))
        if not 0 < far < np.inf:
            return None
        moves = [STEP / far * m for m in moves]
        ahead, behind = (
            _rise(trial, _moved(trial, [s * m for m in moves]), upstream) for s in (1, -1)
        )
        expected = sum(float(np.sum(own[i] * m)) for i, m in zip(trial.real, moves, strict=True))
        longer = behind >= 0 and expected > (1 + LONGER) * ahead
        if longer and _is_convex(trial, moves, around, upstream, SLACK * expected):
            return _wrong(f"along the gradient the slope is {ahead / expected:.4g} of what it says")
    return None


def _is_convex(trial, along, around, dy, slack):
    """Whether ⟨dy, f⟩ has a kink in every direction, and is nowhere above a chord."""
    rises = [_rise(trial, _moved(trial, m), dy) for m in around]
    backs = [_rise(trial, _moved(trial, [-a for a in m]), dy) for m in around]
    if min(map(sum, zip(rises, backs, strict=True))) <= slack:
        return False
    first = _rise(trial, _moved(trial, along), dy)
    chords = [(m, n, r + t) for (m, r), (n, t) in pairwise(zip(around, rises, strict=True))]
    chords += [(along, m, first + r) for m, r in zip(around, rises, strict=True)]
    chords += [(along, [-a for a in m], first + r) for m, r in zip(around, backs, strict=True)]
    halves = ([(a + b) / 2 for a, b in zip(m, n, strict=True)] for m, n, _ in chords)
    return all(
        2 * _rise(trial, _moved(trial, half), dy) <= ends + slack
        for half, (_, _, ends) in zip(halves, chords, strict=True)
    )


def _rise(trial, inputs, dy):
    """How far ⟨dy, f⟩ rises to these inputs."""
    pairs = zip(dy, trial.forward(inputs), trial.y, strict=True)
    return sum(float(np.sum(d * (after - before))) for d, after, before in pairs)


def _sharpest(trial, moves, count):
    """dy for the outputs alone that have the sharpest kinks, so many of them."""
    ahead, behind = (
        trial.forward(_moved(trial, [sign * m for m in moves])) for sign in (1.0, -1.0)
    )
    bends = [
        np.abs((a + b - 2 * y) * d).astype(float)
        for a, b, y, d in zip(ahead, behind, trial.y, trial.dy, strict=True)
    ]
    flat = np.sort(np.concatenate([bend.ravel() for bend in bends]))
    limit = flat[-min(count, flat.size)]
    return [np.where(bend >= limit, d, 0) for bend, d in zip(bends, trial.dy, strict=True)]


def _weighted(grads, sizes):
    """All gradients as one vector, each as a share of its size."""
    return np.concatenate([grads[i].ravel() / size for i, size in sizes.items()])


def _place(trial, index):
    """The input, and the index in it, of a number of that vector."""
    for i in trial.real:
        if index < trial.inputs[i].size:
            return i, np.unravel_index(index, trial.inputs[i].shape)
        index -= trial.inputs[i].size
    raise IndexError(index)


def _secant(trial, i, index, step):
    x = trial.inputs[i].copy()
    x[index] += step
    inputs = list(trial.inputs)
    inputs[i] = x
    try:
        return _rise(trial, tuple(inputs), trial.dy) / step
    except CodeError:
        return np.nan
