"""Nets made of layers."""


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

    def backward(self, dy):
        """The gradient of x; each layer keeps the gradients of its parameters."""
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy

    @property
    def params(self):
        return tuple(p for layer in self.layers for p in layer.params)

    @property
    def grads(self):
        return tuple(g for layer in self.layers for g in layer.grads)
