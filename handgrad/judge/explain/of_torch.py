"""torch's code as a program: the operations that torch records, each differentiated by autograd.

The derivatives that somebody's Functions bring along are not in it: these are on trial.
"""

import operator
from typing import Any

import numpy as np

from handgrad.judge.calls import contained
from handgrad.judge.libraries import as_numpy, is_floating, to_library

# torch's operations by the names that JAX has for them, which are those of a tape
KINDS = {"amax": "reduce_max", "amin": "reduce_min", "sum": "reduce_sum", "cat": "concatenate"}
KINDS |= {"bmm": "dot_general", "mm": "dot_general", "mv": "dot_general", "dot": "dot_general"}
KINDS |= {"clamp_max": "min", "clamp_min": "max", "maximum": "max", "minimum": "min", "relu": "max"}
KINDS |= {"convolution": "conv_general_dilated", "where": "select_n", "sigmoid": "logistic"}
KINDS |= {"expand": "broadcast_in_dim", "permute": "transpose", "t": "transpose"}
KINDS |= {"index": "gather", "index_select": "gather", "select": "slice"}
KINDS |= {"view": "reshape", "_unsafe_view": "reshape", "_to_copy": "convert_element_type"}
AS_THEY_ARE = {"alias", "clone", "detach", "lift_fresh_copy", "contiguous"}
WITH_NUMBERS = {"add", "sub", "mul", "div"}
WHOLE = ("_softmax", "_log_softmax", "native_layer_norm", "stack", "addmm")  # taken apart too


class Recorded:
    """An oracle: the gradients of a subject's forward, by the operations that torch records."""

    def __init__(self, subject):
        self.subject, self.programs = subject, {}

    @contained
    def __call__(self, inputs, dy):
        """The outputs, and the gradients of the real inputs by position."""
        import torch

        leaves = [_tensor(x) for x in inputs]
        real = {i: x.requires_grad_() for i, x in enumerate(leaves) if x.is_floating_point()}
        with torch.enable_grad():
            ys = self.forward_program(inputs)(leaves)
        moved = [(y, _tensor(d)) for y, d in zip(ys, dy, strict=True) if y.requires_grad]
        outputs, upstream = zip(*moved, strict=True)
        grads = torch.autograd.grad(
            outputs, [*real.values()], upstream, allow_unused=True, materialize_grads=True
        )
        return list(map(as_numpy, ys)), dict(zip(real, map(as_numpy, grads), strict=True))

    @contained
    def forward_program(self, inputs):
        """The program of the forward for inputs of these shapes."""
        key = tuple((x.shape, x.dtype.kind) for x in inputs)
        if key not in self.programs:
            self.programs[key] = Program(_recorded(self.subject, inputs))
        return self.programs[key]


def _tensor(x) -> Any:
    return to_library(x.astype(float) if is_floating(x.dtype) else x, "torch")


def _recorded(subject, inputs):
    """The graph of torch's operations, each in terms of a few simple ones."""
    import torch
    from torch import _decomp
    from torch.fx.experimental.proxy_tensor import make_fx

    aten = torch.ops.aten
    whole = _decomp.get_decompositions([getattr(aten, name) for name in WHOLE])
    simpler: Any = {**_decomp.core_aten_decompositions(), **whole}
    function = torch.func.functionalize(subject.by_operations)
    return make_fx(function, simpler)(*map(_tensor, inputs))


class Program:
    """The operations of a graph, as steps over slots."""

    def __init__(self, module):
        self.inputs, self.steps, self.constants = [], [], {}
        slots = {}  # an operation may have several results: (node, which)
        for node in module.graph.nodes:
            slots[node] = (node, 0)
            if node.op == "placeholder":
                self.inputs.append(slots[node])
            elif node.op == "output":
                ys = node.args[0]
                self.outputs = [slots[y] for y in (ys if isinstance(ys, tuple | list) else [ys])]
            elif node.op == "get_attr":
                self.constants[slots[node]] = as_numpy(getattr(module, node.target))
            elif node.target is operator.getitem:
                slots[node] = node.args
            elif _name(node) in AS_THEY_ARE:
                slots[node] = slots[node.args[0]]
            else:
                self.steps.append(Step(node, slots, self.constants))

    def __call__(self, leaves):
        """The outputs, of tensors."""
        values = {slot: _tensor(x) for slot, x in self.constants.items()}
        values |= dict(zip(self.inputs, leaves, strict=True))
        for step in self.steps:
            values |= zip(
                step.outputs, step.of([values[slot] for slot in step.inputs]), strict=False
            )
        return [values[slot] for slot in self.outputs]


def _name(node):
    return getattr(getattr(node.target, "overloadpacket", None), "__name__", "")


class Step:
    """One operation: its kind, and the slots that it reads and fills."""

    def __init__(self, node, slots, constants):
        from torch.fx.node import map_arg

        self.node, self.kind, self.inputs = node, KINDS.get(_name(node), _name(node)), []
        map_arg((node.args, node.kwargs), lambda read: self.inputs.append(slots[read]))
        taken = [user.args[1] for user in node.users if user.target is operator.getitem]
        self.outputs = [(node, k) for k in range(max(taken, default=0) + 1)]
        if self.kind in WITH_NUMBERS and len(self.inputs) == 1:
            self.inputs.append((node, "number"))  # stands for it, as in a program of JAX's
            constants[self.inputs[1]] = np.zeros(())

    def of(self, operands):
        """The results, of tensors."""
        from torch.fx.node import map_arg

        given = iter(operands)
        arguments, options = map_arg((self.node.args, self.node.kwargs), lambda _: next(given))
        results = self.node.target(*arguments, **options)
        return results if isinstance(results, tuple | list) else [results]

    def run(self, operands):
        """The results, of arrays."""
        return list(map(as_numpy, self.of(list(map(_tensor, operands)))))

    def back(self, p, k, operands, *, each):
        """The gradients of operand p for each number of result k; of all at once, for `each`."""
        import torch

        given = list(map(_tensor, operands))
        pulled: Any = torch.func.vjp(
            lambda x: self.of([*given[:p], x, *given[p + 1 :]])[k], given[p]
        )
        y, pull = pulled
        if each and y.numel() == given[p].numel():
            return as_numpy(pull(torch.ones_like(y))[0])
        units = torch.eye(y.numel(), dtype=y.dtype).reshape(-1, *y.shape)
        return as_numpy(torch.func.vmap(lambda unit: pull(unit)[0])(units))
