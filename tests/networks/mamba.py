"""Mamba's block, made of rules and in plain jax.numpy.

Gu and Dao, Mamba, 2023, arXiv:2312.00752, section 3.4.
"""

import jax.numpy as jnp
from jax import lax, nn

from handgrad import (
    Affine,
    Exp,
    Layer,
    RMSNorm,
    SelectiveScan,
    Sequential,
    Softplus,
    Split,
    StatefulConv1d,
    SwiGLU,
)

BATCH, CHANNELS, WIDE, STATES, FILTER = 2, 3, 5, 4, 4


class Mamba:
    """y = x + W (silu(z) scan(u))    with z and u of the normalized x, and u filtered

    u goes into the scan, and into what the scan is made of at each step: Δ, B and C. The rank of Δ
    is the number of the states, so that the three are equal sections.
    """

    def __init__(self, draw):
        self.norm = Layer(RMSNorm(eps=1e-5), draw(CHANNELS, around=1))
        self.wide = Layer(Affine(), draw(CHANNELS, 2 * WIDE), draw(2 * WIDE))
        filters = draw(WIDE, FILTER), draw(WIDE), draw(BATCH, FILTER - 1, WIDE)
        self.filtered = Layer(StatefulConv1d(silu=True), *filters)
        self.selected = Layer(Affine(), draw(WIDE, 3 * STATES), draw(3 * STATES))
        steps = Layer(Affine(), draw(STATES, WIDE), draw(WIDE))
        self.steps = Sequential(steps, Layer(Softplus()))
        self.rates = Layer(Exp(), draw(WIDE, STATES))
        self.scan = Layer(SelectiveScan(chunk=4), draw(WIDE))
        self.narrow = Layer(Affine(), draw(WIDE, CHANNELS), draw(CHANNELS))
        self.halves, self.thirds = Layer(Split(axis=-1)), Layer(Split(3, axis=-1))
        self.gate = Layer(SwiGLU())

    def forward(self, x):
        """x and what the block makes of it."""
        u, z = self.halves.forward(self.wide.forward(self.norm.forward(x)))
        u, _ = self.filtered.forward(u)
        steps, B, C = self.thirds.forward(self.selected.forward(u))
        y = self.scan.forward(u, self.steps.forward(steps), -self.rates.forward(), B, C)
        return x + self.narrow.forward(self.gate.forward(z, y))

    def backward(self, dy):
        """The gradient of x."""
        dz, d_scan = self.gate.backward(self.narrow.backward(dy))
        du, d_steps, d_rates, dB, dC = self.scan.backward(d_scan)
        self.rates.backward(-d_rates)
        selected = self.thirds.backward((self.steps.backward(d_steps), dB, dC))
        du = du + self.selected.backward(selected)
        no_state = 0 * self.filtered.params[-1]
        halves = self.halves.backward((self.filtered.backward((du, no_state)), dz))
        return dy + self.norm.backward(self.wide.backward(halves))

    @property
    def params(self):
        return tuple(p for layer in self._layers for p in layer.params)

    @property
    def grads(self):
        return tuple(g for layer in self._layers for g in layer.grads)

    @property
    def _layers(self):
        """The layers in the order in which their parameters are drawn."""
        parts = self.norm, self.wide, self.filtered, self.selected, self.steps
        return *parts, self.rates, self.scan, self.narrow


def mamba(p, x):
    """The same block; `p` gives one parameter after the other."""
    normalized = next(p) * x / jnp.sqrt(jnp.mean(x**2, axis=-1, keepdims=True) + 1e-5)
    u, z = jnp.split(normalized @ next(p) + next(p), 2, axis=-1)
    w, b, state = next(p), next(p), next(p)
    padded = jnp.concatenate([state, u], axis=1)
    filters = jnp.moveaxis(w[:, None], (0, 1, 2), (2, 1, 0))
    dimensions = ("NWC", "WIO", "NWC")
    u = lax.conv_general_dilated(
        padded, filters, (1,), "VALID", dimension_numbers=dimensions, feature_group_count=WIDE
    )
    u = nn.silu(u + b)
    steps, B, C = jnp.split(u @ next(p) + next(p), 3, axis=-1)
    delta = nn.softplus(steps @ next(p) + next(p))
    A, D = -jnp.exp(next(p)), next(p)

    def step(h, row):
        u, delta, B, C = row
        h = jnp.exp(delta[..., None] * A) * h + (delta * u)[..., None] * B[:, None]
        return h, jnp.sum(h * C[:, None], axis=-1) + D * u

    rows = [jnp.moveaxis(a, 1, 0) for a in (u, delta, B, C)]
    y = lax.scan(step, jnp.zeros((x.shape[0], *A.shape)), rows)[1]
    return x + (nn.silu(z) * jnp.moveaxis(y, 0, 1)) @ next(p) + next(p)
