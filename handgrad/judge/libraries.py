"""Arrays in and out: the judge thinks in NumPy, and the judged code in a library of its own."""

import contextlib
import random
import sys
import threading
import warnings
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace

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
    """Random states, np.seterr and JAX's settings as they were afterwards.

    Within, this thread shows no warning and nothing that is printed, and JAX computes in float64 if
    it is there. Yields what is Printed.
    """
    with contextlib.ExitStack() as stack:
        printed = stack.enter_context(SURROUNDINGS)
        stack.enter_context(np.errstate(all="ignore"))
        if "jax" in sys.modules:
            from handgrad.common.oracle import in_double_precision

            stack.enter_context(in_double_precision())
        yield printed


@dataclass
class Printed:
    """What somebody's code has printed: how many lines, and the first of them."""

    lines: int = 0
    first: str = ""

    def add(self, text):
        if not self.lines:
            self.first += text.partition("\n")[0]
        self.lines += text.count("\n")


class _Output:
    """The standard output, but for threads in which somebody's code is tried out."""

    def __init__(self, stream):
        self.stream = stream

    def write(self, text):
        printed = SURROUNDINGS.printed.get(threading.get_ident())
        if printed is None:
            return self.stream.write(text)
        printed.add(text)
        return len(text)

    def __getattr__(self, name):
        return getattr(self.stream, name)


class _Surroundings:
    """What is global: the first thread that enters finds it, and the last that leaves puts it back.

    No filter of warnings is set, for filters are those of every thread.
    """

    def __init__(self):
        self.lock, self.threads, self.restore = threading.Lock(), [], {}
        self.show = warnings.showwarning
        self.printed = {}  # by thread
        self.torch_threads = 0

    def __enter__(self):
        with self.lock:
            self.threads.append(threading.get_ident())
            if not isinstance(sys.stdout, _Output):
                sys.stdout = _Output(sys.stdout)
            self.restore = dict(random_states()) | self.restore
            self.torch_threads = self.torch_threads or _torch_threads(1)
            if warnings.showwarning is not _shown:
                self.show, warnings.showwarning = warnings.showwarning, _shown
            return self.printed.setdefault(threading.get_ident(), Printed())

    def __exit__(self, *_):
        with self.lock:
            self.threads.remove(threading.get_ident())
            if threading.get_ident() not in self.threads:
                del self.printed[threading.get_ident()]
            if not self.threads:
                if isinstance(sys.stdout, _Output):
                    sys.stdout = sys.stdout.stream
                for restored in self.restore.values():
                    restored()
                self.restore = {}
                self.torch_threads = _torch_threads(self.torch_threads) and 0
                if warnings.showwarning is _shown:
                    warnings.showwarning = self.show


SURROUNDINGS = _Surroundings()


def _shown(*warning, **options):
    """warnings.showwarning, but for threads in which somebody's code is tried out."""
    if threading.get_ident() not in SURROUNDINGS.threads:
        SURROUNDINGS.show(*warning, **options)


def random_states():
    """(library, what puts its global random generator back into its present state)."""
    yield "numpy", partial(np.random.set_state, np.random.get_state())
    yield "random", partial(random.setstate, random.getstate())
    if "torch" in sys.modules:
        import torch

        yield "torch", partial(torch.set_rng_state, torch.get_rng_state())


def _torch_threads(count):
    """How many threads torch had before it was given so many; 0 where it is not there.

    Arrays in a trial are small: threads that wait for each other take many times as long.
    """
    if "torch" not in sys.modules:
        return 0
    import torch

    before = torch.get_num_threads()
    if count:
        torch.set_num_threads(count)
    return before


def _bfloat16():
    from jax import numpy as jnp

    return np.dtype(jnp.bfloat16)


def _bits(x):
    import torch

    return x.view(torch.int16)


def _to_torch(x):
    import torch

    kept = not x.flags.writeable and 0 not in x.strides  # torch would write into it all the same
    if kept or any(stride < 0 for stride in x.strides):
        x = x.copy(order="K")  # torch has no negative strides
    if x.dtype.name == "bfloat16":
        return torch.from_numpy(_writeable(x.view(np.int16))).view(torch.bfloat16)
    return torch.from_numpy(_writeable(x))


def _writeable(x):
    """The same memory: torch warns of arrays that cannot be written to."""
    described = x.__array_interface__ | {"data": (x.ctypes.data, False)}
    return np.asarray(SimpleNamespace(__array_interface__=described, owner=x))
