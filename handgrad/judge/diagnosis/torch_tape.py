"""The tape of a torch.autograd.Function: its forward under torch's own automatic differentiation."""

from typing import Any

import numpy as np

from handgrad.judge.calls import contained
from handgrad.judge.diagnosis.tape import Edge, Node, Tape
from handgrad.judge.libraries import as_numpy, is_floating, to_library

NUMBERS = 256  # of one value


class Context:
    """A ctx that takes whatever a forward keeps, and forgets it."""

    def __init__(self, count):
        self.needs_input_grad = (True,) * count

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_, **__: None


class TorchProgram:
    """A torch Function's forward, differentiated by torch."""

    def __init__(self, function, real):
        self.function, self.real = function, real
        self.constants, self.masks = [], []

    def tape(self, inputs):
        """The tape at these inputs."""
        import torch

        leaves: Any = [
            to_library(x.astype(float) if is_floating(x.dtype) else x, "torch") for x in inputs
        ]
        leaves = [x.clone().requires_grad_(x.is_floating_point()) for x in leaves]
        values = {}
        with torch.enable_grad():
            with _watching(values):
                y = self._forward(leaves)
                outputs = [o * 1 for o in (y if isinstance(y, tuple | list) else (y,))]
            return _tape([leaves[i] for i in self.real], self.real, outputs, values)

    @contained()
    def _forward(self, leaves):
        import torch

        own = self.function.setup_context is not torch.autograd.Function.setup_context
        given = leaves if own else (Context(len(leaves)), *leaves)
        return self.function.forward(*given)


def _watching(values):
    """A context in which the results of torch's functions are kept, by what makes them."""
    import torch

    class Watching(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function, _, arguments=(), options=None):
            results = function(*arguments, **(options or {}))
            for result in results if isinstance(results, tuple | list) else (results,):
                if isinstance(result, torch.Tensor) and result.grad_fn is not None:
                    values[_key(result)] = np.array(as_numpy(result))
            return results

    return Watching()


def _tape(leaves, real, outputs, values):
    """Walk from the outputs to the leaves; a node for every function and result of one."""
    order, edges = _ordered(outputs), []
    place = {key: k for k, key in enumerate(order)}
    shapes = _shapes(order, outputs)
    leaf_keys = {}
    for key in order:
        if hasattr(key[0], "variable"):
            leaf_keys[id(key[0].variable)] = place[key]
            continue
        function, result = key
        for at, source, back in _pulled(function, result, shapes):
            edges.append(Edge(place[source], place[key], at, back))
    nodes = [_node(key, shapes.get(key, ()), values.get(key)) for key in order]
    for edge in edges:
        nodes[edge.target].operands += (edge.source,)
    inputs = {}
    for i, leaf in zip(real, leaves, strict=True):
        if id(leaf) not in leaf_keys:
            leaf_keys[id(leaf)] = len(nodes)
            nodes.append(Node("", tuple(leaf.shape)))
        inputs[i] = leaf_keys[id(leaf)]
        nodes[inputs[i]].value = as_numpy(leaf)
    return Tape(nodes, edges, inputs, [place[_key(o)] for o in outputs])


def _key(tensor):
    return tensor.grad_fn, tensor.output_nr


def _ordered(outputs):
    """Every (function, which of its results), inputs first."""
    order, seen = [], set()

    def visit(key):
        if key in seen:
            return
        seen.add(key)
        for source in key[0].next_functions:
            if source[0] is not None:
                visit(source)
        order.append(key)

    for o in outputs:
        visit(_key(o))
    return order


def _shapes(order, outputs):
    """The shape of every gradient, seen while torch computes one."""
    import torch

    seen = {}

    def watched(function):
        def look(grads):
            for number, g in enumerate(grads):
                if g is not None:
                    seen[function, number] = tuple(g.shape)

        return function.register_prehook(look)

    handles = [watched(function) for function in dict.fromkeys(key[0] for key in order)]
    torch.autograd.backward(outputs, [torch.ones_like(o) for o in outputs], retain_graph=True)
    for handle in handles:
        handle.remove()
    return seen


def _pulled(function, number, shapes):
    """(operand, source, Jacobian) for each operand of one function."""
    import torch

    shape = shapes[function, number]
    size = int(np.prod(shape))
    if size > NUMBERS:
        raise ValueError("a value is too large")
    rows = []
    for unit in torch.eye(size, dtype=torch.float64):
        grads = [None] * (number + 1)
        grads[number] = unit.reshape(shape)
        found = function(*grads)
        rows.append(found if isinstance(found, tuple) else (found,))
    for at, source in enumerate(function.next_functions):
        if source[0] is None or rows[0][at] is None:
            continue
        back = np.stack(
            [as_numpy(row[at].sum_to_size(shapes[source])).ravel() for row in rows], axis=1
        )
        same = back.shape[0] == back.shape[1] and np.array_equal(back, np.diag(np.diag(back)))
        yield at, source, np.diag(back).copy() if same else back


def _node(key, shape, value):
    """Its kind is the name of the function, such as `mean` for MeanBackward1."""
    name = type(key[0]).__name__.rstrip("0123456789")
    kind = name.removesuffix("Backward").lower()
    return Node("", shape, value, "", "" if name == "AccumulateGrad" else kind)
