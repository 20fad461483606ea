"""Planted bugs in jax.custom_vjp functions and torch.autograd.Functions; all of them local."""

from tests.judge.planted.planted import Planted, positive, real


def softplus(slope):
    """A custom_vjp of log(1 + eˣ); slope(jax, x) is its derivative."""
    import jax
    from jax import numpy as jnp

    @jax.custom_vjp
    def softplus(x):
        return jnp.logaddexp(x, jnp.zeros_like(x))

    softplus.defvjp(lambda x: (softplus(x), x), lambda x, dy: (dy * slope(jax, x),))
    return softplus


def step(jax, x):
    return (x > 0).astype(x.dtype)


def logistic(jax, x):
    return jax.nn.sigmoid(x)


def rolled(back):
    """A custom_vjp of x − roll(x, 1); dx rolls dy by `back`."""
    import jax
    from jax import numpy as jnp

    @jax.custom_vjp
    def change(x):
        return jnp.roll(x, 1, axis=0)

    change.defvjp(lambda x: (change(x), None), lambda _, dy: (jnp.roll(dy, back, axis=0),))
    return change


def root_mean_square(factor):
    """A custom_vjp of √(mean x² + ε); dx is x over N y, times a factor."""
    import jax
    from jax import numpy as jnp

    @jax.custom_vjp
    def rms(x):
        return jnp.sqrt(jnp.mean(x * x, axis=-1) + 1e-5)

    def forward(x):
        y = rms(x)
        return y, (x, y)

    def backward(kept, dy):
        x, y = kept
        return (factor * x / x.shape[-1] * (dy / y)[:, None],)

    rms.defvjp(forward, backward)
    return rms


def linear(*, transposed):
    """A torch Function of x W."""
    import torch

    class Linear(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, W):
            ctx.save_for_backward(x, W)
            return x @ W

        @staticmethod
        def backward(ctx, dy):
            x, W = ctx.saved_tensors
            return dy @ W.T, dy.T @ x if transposed else x.T @ dy

    return Linear


def sigmoid(times):
    """A torch Function of 1 / (1 + e⁻ˣ), whose backward multiplies by dy so many times."""
    import torch

    class Sigmoid(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = torch.sigmoid(x)
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, dy):
            (y,) = ctx.saved_tensors
            return dy**times * y * (1 - y)

    return Sigmoid


def logarithm(*, half):
    """A torch Function of log x."""
    import torch

    class Log(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.log(x)

        @staticmethod
        def backward(ctx, dy):
            (x,) = ctx.saved_tensors
            return (dy.half() / x.half()).to(x.dtype) if half else dy / x

    return Log


def gaussian_loss(*, squared):
    """A torch Function of (r² / v + log v) / 2, with or without the square of v in its slope."""
    import torch

    class GaussianLoss(torch.autograd.Function):
        @staticmethod
        def forward(ctx, r, v):
            ctx.save_for_backward(r, v)
            return 0.5 * (r**2 / v + v.log())

        @staticmethod
        def backward(ctx, dy):
            r, v = ctx.saved_tensors
            return dy * r / v, 0.5 * dy * (1 / v - r**2 / (v**2 if squared else v))

    return GaussianLoss


IN_JAX = [
    Planted(
        "softplus with a step for its slope",
        "x > 0",
        r"x\)? > 0",
        real((8, 5)),
        lambda: softplus(logistic),
        lambda: softplus(step),
    ),
    Planted(
        "roll the same way",
        "shifted",
        r"shifted by 2 along axis 0",
        real((8, 5)),
        lambda: rolled(-1),
        lambda: rolled(1),
    ),
    Planted(
        "root mean square halved",
        "½",
        r"½ times",
        real((8, 5)),
        lambda: root_mean_square(1.0),
        lambda: root_mean_square(0.5),
    ),
]
IN_TORCH = [
    Planted(
        "torch's dW = dyᵀ x",
        "transposed",
        r"input 1 .*transposed",
        real((8, 5), (5, 5)),
        lambda: linear(transposed=False),
        lambda: linear(transposed=True),
    ),
    Planted(
        "torch's sigmoid times dy twice",
        "dy twice",
        r"used twice",
        real((8, 5)),
        lambda: sigmoid(1),
        lambda: sigmoid(2),
    ),
    Planted(
        "torch's log in half precision",
        "bits",
        r"lost bits.*float16",
        positive((8, 5)),
        lambda: logarithm(half=False),
        lambda: logarithm(half=True),
    ),
    Planted(
        "torch's quotient without a square",
        "slope",
        r"input 1 .*derivative of the quotient.*a factor its input too many",
        positive((4, 3), (4, 3)),
        lambda: gaussian_loss(squared=True),
        lambda: gaussian_loss(squared=False),
    ),
]
