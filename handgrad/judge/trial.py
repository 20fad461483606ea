"""A trial: one subject at one point, with what it takes and returns made uniform."""

import re
from functools import cached_property

import numpy as np

from handgrad.common.precision import unit_of
from handgrad.common.random import generator
from handgrad.judge.calls import CodeError, Contained, UnjudgeableError, contained
from handgrad.judge.libraries import as_numpy, is_floating, library_of, to_library
from handgrad.judge.noise import MOVED, noise_floor
from handgrad.judge.subjects import subject_of

VANISHED = 1e-4  # of its ordinary size: an output that is smaller counts as one of that size
LIVELY = 1e-4  # of its natural size
SHARES = (0.5, 2.0, 0.75, 1.25, 0.96875, 1.03125)  # of the inputs: other ones, for other calls
RESIDUE = 1e-12  # of its natural size: what rounding may leave of a gradient that is 0


class Trial:
    """A subject, the inputs and the upstream gradients at which it is judged, and a call counter.

    `inputs` are NumPy arrays, copied and read-only. `dy` holds one array for each output, whether
    there is one output or several. A forward, with or without its backward, is one evaluation.
    """

    def __init__(self, subject, inputs, seed, library="numpy", dy=None):
        self.subject = subject if hasattr(subject, "vjp") else subject_of(subject)
        self.inputs = tuple(map(read_only, inputs))
        self.seed = seed
        self.library = self.subject.fed or self.subject.library or library
        self.packed = None  # makes one thing of several outputs, if there are several
        self.evaluations = 0
        self.origin: Trial | None = None  # the trial at ordinary inputs, of one at special inputs
        self.analytic = False  # whether the complex step is known to hold for the subject
        self.real = [i for i, x in enumerate(self.inputs) if is_floating(x.dtype)]
        self.returned_library = library
        self.y = ()
        self.raw_y = self.last_y = self.forward()
        self.y = tuple(y.copy() for y in self.raw_y)
        if dy is not None:
            self.dy = tuple(map(read_only, dy))

    @cached_property
    def dy(self):
        """The upstream gradients: drawn when they are first needed, if none were given."""
        return tuple(map(read_only, self._drawn()))

    def forward(self, inputs=None):
        """The outputs, as a tuple of NumPy arrays."""
        y = self.called(inputs)
        self.packed = getattr(type(y), "_make", type(y)) if isinstance(y, tuple | list) else None
        self.returned_library = library_of(y if self.packed else [y])
        outputs = outputs_of(y)
        pairs = zip(self.inputs if inputs is None else inputs, self.inputs, strict=True)
        same = self.y and all(np.shape(x) == own.shape for x, own in pairs)
        if same and [y.shape for y in outputs] != [y.shape for y in self.y]:
            raise CodeError("for inputs of the same shapes, forward returns outputs of others")
        return outputs

    def called(self, inputs=None):
        """What forward returns, as it returns it."""
        self.evaluations += 1
        return self.subject.forward(*self._given(inputs))

    def vjp(self, dy=None, inputs=None):
        """The gradients, as the subject returns them."""
        return self.started(dy, inputs)()

    def started(self, dy=None, inputs=None):
        """The backward that is still to come, after its forward."""
        self.evaluations += 1
        y, backward = self.subject.vjp(*self._given(inputs))
        self.last_y = () if y is None else outputs_of(y)
        upstream = [to_library(d, self.library) for d in (self.dy if dy is None else dy)]
        return lambda: backward(self.packed(upstream) if self.packed else upstream[0])

    def real_vjp(self, dy=None, inputs=None):
        """The gradients of the real inputs, by position, as NumPy arrays of their shapes."""
        return self.fitting(self.vjp(dy, inputs), self.inputs if inputs is None else inputs)

    def fitting(self, grads, inputs):
        """The gradients of the real inputs; a CodeError where one is not there, or does not fit."""
        if not isinstance(grads, tuple):
            raise CodeError(f"backward returned {type(grads).__name__}", TypeError)
        found = {}
        for i in self.real:
            dx = self._plain(grads[i]) if i < len(grads) and grads[i] is not None else None
            if dx is None or dx.shape != inputs[i].shape:
                shape = "missing" if dx is None else f"of shape {dx.shape}"
                raise CodeError(f"the gradient of input {i} is {shape}", ValueError)
            found[i] = dx
        return found

    @contained
    def _plain(self, dx):
        return as_numpy(dx)

    @cached_property
    def given(self):
        """The inputs and dy of the first vjp; at special inputs copies that it could write to."""
        arrays = (*self.inputs, *self.dy)
        return arrays if self.origin is None else tuple(map(np.array, arrays))

    @property
    def first(self):
        """What the first vjp returned, as it was returned."""
        return self._first[0]

    @property
    def grads(self):
        """Copies of the first gradients of the real inputs, by position."""
        return self._first[1]

    @cached_property
    def _first(self):
        """Both: a later call may overwrite what was returned.

        A subject other than a rule may give fewer gradients than it has inputs: the others are data.
        """
        count = len(self.inputs)
        grads = self.vjp(self.given[count:], self.given[:count])
        if not self.subject.strict and isinstance(grads, tuple) and len(grads) < len(self.inputs):
            self.real = [i for i in self.real if i < len(grads)]
        if isinstance(grads, tuple) and len(grads) == len(self.inputs):
            without = {i for i in self.real if grads[i] is None and not self.subject.strict}
            self.subject.silent |= {i for i in without if _marks(self.inputs[i])}
            options = {i for i in self.subject.numbers if grads[i] is None} | self.subject.silent
            self.real = [i for i in self.real if i not in options]
        return grads, self._copies(grads) if isinstance(grads, tuple) else {}

    @contained
    def _copies(self, grads):
        given = [i for i in self.real if i < len(grads) and grads[i] is not None]
        return {i: np.array(as_numpy(grads[i])) for i in given}

    @property
    def moves(self):
        """Whether any gradient was computed that is not 0, up to rounding."""
        return "_first" in vars(self) and any(map(self._is_there, self.grads))

    @property
    def is_lively(self):
        """Whether some gradient is not far below what is natural for it."""
        return any(self._own[i] > LIVELY * self.scale(i) for i in self.grads)

    def outputs_at(self, arrays):
        """The outputs in float64, of inputs that were moved in it."""
        return tuple(y.astype(float) for y in self.forward(_cast(arrays, self.inputs)))

    def gradients_at(self, arrays):
        """The same of the gradients, of inputs and dy."""
        moved, count = _cast(arrays, (*self.inputs, *self.dy)), len(self.inputs)
        grads = self.real_vjp(moved[count:], moved[:count])
        return tuple(grads[i].astype(float) for i in self.grads)

    @cached_property
    def noise(self):
        """How far one rounding of the inputs and of dy moves each gradient, number by number."""
        unit = max(unit_of(dx.dtype) for dx in self.grads.values())
        given = (*self.inputs, *self.dy)
        floors = noise_floor(self.gradients_at, given, unit, self.seed, MOVED)
        return dict(zip(self.grads, floors, strict=True))

    def scale(self, i):
        """The natural size of input i's gradient: its own, or that of dy times y over x."""
        return max(self._own[i], self._through / self._lengths[i])

    def peak(self, i):
        """The same at a single place: of the largest dy and y, where most may be small."""
        return max(self.scale(i), self._most_through / self._lengths[i])

    @cached_property
    def _own(self):
        return {i: rms(dx) for i, dx in self.grads.items()}

    @cached_property
    def _through(self):
        return sum(rms(d) * rms(y) for d, y in zip(self.dy, self._finite_y, strict=True))

    @cached_property
    def _most_through(self):
        return sum(largest(d) * largest(y) for d, y in zip(self.dy, self._finite_y, strict=True))

    @property
    def _finite_y(self):
        return [y[np.isfinite(y.astype(float))] for y in self.y]

    @cached_property
    def _lengths(self):
        real = [x[np.isfinite(x)] if is_floating(x.dtype) else np.ones(1) for x in self.inputs]
        return [rms(x) or 1.0 for x in real]

    def size(self, i):
        """The size of input i's gradient itself; its natural size, if it is 0 up to rounding."""
        return self._own[i] if self._is_there(i) else self.scale(i)

    def _is_there(self, i):
        usual = self.origin.scale(i) if self.origin else 0.0
        return self._own[i] > RESIDUE * max(self.scale(i), usual)

    @property
    def real_inputs(self):
        return [self.inputs[i] for i in self.real]

    def name(self, i):
        """The name of input i."""
        return dict(enumerate(self.subject.names)).get(i, f"input {i}")

    @property
    def precision(self):
        """The names of the real inputs' types."""
        return " and ".join(sorted({x.dtype.name for x in self.real_inputs}))

    @property
    def unit(self):
        """The unit roundoff of the coarsest of them."""
        return max(unit_of(x.dtype) for x in self.real_inputs)

    def with_real(self, xs):
        """The inputs, with these arrays in the place of the real ones."""
        inputs = list(self.inputs)
        for i, x in zip(self.real, xs, strict=True):
            inputs[i] = x
        return tuple(inputs)

    @property
    def in_single(self):
        """The inputs in float32: the real ones, and those that are held constant."""
        floats = {*self.real, *self.subject.silent}
        kinds = ((x, i in floats and is_floating(x.dtype)) for i, x in enumerate(self.inputs))
        return tuple(x.astype(np.float32) if cast else x for x, cast in kinds)

    @cached_property
    def halved(self):
        """The inputs in reverse with half of every real number, or a share where that is refused."""
        fresh = self.subject.pristine
        subject = fresh.anew() if fresh else self.subject
        turned = (np.flip(x).copy() * x.dtype.type(0.5) for x in self.real_inputs)
        others = [[x * x.dtype.type(share) for x in self.real_inputs] for share in SHARES]
        for xs in (list(turned), *others):
            inputs = self.with_real(xs)
            try:
                _ = Trial(subject, inputs, self.seed, self.library).first
            except CodeError:
                continue
            return inputs
        return self.inputs

    def at(self, inputs, dy=None):
        """Another trial of the same subject, at other inputs."""
        trial = Trial(self.subject, inputs, self.seed, self.library, dy)
        trial.analytic = self.analytic
        trial.origin = self
        trial.real = self.real
        return trial

    def on(self, subject):
        """This trial, of another subject."""
        return Trial(subject, self.inputs, self.seed, self.library, self.dy)

    def generator(self, *names):
        """A random generator for each purpose, the same for every object of the subject's kind."""
        return generator(self.seed, without_address(self.subject.name), *names)

    def _given(self, inputs):
        return [to_library(x, self.library) for x in (self.inputs if inputs is None else inputs)]

    def _drawn(self):
        """Dense, signed and random; outputs of different sizes weigh alike.

        What is not a real number, or masked with an infinity, weighs nothing; nor does an output more
        because it nearly vanishes at special inputs, where it may have no digits left.
        """
        rng = self.generator("dy")
        real = [is_floating(y.dtype) for y in self.y]
        whole = [np.isfinite(y.astype(float)) for y in self.y]
        sizes = [rms(y[kept]) or 1.0 for y, kept in zip(self.y, whole, strict=True)]
        if self.origin is not None:
            usual = [VANISHED * rms(y) for y in self.origin.y]
            sizes = [max(s, u if np.isfinite(u) else 0) for s, u in zip(sizes, usual, strict=True)]
        heaviest = max((s for s, floats in zip(sizes, real, strict=True) if floats), default=1.0)
        for y, floats, kept, size in zip(self.y, real, whole, sizes, strict=True):
            dy = heaviest / size * rng.normal(size=y.shape)
            if any(real):
                dy = np.where(kept & floats, dy, 0).astype(y.dtype)
            yield dy


