"""Objects with a forward and a backward: rules, layers with a memory, and the parameters of these."""

import copy

import numpy as np

from handgrad.judge.calls import CodeError, Contained, UnjudgeableError, contained
from handgrad.judge.libraries import as_numpy, library_of, to_library
from handgrad.judge.subjects import parameters, ways
from handgrad.judge.subjects.base import Subject, as_tuple, forms_of
from handgrad.judge.subjects.draws import Draws


class Object(Subject):
    """forward and backward of one object, called in the way that was found."""

    def __init__(self, held, way, arguments=None, *, forward="forward"):
        with Contained():
            super().__init__(repr(held), arguments)
        self.original, self.held, self.way = held, _copied(held), way
        self.entry = forward  # the name of the method
        self.reentrant = way.reentrant
        self.strict = way is ways.RULE
        self.found = []  # parameters.Parameter, one for each of self.parameters
        self.restored = []  # (place, value) of what backward changes, and has no gradient
        self.everything = []  # the parameters without a gradient among them
        self.returned = False  # whether backward returns the gradients of the parameters too

    def adopt(self, found, returned=()):
        """Judge these parameters as further inputs; those without a gradient are named.

        Those that are returned have their gradients in what backward returns, and no other has one.
        """
        self.returned = bool(returned)
        self.everything = found
        self.found = list(returned) or [p for p in found if p.gradient is not None]
        self.not_judged = [p.name for p in found if p not in self.found]
        self.accumulates = [p.name for p in self.found if p.accumulates]
        self.trained = [p.name for p in found if p.trained]
        others = [p for p in found if p.trained and p not in self.found]
        self.restored = [
            (place, _plain_copy(place.get(self.held))) for p in others for place in p.places
        ]
        self.parameter_names = [p.name for p in self.found]
        self.parameters = tuple(p.places[0].get(self.held) for p in self.found)

    def _forward(self, *arguments):
        return self.way.output(self._run(arguments))

    def _run(self, arguments):
        count = len(arguments) - len(self.found)
        for parameter, value in zip(self.found, arguments[count:], strict=True):
            own = _plain_copy(value) if parameter.trained else value
            for place in parameter.places:
                place.put(self.held, own)
        for place, value in self.restored:
            place.put(self.held, _plain_copy(value))
        return getattr(self.held, self.entry)(*arguments[:count])

    def _vjp(self, *arguments):
        result = self._run(arguments)
        xs = arguments[: len(arguments) - len(self.found)]

        def backward(dy):
            for parameter in self.found:
                if parameter.accumulates and not self.returned:
                    self._clear(parameter.gradient)
            grads = self.way.call(self.held.backward, result, dy, xs)
            if self.strict:
                return grads
            if grads is None and self.found:
                grads = ()  # it is for the parameters alone
            own = _spread(grads, self.arguments.names, self.found)
            if self.returned:
                return own
            return self._filled(own, len(xs)) + tuple(self._kept(p, dy) for p in self.found)

        return self.way.output(result), backward

    def completed(self, reference):
        """A reference that takes all parameters is given the values of those without a gradient."""
        count = len(self.arguments.tree)
        wanted = count + len(self.everything)
        if ways.binds(reference, count + len(self.found)) or not ways.binds(reference, wanted):
            return reference
        values = [np.array(as_numpy(p.places[0].get(self.held))) for p in self.everything]
        judged = [p in self.found for p in self.everything]

        def of_judged(*arguments):
            own = iter(arguments[count:])
            rest = [
                next(own) if is_judged else v for v, is_judged in zip(values, judged, strict=True)
            ]
            return reference(*arguments[:count], *rest)

        return of_judged

    def _filled(self, grads, count):
        """Gradients of what is passed to forward: there may be none for what comes last."""
        if self.found and len(grads) < count:
            self.silent |= self.arguments.after(len(grads), count)
            return grads + (None,) * (count - len(grads))
        return grads[:count] if self.found else grads

    def _kept(self, parameter, dy):
        """A copy of a parameter's gradient: the layer may write the next one into its memory.

        The backward of a loss, which takes no dy, leaves it for a dy of 1.
        """
        value = parameter.gradient.found(self.held)
        if value is None:
            raise UnjudgeableError(
                f"{self.name} has no {parameter.gradient} after backward, which params names"
            )
        if self.way is ways.LOSS:
            return value * dy
        return np.array(as_numpy(value)) if library_of([value]) == "torch" else copy.copy(value)

    def _clear(self, gradient):
        """Begin anew with a gradient that adds up."""
        value = gradient.found(self.held)
        if value is not None:
            zeros = to_library(np.zeros_like(as_numpy(value)), library_of([value]))
            gradient.put(self.held, zeros)

    def _copied(self):
        return copy.deepcopy(self.held)


