"""Arrays in and out: the judge thinks in NumPy, and the judged code in a library of its own."""

import contextlib
import random
import sys
import warnings
from functools import partial

import numpy as np


def library_of(arrays):
    """The library of the arrays: "torch", "jax", or "numpy" for all else."""
    names = {type(x).__module__.partition(".")[0] for x in arrays}
    if "torch" in names:
        return "torch"
    return "jax" if names & {"jax", "jaxlib"} else "numpy"


def is_floating(dtype):
    """Whether a NumPy dtype holds real numbers; bfloat16 is not one of NumPy's own."""
    return np.issubdtype(dtype, np.floating) or dtype.name == "bfloat16"


def as_numpy(x):
    """An array of any library, or a number, as a NumPy array; in the same memory if that may be."""
    if library_of([x]) == "torch":
        x = x.detach().cpu()
        if str(x.dtype) == "torch.bfloat16":
            return _bits(x).numpy().view(_bfloat16())
        return x.numpy()
    return np.asarray(x)


def to_library(x, library):
    """A NumPy array as an array of a library; torch keeps its memory and its strides."""
    x = np.asarray(x)  # what is computed from an array of one number may be none
    if library == "jax":
        from jax import numpy as jnp

        return jnp.asarray(x)
    if library == "torch":
        return _to_torch(x)
    return x


@contextlib.contextmanager
def undisturbed():
    """Everything global as it was afterwards: warnings, error state, random state, JAX's settings.

    Within, no warning is shown, and JAX computes in float64 if it is there.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(np.errstate(all="ignore"))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        for restored in _random_states():
            stack.callback(restored)
        if "jax" in sys.modules:
            from handgrad.common.oracle import in_double_precision

            stack.enter_context(in_double_precision())
        yield


def _random_states():
    """What puts the global random generators back into their present states."""
    yield partial(np.random.set_state, np.random.get_state())
    yield partial(random.setstate, random.getstate())
    if "torch" in sys.modules:
        import torch

        yield partial(torch.set_rng_state, torch.get_rng_state())


def _bfloat16():
    from jax import numpy as jnp

    return np.dtype(jnp.bfloat16)


def _bits(x):
    import torch

    return x.view(torch.int16)


def _to_torch(x):
    import torch

    if any(stride < 0 for stride in x.strides):
        x = x.copy()  # torch has no negative strides
    if x.dtype.name == "bfloat16":
        return torch.from_numpy(x.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(x)
