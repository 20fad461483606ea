"""A rule in torch: its forward is the operation, its backward what autograd calls."""

import importlib

from handgrad.bridges.subject import refuse_what_is_no_rule
from handgrad.common import needs as needed


def as_torch(rule):
    """f(*inputs) = rule.forward(*inputs)[0], with rule.backward as its derivative

    f takes tensors, and numbers where the rule does, and stands in autograd's graph:

    >>> import torch
    >>> from handgrad import Tanh
    >>> from handgrad.bridges import as_torch
    >>> x = torch.zeros(3, requires_grad=True)
    >>> as_torch(Tanh())(x).sum().backward()
    >>> x.grad
    tensor([1., 1., 1.])

    It is differentiated once. A second derivative that depends on f raises, and so do torch.func
    and torch.vmap; as_jax has them all.
    """
    refuse_what_is_no_rule(rule)
    torch = _torch()
    operation = _operation(torch, rule)

    def function(*inputs):
        for i, x in enumerate(inputs):
            if not isinstance(x, torch.Tensor | int | float):
                raise TypeError(
                    f"input {i} of {rule!r} is of type {type(x).__name__}: pass a tensor, as in "
                    "torch.asarray(x)"
                )
        try:
            several, _, *y = operation.apply(*inputs)
        except RuntimeError as error:
            if "setup_context" not in str(error):
                raise
            raise RuntimeError(
                f"torch.func and torch.vmap cannot go through {rule!r}: use backward or "
                "torch.autograd.grad, or as_jax with jax.vmap"
            ) from None
        return tuple(y) if several else y[0]

    function.__name__ = type(rule).__name__
    return function


def _operation(torch, rule):
    """The rule as a torch.autograd.Function.

    Its outputs are whether the rule has several, an anchor, and the rule's own. The anchor hangs
    on every input, as the gradients do, and keeps none of them alive.
    """
    refused = _refused(torch, rule)

    def forward(ctx, *inputs):
        y, residuals = rule.forward(*inputs)
        anchor = torch.empty(0)
        tensors = [r if torch.is_tensor(r) else None for r in residuals]
        ctx.save_for_backward(anchor, *tensors)
        ctx.numbers = [r if t is None else None for r, t in zip(residuals, tensors, strict=True)]
        ctx.several = isinstance(y, tuple)
        return ctx.several, anchor, *(y if ctx.several else (y,))

    def backward(ctx, _several, _anchor, *dy):
        anchor, *tensors = ctx.saved_tensors
        kept = zip(tensors, ctx.numbers, strict=True)
        residuals = tuple(n if t is None else t for t, n in kept)
        needs = ctx.needs_input_grad
        dy = dy if ctx.several else dy[0]
        grads = needed.call(rule.backward, residuals, dy, needs=needs)
        grads = [dx if flag else None for dx, flag in zip(grads, needs, strict=True)]
        return refused.apply(anchor, *grads) if torch.is_grad_enabled() else tuple(grads)

    return _function(torch, type(rule).__name__, forward, backward)


def _refused(torch, rule):
    """The gradients as they are, in a graph that raises where it is differentiated.

    The graph ends at residuals that are neither inputs nor outputs. Without the anchor, a second
    derivative would take what they contribute for a constant, without a word.
    """

    def forward(_ctx, _anchor, *grads):
        return grads

    def backward(_ctx, *_):
        raise RuntimeError(
            f"{rule!r} can be differentiated only once in torch: use as_jax for a second derivative"
        )

    return _function(torch, f"{type(rule).__name__}Twice", forward, backward)


def _function(torch, name, forward, backward):
    """A torch.autograd.Function, of the name that the graph is to show."""
    methods = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type(name, (torch.autograd.Function,), methods)


def _torch():
    try:
        importlib.import_module("array_api_compat")
        return importlib.import_module("torch")
    except ImportError as error:
        message = f"as_torch needs {error.name}: pip install torch array-api-compat"
        raise ImportError(message) from None