def of_object(held, params, arguments, values):
    """The subject of an object with a forward and a backward; `values` are its arguments."""
    forward = "forward" if hasattr(held, "forward") else "__call__"

    def fresh():
        made = _copied(held)
        return getattr(made, forward), made.backward

    way, tried = ways.of_object(fresh, values, arguments.names)
    subject = Object(held, way, arguments, forward=forward)
    subject.tried = tried if values else 0
    if params is not None:
        if subject.strict:
            raise TypeError("params names the parameters of a layer, with forward and backward(dy)")
        found = [_stated(held, *pair) for pair in params.items()]
        if values:
            parameters.mark_trained(found, subject.held, _starts(subject, values))
        subject.adopt(found)
    elif values and not subject.strict:
        _find(subject, values)
    return subject


def _find(subject, values):
    """Look for parameters; where the first call made them, the subject is one that was called."""
    start = _starts(subject, values)
    found = parameters.find(subject.held, start)
    if not found:
        return
    if any(p.places[0].found(subject.held) is None for p in found):
        subject.held = copy.deepcopy(subject.held)
        start(subject.held)[1]()
    grads = start(_copied(subject.held))[1]()
    subject.adopt(found, _returned(subject, grads, len(values), found))


def _returned(subject, grads, count, found):
    """The parameters whose gradients backward returns: by name, or all by position and shape."""
    last = grads[-1] if isinstance(grads, tuple | list) and grads else grads
    if isinstance(last, dict) and (
        named := [p for p in found if any(form in last for form in forms_of(_key(p)))]
    ):
        return named
    extra = _spread(grads, subject.arguments.names, found)[count:]
    shapes = [np.shape(as_numpy(p.places[0].get(subject.held))) for p in found]
    agree = len(extra) > 0 and [getattr(g, "shape", None) for g in extra] == shapes
    return found if agree else []


def _starts(subject, values):
    """A function from a layer to its outputs, and to its backward with a fixed dy."""
    same = Draws(subject.held)

    def start(layer):
        same.restore(layer)
        with Contained():
            result = getattr(layer, subject.entry)(*values)
        y = subject.way.output(result)
        back = contained(layer.backward)
        outputs = [as_numpy(a) for a in (y if isinstance(y, tuple | list) else (y,))]
        return outputs, lambda: subject.way.call(back, result, ways.upstream(y), values)

    return start


def _spread(grads, names, found):
    """Gradients one by one: a dictionary may hold those of the parameters, or all."""
    keys = [_key(p) for p in found]
    if isinstance(grads, tuple | list) and grads and isinstance(grads[-1], dict):
        return (*grads[:-1], *as_tuple(grads[-1], keys))
    return as_tuple(grads, [*names, *keys])


def _key(parameter):
    """The last name that leads to a parameter."""
    return str(parameter.places[0].steps[-1][1])


def _plain_copy(value):
    """A copy of a parameter that can be written to."""
    return value.detach().clone() if hasattr(value, "detach") else copy.copy(value)


def _stated(held, name, gradient):
    """A parameter that the user names, with the name of its gradient."""
    if not hasattr(held, name):
        raise TypeError(f"{held!r} has no parameter {name}, which params names")
    places = [parameters.Path(((".", name),))]
    return parameters.Parameter(places, parameters.Path(((".", gradient),)))


def _copied(held):
    """A copy, or the object itself where it cannot be copied."""
    try:
        with Contained():
            return copy.deepcopy(held)
    except CodeError:
        return held
