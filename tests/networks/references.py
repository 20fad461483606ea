"""The same networks in plain jax.numpy and lax, written from their definitions.

`p` gives one parameter after the other, in the order in which the network draws them.
"""

import jax
import jax.numpy as jnp
from jax import lax, nn


def resnet(p, x):
    x = nn.relu(filtered(p, x, stride=2))
    x = nn.relu(x + filtered(p, nn.relu(filtered(p, x))))
    body = filtered(p, nn.relu(filtered(p, x, stride=2)))
    x = nn.relu(body + filtered(p, x, stride=2))
    return jnp.mean(x, axis=(2, 3)) @ next(p) + next(p)


def inverted_residual(p, x):
    h = nn.relu6(filtered(p, x))
    h = nn.relu6(filtered(p, h, groups=h.shape[1]))
    return x + filtered(p, h)


def mbconv(p, x):
    h = nn.silu(filtered(p, x))
    h = nn.silu(filtered(p, h, groups=h.shape[1]))
    squeezed = jnp.mean(h, axis=(2, 3), keepdims=True)
    gate = nn.sigmoid(convolution(p, nn.silu(convolution(p, squeezed))))
    return x + filtered(p, h * gate)


def convnext(p, x):
    h = jnp.moveaxis(convolution(p, x, groups=x.shape[1]), 1, -1)
    mean, var = jnp.mean(h, axis=-1, keepdims=True), jnp.var(h, axis=-1, keepdims=True)
    h = (h - mean) / jnp.sqrt(var + 1e-6) * next(p) + next(p)
    h = nn.gelu(h @ next(p) + next(p), approximate=False) @ next(p) + next(p)
    return x + jnp.moveaxis(h * next(p), -1, 1)


def unet(p, x, depth=2):
    before = nn.relu(convolution(p, x))
    if not depth:
        return before
    n, c, h, w = before.shape
    pooled = jnp.max(before.reshape(n, c, h // 2, 2, w // 2, 2), axis=(3, 5))
    below = unet(p, pooled, depth - 1)
    larger = jax.image.resize(below, (*below.shape[:2], h, w), "linear")
    return nn.relu(convolution(p, jnp.concatenate([before, larger], axis=1)))


def gpt2(p, x, heads=2):
    h = layer_norm(p, x)
    q, k, v = jnp.split(h @ next(p) + next(p), 3, axis=-1)
    q, k, v = (a.reshape(*a.shape[:2], heads, -1) for a in (q, k, v))
    s = jnp.einsum("bihd,bjhd->bhij", q, k) / jnp.sqrt(q.shape[-1])
    before = jnp.tri(x.shape[1], dtype=bool)
    weights = nn.softmax(jnp.where(before, s, -jnp.inf), axis=-1)
    mean = jnp.einsum("bhij,bjhd->bihd", weights, v)
    x = x + mean.reshape(x.shape) @ next(p) + next(p)
    h = nn.gelu(layer_norm(p, x) @ next(p) + next(p), approximate=True)
    return x + h @ next(p) + next(p)


def vae(p, x, noise):
    h = jnp.tanh(x @ next(p) + next(p))
    mean, s = (h @ next(p) + next(p) for _ in range(2))
    z = mean + jnp.sqrt(jnp.exp(s)) * noise
    q = nn.sigmoid(jnp.tanh(z @ next(p) + next(p)) @ next(p) + next(p))
    likelihood = -jnp.sum(x * jnp.log(q) + (1 - x) * jnp.log(1 - q))
    return likelihood + jnp.sum(mean**2 + jnp.exp(s) - 1 - s) / 2


def siamese(p, a, b, same):
    weights = list(p)
    u, v = (jnp.tanh(x @ weights[0] + weights[1]) @ weights[2] + weights[3] for x in (a, b))
    d = jnp.sqrt(jnp.sum((u - v) ** 2, axis=1))
    return jnp.mean(jnp.where(same, d**2, nn.relu(1.5 - d) ** 2)) / 2


def layer_norm(p, x):
    """Rows of mean 0 and variance 1, scaled and shifted"""
    mean, var = jnp.mean(x, axis=-1, keepdims=True), jnp.var(x, axis=-1, keepdims=True)
    return (x - mean) * lax.rsqrt(var + 1e-5) * next(p) + next(p)


def filtered(p, x, *, stride=1, groups=1):
    """A convolution without a bias, and a batch norm"""
    x = _convolution(x, next(p), stride, groups)
    mean = jnp.mean(x, axis=(0, 2, 3), keepdims=True)
    var = jnp.var(x, axis=(0, 2, 3), keepdims=True)
    gamma, beta = next(p)[:, None, None], next(p)[:, None, None]
    return gamma * (x - mean) * lax.rsqrt(var + 1e-5) + beta


def convolution(p, x, *, groups=1):
    """A convolution with a bias"""
    return _convolution(x, next(p), 1, groups) + next(p)[:, None, None]


def _convolution(x, W, stride, groups):
    around = [(size // 2, size // 2) for size in W.shape[2:]]
    return lax.conv_general_dilated(x, W, (stride,) * 2, around, feature_group_count=groups)
