"""Where numbers lie in memory changes nothing."""

import numpy as np

from handgrad.judge.calls import CodeError
from handgrad.judge.compare import breach, differences, output_differences
from handgrad.judge.trial import is_finite


def layout_does_not_matter(trial):
    """Fortran order, strides, unaligned, broadcast: the same numbers will do.

    A forward that draws may draw in the order of memory: then other draws are no fault.
    """
    if trial.subject.library == "jax" or trial.library == "jax":
        return  # its arrays have no layout
    for of_inputs, of_dy in LAYOUTS if trial.library == "numpy" else LAYOUTS[:-1]:
        dy, inputs = map(of_dy, trial.dy), tuple(map(of_inputs, trial.inputs))
        again = trial.real_vjp(list(dy), inputs)
        names = dict.fromkeys(f.__name__.strip("_").replace("_", " ") for f in (of_inputs, of_dy))
        what = f"is another for arrays laid out {' and '.join(names)}"
        of_outputs = list(output_differences(trial, trial.forward(inputs), what))
        if of_outputs and trial.subject.draws is not None:
            yield breach(OTHER_DRAWS, note=True)
            continue
        yield from differences(trial, again, trial.grads, what)
        yield from of_outputs
    yield from _repeated(trial)


OTHER_DRAWS = "other random numbers are drawn for arrays laid out otherwise: these are not compared"


def _repeated(trial):
    """One number, one column, or one row, that stands for many."""
    repeated = [np.broadcast_to(d.dtype.type(0.7), d.shape) for d in trial.dy]
    once = trial.real_vjp([d.copy() for d in repeated])
    what = "is another for a repeated dy"
    yield from differences(trial, trial.real_vjp(repeated), once, what)
    for name, one in (("column", lambda x: x[..., :1]), ("row", lambda x: x[:1])):
        views = tuple(x if x.ndim == 0 else np.broadcast_to(one(x), x.shape) for x in trial.inputs)
        try:
            once = trial.real_vjp(inputs=tuple(x.copy() for x in views))
        except CodeError:
            continue  # such inputs are not in the domain
        if is_finite(once.values()):
            if trial.subject.draws is not None and _are_others(trial, views):
                yield breach(OTHER_DRAWS, note=True)
                continue
            again = trial.real_vjp(inputs=views)
            yield from differences(trial, again, once, f"is another for a repeated {name}")


def _are_others(trial, views):
    """Whether forward gives other outputs for views than for copies of them."""
    pairs = zip(trial.forward(views), trial.forward(tuple(x.copy() for x in views)), strict=True)
    return not all(np.allclose(a.astype(float), b.astype(float), equal_nan=True) for a, b in pairs)


def _as_it_is(x):
    return x


def fortran_order(x):
    return np.array(x, order="F")


def strided(x):
    """x as every second number of a larger array."""
    return np.repeat(x[..., None], 2, axis=-1)[..., 0]


def backwards(x):
    """x laid out backwards in memory."""
    turn = (slice(None, None, -1),) * x.ndim
    return x[turn].copy()[turn]


def unaligned(x):
    """x in memory where no number begins at a multiple of its size."""
    memory = np.empty(x.nbytes + 1, np.uint8)
    shifted = memory[1:].view(x.dtype).reshape(x.shape)
    shifted[...] = x
    return shifted


# of the inputs, and of dy
LAYOUTS = (
    (fortran_order, fortran_order),
    (_as_it_is, fortran_order),
    (fortran_order, _as_it_is),
    (strided, backwards),
    (backwards, strided),
    (unaligned, unaligned),
)
