"""Witnesses: for each kind of error an input, a layout or a sequence of calls that shows it.

A witness takes the right operation, `make` of the wrong subject and a generator of random numbers,
and is true where the subject breaks a fact. They share no code with the judge.
"""

import numpy as np

from tests.judge.zoo.operation import is_real

VISIBLE = 1e-11  # of the largest entry: the code is the same but for the error
CALLS = 60
REFUSALS = (ValueError, RuntimeError, IndexError, ZeroDivisionError, FloatingPointError)


def call(subject, dy, inputs):
    """The outputs and the gradients of a pair, or of a layer; dy is a tuple."""
    if isinstance(subject, tuple):
        f, vjp = subject
        y = f(*inputs)
        return as_tuple(y), vjp(dy if isinstance(y, tuple) else dy[0], *inputs)
    y = subject.forward(*inputs)
    return as_tuple(y), as_tuple(subject.backward(dy if isinstance(y, tuple) else dy[0]))


def only(dy):
    """The one dy, or all of several."""
    return dy if len(dy) > 1 else dy[0]


def as_tuple(y):
    return y if isinstance(y, tuple) else (y,)


def upstream(operation, inputs, rng):
    """A normal dy for each output."""
    return tuple(rng.normal(size=np.shape(y)) for y in as_tuple(operation.f(*inputs)))


def copied(arrays):
    return tuple(np.array(x) for x in arrays)


def same(actual, expected):
    """Whether gradients are equal up to rounding, in value, shape and dtype."""
    return len(actual) == len(expected) and all(map(_same, actual, expected))


def _same(a, b):
    if a is None or b is None:
        return a is b
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    error = np.max(np.abs(a - b), initial=0.0)
    return bool(error <= VISIBLE * np.max(np.abs(b), initial=0.0))


def _example(operation, rng):
    inputs = operation.draw(rng)
    return inputs, upstream(operation, inputs, rng)


def differs(operation, make, rng, inputs=None, change=copied):
    """At the drawn inputs the gradients differ, for a dy that is normal and then changed."""
    inputs = operation.draw(rng) if inputs is None else inputs
    dy = change(upstream(operation, inputs, rng))
    right = (*as_tuple(operation.f(*inputs)), *operation.vjp(only(dy), *inputs))
    try:
        y, wrong = call(make(), dy, inputs)
    except REFUSALS:
        return True
    return not same((*y, *wrong), right)


def differs_where(place):
    """Differs when the first real input is changed in this way, where f is finite."""

    def witness(operation, make, rng):
        inputs = list(operation.draw(rng))
        i = [is_real(x) for x in inputs].index(True)
        inputs[i] = place(inputs[i].copy())
        try:
            y = operation.f(*inputs)
        except REFUSALS:
            return False
        finite = all(np.all(np.isfinite(a)) for a in as_tuple(y))
        return finite and differs(operation, make, rng, inputs)

    return witness


def differs_for(change):
    """Differs when dy is changed in this way."""
    return lambda operation, make, rng: differs(
        operation, make, rng, change=lambda dy: tuple(map(change, dy))
    )


def differs_turned(operation, make, rng):
    """Differs where every input has the other sign."""
    return differs(operation, make, rng, tuple(-x for x in operation.draw(rng)))


def differs_in(layout):
    """Differs when the inputs and dy are the same numbers in another layout."""

    def witness(operation, make, rng):
        inputs, dy = _example(operation, rng)
        right = operation.vjp(only(dy), *inputs)
        try:
            _, wrong = call(make(), tuple(map(layout, dy)), tuple(map(layout, inputs)))
        except REFUSALS:
            return True
        return not same(wrong, right)

    return witness


def overwrites(operation, make, rng):
    """An input or dy holds other numbers after the call, or cannot be written to."""
    inputs, dy = _example(operation, rng)
    given = (*copied(inputs), *copied(dy))
    call(make(), given[len(inputs) :], given[: len(inputs)])
    return not all(map(np.array_equal, given, (*inputs, *dy)))


def aliases(operation, make, rng):
    """A gradient shares memory with an input or with dy."""
    inputs, dy = _example(operation, rng)
    _, grads = call(make(), dy, inputs)
    given = (*inputs, *dy)
    return any(np.shares_memory(dx, x) for dx in grads if dx is not None for x in given)


def changes_what_it_returned(operation, make, rng, size=1.0):
    """A later call changes the output or the gradient that an earlier one returned."""
    subject = make()
    inputs, dy = _example(operation, rng)
    y, grads = call(subject, tuple(size * d for d in dy), inputs)
    kept = [x for x in (*y, *grads) if x is not None]
    before = copied(kept)
    inputs, dy = _example(operation, rng)
    call(subject, tuple(size * d for d in dy), inputs)
    return not all(map(np.array_equal, before, kept))


def changes_what_it_returned_for_a_large_dy(operation, make, rng):
    """The same, for a dy a million times as large."""
    return changes_what_it_returned(operation, make, rng, 1e6)


def is_spoiled_by_its_caller(operation, make, rng):
    """After the caller wrote into what was returned, the same call gives something else."""
    subject = make()
    inputs, dy = _example(operation, rng)
    for dx in call(subject, dy, inputs)[1]:
        if dx is not None:
            dx[...] = 0
    return not same(call(subject, dy, inputs)[1], operation.vjp(only(dy), *inputs))