def outputs_of(y):
    """The outputs as a tuple of NumPy arrays.

    Raises UnjudgeableError for what is not an array of real numbers.
    """
    outputs = y if isinstance(y, tuple | list) else (y,)
    if all(type(output) is np.ndarray for output in outputs):
        arrays = tuple(outputs)
    else:
        with Contained():
            arrays = tuple(map(as_numpy, outputs))
    if not arrays:
        raise UnjudgeableError(f"forward returned {y!r}: the judge needs an output")
    for k, array in enumerate(arrays):
        if array.dtype.kind not in "biuf" and not is_floating(array.dtype):
            is_no_array = array.dtype == object and not isinstance(outputs[k], np.ndarray)
            kind = type(outputs[k]).__name__ if is_no_array else array.dtype
            raise UnjudgeableError(f"output {k} of forward is {kind}: the judge needs real numbers")
    return arrays


def repeats(trial):
    """Whether forward gives the same outputs as before, as far as it can be run."""
    try:
        again = trial.forward()
    except CodeError:
        return True
    pairs = zip(again, trial.y, strict=True)
    return all(np.array_equal(a.astype(float), b.astype(float), equal_nan=True) for a, b in pairs)


def without_address(name):
    """A name without the place in memory of an object."""
    return re.sub(r" at 0x[0-9a-f]+", "", name)


