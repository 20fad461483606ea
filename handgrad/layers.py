"""Layer: a rule that remembers, the one mutable class; and layers in a row and side by side."""

import inspect
import math
import operator
from functools import reduce
from typing import Any

from handgrad.arrays import array_namespace, norm, shape_of
from handgrad.common import needs as needed
from handgrad.common.html import noted, table


class Layer:
    """A rule, its parameters, and what one forward leaves behind for one backward.

    The rule holds the mathematics and no state, the layer the state and no mathematics. This class
    makes a layer of any rule:

    >>> from handgrad import Affine, Layer
    >>> layer = Layer(Affine(), W, b)
    >>> y = layer.forward(x)
    >>> dx = layer.backward(dy)
    >>> dW, db = layer.grads

    A backward uses the residuals up: their memory is free at once, and a second backward, or one
    layer used at two places, is an error and not a wrong gradient.
    """

    def __init__(self, rule, *params):
        self.rule = rule
        self.params = params
        self.grads: tuple[Any, ...] = ()
        self._residuals = None
        self._shapes = ()

    def forget(self):
        """Drop what a forward left, so that a backward needs a new one."""
        self._residuals = None

    def forward(self, *inputs):
        """The rule's output for these inputs, followed by the parameters."""
        arguments = (*inputs, *self.params)
        self._residuals = None
        try:
            y, self._residuals = self.rule.forward(*arguments)
        except Exception as error:
            error.add_note(f"in {self.rule}.forward, given {_listed(_shapes_of(arguments))}")
            raise
        self._shapes = _shapes_of(y)
        return y

    def backward(self, dy, *, needs=None):
        """The gradient of the input, or a tuple with one for each; `grads` has the parameters'.

        `needs` has one flag for each input. Where one is false, a rule that can saves the work,
        and the gradient is None.
        """
        if self._residuals is None:
            raise RuntimeError(
                f"{self.rule} has no forward to differentiate: call forward first, and once for "
                "each backward. To use the same parameters twice, make two layers of them."
            )
        if _shapes_of(dy) != self._shapes:
            raise ValueError(
                f"dy has the shape {_listed(_shapes_of(dy))}, and the output of {self.rule} had "
                f"{_listed(self._shapes)}: an upstream gradient has the shape of its output"
            )
        residuals, self._residuals = self._residuals, None
        needs = needs and (*needs, *(True for _ in self.params))
        try:
            grads = needed.call(self.rule.backward, residuals, dy, needs=needs)
        except Exception as error:
            error.add_note(f"in {self.rule}.backward, given dy of {_listed(_shapes_of(dy))}")
            raise
        inputs = len(grads) - len(self.params)
        self.grads = grads[inputs:]
        return grads[0] if inputs == 1 else grads[:inputs]

    def __repr__(self):
        return f"Layer({', '.join([repr(self.rule), *map(str, map(shape_of, self.params))])})"

    def _repr_html_(self):
        return _shown(self)


class Sequential:
    """Layers one after the other. It has the face of a Layer, so it may stand inside another one.

    `params` and `grads` are those of all layers, in their order.
    """

    def __init__(self, *layers):
        self.layers = layers

    def forward(self, x):
        """What the last layer makes of what the layers before it make of x."""
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dy, *, needs=None):
        """The gradient of x; each layer keeps the gradients of its parameters.

        With needs=(False,), nobody needs that of x: the first layer may leave it out.
        """
        for layer in reversed(self.layers):
            first = layer is self.layers[0]
            dy = needed.call(layer.backward, dy, needs=needs if first else None)
        return dy

    @property
    def params(self):
        return tuple(p for layer in self.layers for p in layer.params)

    @property
    def grads(self):
        return tuple(g for layer in self.layers for g in layer.grads)

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(map(repr, self.layers))})"

    def _repr_html_(self):
        return _shown(self)


class Residual(Sequential):
    """y = x + f(x), where f is the layers one after the other.

    x is used twice, so that two gradients meet: dx = dy + what comes back through f.
    """

    def forward(self, x):
        """x and what the layers make of it."""
        return x + super().forward(x)

    def backward(self, dy, *, needs=None):
        """The gradient of x; None where nobody needs it, as needs=(False,) says."""
        through = super().backward(dy, needs=needs)
        return None if through is None else dy + through


class Parallel:
    """y = join(f(x), g(x), …): several layers side by side, on one input.

    `join` is a layer of as many inputs. With addition the layers are the branches of a sum, with
    concatenation they fill channels of their own, and with a product one is the gate of another:

    >>> Parallel(Layer(Multiply()), Sequential(), gate)  # y = x gate(x)
    """

    def __init__(self, join, *layers):
        self.join = join
        self.layers = layers

    def forward(self, x):
        """What the join makes of what each layer makes of x."""
        return self.join.forward(*(layer.forward(x) for layer in self.layers))

    def backward(self, dy, *, needs=None):
        """The gradient of x, the sum over the layers; None where nobody needs it."""
        joined = zip(self.layers, self.join.backward(dy), strict=True)
        grads = [needed.call(layer.backward, d, needs=needs) for layer, d in joined]
        return None if needs and not any(needs) else reduce(operator.add, grads)

    @property
    def params(self):
        return tuple(p for layer in (*self.layers, self.join) for p in layer.params)

    @property
    def grads(self):
        return tuple(g for layer in (*self.layers, self.join) for g in layer.grads)

    def __repr__(self):
        return f"Parallel({', '.join(map(repr, (self.join, *self.layers)))})"

    def _repr_html_(self):
        return _shown(self)


def parts_of(layer):
    """The layers of one rule each that a layer is made of, in the order of its parameters."""
    if not isinstance(layer, Sequential | Parallel):
        return [layer]
    inner = (*layer.layers, layer.join) if isinstance(layer, Parallel) else layer.layers
    return [part for one in inner for part in parts_of(one)]


def _shapes_of(arrays):
    """The shape of each array of a tuple, or of the one that there is."""
    return tuple(map(shape_of, arrays if isinstance(arrays, tuple) else (arrays,)))


def _listed(shapes):
    return ", ".join(map(str, shapes)) or "nothing"


def _shown(layer):
    """In a notebook: the layers, and for each parameter its shape and the norm of its gradient."""
    heads = [("layer", ["parameter", "shape", "‖gradient‖"])]
    count = sum(math.prod(shape_of(p)) for p in layer.params)
    return noted(table(heads, list(_rows(layer))), f"<p>{count} parameters</p>")


def _rows(layer, indent=""):
    """A row for each layer, and one for each of its parameters after the first."""
    if not isinstance(layer, Layer):
        yield f"{indent}{type(layer).__name__}", ["", "", ""]
        inner = (*layer.layers, layer.join) if isinstance(layer, Parallel) else layer.layers
        for part in inner:
            yield from _rows(part, f"{indent}  ")
        return
    names = [*inspect.signature(layer.rule.forward).parameters][-len(layer.params) :]
    grads = layer.grads or [None] * len(layer.params)
    title = f"{indent}{layer.rule}"
    for name, p, g in zip(names, layer.params, grads, strict=False):
        yield title, [name, str(shape_of(p)), "" if g is None else f"{_norm(g):.3g}"]
        title = ""
    if not layer.params:
        yield title, ["", "", ""]


def _norm(g):
    xp = array_namespace(g)
    return float(norm(xp.reshape(g, (-1,)), -1)[0])
