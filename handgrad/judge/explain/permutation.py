"""Permutations: right rows in the wrong places, and shifts that leave the edge to chance."""

import numpy as np

STEPS = (1, -1, 2, -2)
ALIKE = 1e-7  # of the gradient's size


def permuted(points, i):
    """A sentence if the gradient of input i has its parts along an axis in another order, or ""."""
    points = [point for point in points if _has_indices_of(points[0], point)]
    for axis in range(points[0].right[i].ndim):
        orders = [_order(point, i, axis) for point in points]
        if any(order is None or order == sorted(order) for order in orders):
            continue
        if all(order == orders[0] for order in orders):
            return f"is permuted along axis {axis}: its parts are in the order {orders[0]}"
        return f"is permuted along axis {axis}: its parts are in another order"
    return _permuted_each(points, i)


def _permuted_each(points, i):
    """The same, with an order of its own in every row."""
    for axis, size in enumerate(points[0].right[i].shape):
        if size > 1 and all(_has_the_same_numbers(point, i, axis) for point in points):
            return f"is permuted along axis {axis}: the right numbers are in the wrong places (an order, and not its inverse?)"
    return ""


def _has_the_same_numbers(point, i, axis):
    wrong, right = point.wrong[i], point.right[i]
    if wrong.shape != right.shape or not np.all(np.isfinite(wrong)):
        return False
    off = np.abs(np.sort(wrong, axis) - np.sort(right, axis))
    bar = ALIKE * point.size(i)
    return bool(np.max(off, initial=0.0) <= bar < np.max(np.abs(wrong - right), initial=0.0))


def _has_indices_of(first, point):
    """Whether labels and indices are the same: others may be no permutation."""
    fixed = [k for k in range(len(first.inputs)) if k not in first.trial.real]
    return all(np.array_equal(point.inputs[k], first.inputs[k]) for k in fixed)


def _order(point, i, axis):
    """Which part of the right gradient stands in each place of the wrong one, or None."""
    wrong, right = (np.moveaxis(g[i], axis, 0) for g in (point.wrong, point.right))
    if wrong.shape != right.shape or not np.all(np.isfinite(wrong)):
        return None
    bar = ALIKE * point.size(i)
    wrong, right = (g.reshape(len(g), -1) for g in (wrong, right))
    near = np.max(np.abs(wrong[:, None] - right[None]), axis=-1, initial=0.0) <= bar
    order = list(map(int, np.argmax(near, axis=1)))
    is_one_to_one = np.all(near.sum(axis=1) == 1) and len({*order}) == len(order)
    return order if is_one_to_one else None


def shifted_inside(points, i):
    """A sentence if the gradient of input i is shifted, whatever comes in at the edge, or ""."""
    for axis, size in enumerate(points[0].right[i].shape):
        for step in STEPS:
            if size > 2 * abs(step) and all(_is_shifted(p, i, axis, step) for p in points):
                return f"is shifted by {step} along axis {axis}, but for the edge"
    return ""


def _is_shifted(point, i, axis, step):
    wrong, right = (np.moveaxis(g[i], axis, 0) for g in (point.wrong, point.right))
    if wrong.shape != right.shape:
        return False
    if step < 0:
        wrong, right = wrong[::-1], right[::-1]
    inside = np.max(np.abs(wrong[abs(step) :] - right[: -abs(step)]), initial=0.0)
    return bool(inside <= ALIKE * point.size(i) < np.max(np.abs(right[: -abs(step)]), initial=0.0))