def _cast(arrays, like):
    return tuple(a.astype(x.dtype) for a, x in zip(arrays, like, strict=True))


def read_only(x):
    """A copy that nobody can write to."""
    x = np.array(x)
    x.flags.writeable = False
    return x


def _marks(x):
    """Whether an array holds 0 and 1 alone, and both: a mask or labels, with None for a gradient."""
    return bool(np.any(x == 0) and np.any(x == 1) and np.all((x == 0) | (x == 1)))


def is_finite(arrays):
    """Whether no array holds a NaN or an infinity."""
    return all(np.all(np.isfinite(a.astype(float))) for a in arrays)


def largest(x):
    """The size of the largest number of an array; 0 of an empty one."""
    return float(np.max(np.abs(np.asarray(x, dtype=float)), initial=0.0))


def rms(x):
    """The root of the mean square of an array; 0 of an empty one."""
    most = largest(x)
    if not 0 < most < np.inf:
        return most
    return most * float(np.sqrt(np.mean((np.asarray(x, dtype=float) / most) ** 2)))


def spread(x):
    """The size of an ordinary move of an array: how far its numbers lie apart; 1 if all are 0.

    Where they lie far closer together than to 0, it is a thousandth of their size.
    """
    size = rms(x)
    apart = rms(x - np.mean(x)) if x.size > 1 and np.isfinite(size) else size
    return max(apart, 1e-3 * size) if size and apart > 1e-12 * size else size or 1.0


def typical(x):
    """The size of an ordinary number of an array: the median of those that are not 0; else 1."""
    sizes = np.abs(x[np.isfinite(x) & (x != 0)])
    return float(np.median(sizes)) if sizes.size else 1.0
