"""torch: functions with a backward of their own, modules, and functions that autograd differentiates."""

import warnings
from typing import Any

from handgrad.judge.calls import contained
from handgrad.judge.subjects.base import Subject, as_tuple, named


class _Torch(Subject):
    """Code that torch's engine goes back through."""

    library = "torch"
    device: Any = None  # of its parameters

    def __init__(self, held, arguments=None):
        super().__init__(_titled(held), arguments)
        self.held = held

    def _packed(self, leaves):
        return super()._packed(_moved(leaves, self.device or self.arguments.device))

    def _recorded(self, call, leaves):
        """The outputs for leaves, and what their upstream gradients give for these."""
        import torch

        with torch.enable_grad():
            y = call(*leaves)
        outputs = y if isinstance(y, tuple | list) else (y,)

        def backward(dy):
            upstream = dy if isinstance(dy, tuple | list) else (dy,)
            pairs = [(o, d) for o, d in zip(outputs, upstream, strict=True) if o.requires_grad]
            return _run_engine(pairs, leaves)

        return y, backward


class TorchFunction(_Torch):
    """A torch.autograd.Function: apply, and what its own backward returns.

    torch's engine would sum and cast a gradient of a wrong shape or dtype; here it is seen first.
    """

    asked = ()  # for which arguments a gradient is asked; empty for all

    def asking(self, which):
        """The same, asked for the gradients of these leaves alone: ctx.needs_input_grad."""
        made = self.anew()
        made.asked = self._packed([i in which for i in range(len(self.arguments.leaves))])
        return made

    @contained
    def pushed(self, leaves, moves):
        """The outputs' moves, by the Function's own jvp; None where it has none."""
        if not _overrides(self.held, "jvp"):
            return None
        from torch.autograd import forward_ad as ad

        _load_tangents()
        with ad.dual_level():
            duals = [
                x if u is None else ad.make_dual(x, u) for x, u in zip(leaves, moves, strict=True)
            ]
            y = self.held.apply(*self._packed(duals))
            outputs = y if isinstance(y, tuple) else (y,)
            return [ad.unpack_dual(o).tangent for o in outputs]

    def by_operations(self, *leaves):
        """The outputs by forward's own operations, which are not hidden behind apply."""
        context = (_Context(),) if takes_context(self.held) else ()
        return self.held.forward(*context, *self._packed(leaves))

    def _forward(self, *arguments):
        y = self.held.apply(*arguments)
        return tuple(y) if isinstance(y, list) else y

    def _vjp(self, *arguments):
        returned = []
        asked = self.asked or (True,) * len(arguments)
        leaves = [_leaf(x, asked=one) for x, one in zip(arguments, asked, strict=True)]
        y, run = self._recorded(_kept(self.held, returned).apply, leaves)

        def backward(dy):
            try:
                run(dy)
            except RuntimeError:
                if not returned:
                    raise  # else the engine refuses what the judge is to see
            return _by_argument(as_tuple(returned.pop()), arguments)

        return y, backward


class TorchCallable(_Torch):
    """A plain function of tensors, or a module with its parameters; torch's autograd is the backward."""

    def __init__(self, held, arguments=None):
        super().__init__(held, arguments)
        named_parameters = getattr(held, "named_parameters", dict)
        own = [(n, p) for n, p in dict(named_parameters()).items() if p.requires_grad]
        self.parameter_names = [name for name, _ in own]
        self.parameters = tuple(p.detach() for _, p in own)
        self.device = own[0][1].device if own else None

    def by_operations(self, *leaves):
        """The outputs by operations that torch can record."""
        return self._called(*self._packed(leaves))

    def _forward(self, *arguments):
        return self._called(*(a.detach() if hasattr(a, "detach") else a for a in arguments))

    def _called(self, *arguments):
        if not hasattr(self.held, "named_parameters"):
            return self.held(*arguments)
        import torch

        count = len(arguments) - len(self.parameters)
        state = dict(zip(self.parameter_names, arguments[count:], strict=True))
        kind = arguments[count].dtype if state else None
        for name, buffer in self.held.named_buffers():
            real = buffer.is_floating_point() and kind is not None
            state[name] = buffer.to(kind) if real else buffer.clone()
        return torch.func.functional_call(self.held, state, tuple(arguments[:count]))

    def _vjp(self, *arguments):
        leaves = [_leaf(x) for x in arguments]
        y, run = self._recorded(self._called, leaves)

        def backward(dy):
            found = iter(run(dy))
            return tuple(next(found) if _needs(x) else None for x in leaves)

        return y, backward


class _Context:
    """What a Function's forward keeps for its backward goes nowhere."""

    def __getattr__(self, name):
        return lambda *_, **__: None


def _titled(held):
    return type(held).__name__ if hasattr(held, "named_parameters") else named(held)


def _moved(leaves, device):
    """The leaves where the given ones are, or the parameters: on a GPU, if these are on one."""
    if device is None or device.type == "cpu":
        return leaves
    return tuple(x.to(device) if hasattr(x, "detach") else x for x in leaves)


def _leaf(x, *, asked=True):
    """A tensor for which autograd is asked; options are as they are."""
    if not hasattr(x, "detach"):
        return x
    return x.detach().requires_grad_(bool(asked) and x.is_floating_point())


def _load_tangents():
    """Have torch load what its first tangent needs: it warns of its own parts."""
    import torch
    from torch.autograd import forward_ad as ad

    with warnings.catch_warnings(), ad.dual_level():
        warnings.simplefilter("ignore")
        ad.make_dual(torch.zeros(1), torch.zeros(1))


def _overrides(function, name):
    """Whether a Function has a method of its own."""
    classes = (c for c in function.__mro__ if not c.__module__.startswith("torch.autograd"))
    return any(name in vars(cls) for cls in classes)


def takes_context(function):
    """Whether forward takes ctx first: it does not where setup_context does."""
    return not _overrides(function, "setup_context")


def _needs(x):
    return hasattr(x, "requires_grad") and x.requires_grad


def _run_engine(pairs, leaves):
    """The gradients of the leaves; zeros where torch has none."""
    import torch

    reached = [x for x in leaves if _needs(x)]
    if not pairs:
        return [torch.zeros_like(x) for x in reached]
    grads = torch.autograd.grad(
        [o for o, _ in pairs],
        reached,
        [d.to(o.device) for o, d in pairs],
        allow_unused=True,
        retain_graph=True,
    )
    return [torch.zeros_like(x) if g is None else g for x, g in zip(reached, grads, strict=True)]


def _by_argument(grads, arguments):
    """One gradient for each argument: torch lets None follow for options that were left out."""
    extra = grads[len(arguments) :]
    return grads[: len(arguments)] if all(g is None for g in extra) else grads


def _kept(function, returned):
    """The torch Function, with what its backward returns put into a list as well."""

    def backward(ctx, *dy):
        grads = function.backward(ctx, *dy)
        returned.append(grads)
        return grads

    return type(function.__name__, (function,), {"backward": staticmethod(backward)})


def is_function(cls):
    """Whether a class is a torch.autograd.Function."""
    return isinstance(cls, type) and any(
        base.__module__.startswith("torch.autograd") for base in cls.__mro__
    )


def applied(subject):
    """The Function that `Function.apply` belongs to, or None."""
    owner = getattr(subject, "__self__", None)
    return owner if getattr(subject, "__name__", "") == "apply" and is_function(owner) else None
