"""Where numbers lie in memory changes nothing."""

import numpy as np

from handgrad.judge.calls import CodeError
from handgrad.judge.compare import breach, differences, output_differences
from handgrad.judge.trial import is_finite

OTHER_DRAWS = "other random numbers are drawn for arrays laid out otherwise: these are not compared"


def layout_does_not_matter(trial):
    """Fortran order, strides, unaligned, broadcast: the same numbers will do.

    A forward that draws may draw in the order of memory: then other draws are no fault.
    """
    if trial.subject.library == "jax" or trial.library == "jax":
        return  # its arrays have no layout
    for of_inputs, of_dy in LAYOUTS if trial.library == "numpy" else LAYOUTS[:-1]:
        names = dict.fromkeys(f.__name__.strip("_").replace("_", " ") for f in (of_inputs, of_dy))
        dy, inputs = [*map(of_dy, trial.dy)], tuple(map(of_inputs, trial.inputs))
        yield from _changed(trial, dy, inputs, trial, f"arrays laid out {' and '.join(names)}")
    repeated = [np.broadcast_to(d.dtype.type(0.7), d.shape) for d in trial.dy]
    once = trial.at(trial.inputs, repeated)
    yield from _changed(trial, repeated, trial.inputs, once, "a repeated dy")
    for name, one in (("column", lambda x: x[..., :1]), ("row", lambda x: x[:1])):
        views = tuple(x if x.ndim == 0 else np.broadcast_to(one(x), x.shape) for x in trial.inputs)
        try:
            once = trial.at(views, trial.dy)
            well = is_finite(once.grads.values())
        except CodeError:
            continue  # such inputs are not in the domain
        if well:
            yield from _changed(trial, trial.dy, views, once, f"a repeated {name}")


def _changed(trial, dy, inputs, plain, how):
    """Breaches where a call gives other results than a trial of arrays that are not laid out so."""
    what = f"is another for {how}"
    of_outputs = list(output_differences(plain, trial.forward(inputs), what))
    if of_outputs and trial.subject.draws is not None:
        yield breach(OTHER_DRAWS, note=True)
        return
    yield from differences(plain, trial.real_vjp(dy, inputs), plain.grads, what)
    yield from of_outputs


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