def mixes_instances(operation, make, rng):
    """A forward of another instance changes what the backward of the first one gives."""
    one, other = make(), make()
    inputs, dy = _example(operation, rng)
    one.forward(*inputs)
    other.forward(*operation.draw(rng))
    grads = as_tuple(one.backward(only(dy)))
    return not same(grads, operation.vjp(only(dy), *inputs))


def takes_near_for_equal(operation, make, rng):
    """After a call, one at inputs a millionth away gives the gradients of before."""
    subject = make()
    inputs, dy = _example(operation, rng)
    call(subject, dy, inputs)
    near = tuple(x * (1 + 1e-6) if is_real(x) else x for x in inputs)
    return not same(call(subject, dy, near)[1], operation.vjp(only(dy), *near))


def forgets_a_change_of_dy(operation, make, rng):
    """After dy alone was changed in place, a call gives the gradients of before."""
    subject = make()
    inputs, dy = _example(operation, rng)
    dy = copied(dy)
    call(subject, dy, inputs)
    for d in dy:
        np.multiply(d, 2, out=d)
    return not same(call(subject, dy, inputs)[1], operation.vjp(only(dy), *inputs))


def overwrites_a_large_dy(operation, make, rng):
    """A dy of a million holds other numbers after the call."""
    inputs, dy = _example(operation, rng)
    dy = tuple(1e6 * np.asarray(d) for d in dy)
    given = copied(dy)
    call(make(), given, inputs)
    return not all(map(np.array_equal, given, dy))


def remembers(operation, make, rng):
    """Among many calls, at two inputs in turn, one gives other gradients or outputs."""
    subject = make()
    examples = [_example(operation, rng), _example(operation, rng)]
    for number in range(CALLS):
        inputs, dy = examples[number % 3 // 2]
        right = operation.vjp(only(dy), *inputs)
        try:
            y, grads = call(subject, copied(dy), copied(inputs))
        except REFUSALS:
            return True
        if not (same(grads, right) and same(y, as_tuple(operation.f(*inputs)))):
            return True
    return False


def forgets_a_change_in_place(operation, make, rng):
    """After an input was changed in place, a call gives the gradients of before."""
    subject = make()
    inputs, dy = _example(operation, rng)
    call(subject, dy, inputs)
    for x, other in zip(inputs, operation.draw(rng), strict=True):
        x[...] = other
    right = operation.vjp(only(dy), *inputs)
    return not same(call(subject, dy, inputs)[1], right)


def loses_the_latest(operation, make, rng):
    """A backward after two forwards is not that of the second."""
    subject = make()
    subject.forward(*operation.draw(rng))
    inputs, dy = _example(operation, rng)
    right = operation.vjp(only(dy), *inputs)
    return not same(call(subject, dy, inputs)[1], right)


def changes_its_output(operation, make, rng):
    """A backward changes the output that the forward before it returned."""
    layer = make()
    inputs, dy = _example(operation, rng)
    y = as_tuple(layer.forward(*inputs))
    before = copied(y)
    layer.backward(only(dy))
    return not all(map(np.array_equal, before, y))


def halves_after_a_large_dy(operation, make, rng):
    """After a call with a large dy, the same call as before it gives another gradient."""
    subject = make()
    inputs, dy = _example(operation, rng)
    before = call(subject, dy, inputs)[1]
    call(subject, tuple(1e4 * d for d in dy), inputs)
    return not same(call(subject, dy, inputs)[1], before)


def depends_on_its_first_length(operation, make, rng):
    """A call with fewer rows than the first differs from that of a fresh subject."""
    used, fresh = make(), make()
    inputs, dy = _example(operation, rng)
    call(used, dy, inputs)
    fewer = tuple(x[:-1] for x in inputs)
    dy = upstream(operation, fewer, rng)
    return not same(call(used, dy, fewer)[1], call(fresh, dy, fewer)[1])


def depends_on_precision(operation, make, rng):
    """After a call in float32, one in float64 differs, or the other way round."""
    for first, second in ((np.float32, np.float64), (np.float64, np.float32)):
        subject = make()
        inputs, dy = _example(operation, rng)
        call(subject, cast(dy, first), cast(inputs, first))
        dy, inputs = cast(dy, second), cast(inputs, second)
        right = operation.vjp(only(dy), *inputs)
        if not same(call(subject, dy, inputs)[1], right):
            return True
    return False


def cast(arrays, dtype):
    """The real arrays in another precision."""
    return tuple(x.astype(dtype) if is_real(np.asarray(x)) else x for x in arrays)


def loses_precision(operation, make, rng):
    """In float32 the error is a hundred times that of the right code, against float64."""
    inputs, dy = _example(operation, rng)
    inputs, dy = cast(inputs, np.float32), cast(dy, np.float32)
    wide_dy, wide = cast(dy, np.float64), cast(inputs, np.float64)
    exact = operation.vjp(only(wide_dy), *wide)
    right = operation.vjp(only(dy), *inputs)
    _, wrong = call(make(), dy, inputs)
    return _worst(wrong, exact) > 100 * max(_worst(right, exact), 2.0**-24)


def _worst(grads, exact):
    pairs = [(a, b) for a, b in zip(grads, exact, strict=True) if b is not None]
    return max(np.max(np.abs(a - b)) / np.max(np.abs(b)) for a, b in pairs)
