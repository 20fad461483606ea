"""One gradient of a net, of the same numbers, by each peer."""

import autograd
import jax
import jax.numpy as jnp
import numpy as np
import torch

from handgrad.comparison.timing import machine
from tests.benchmarks.harness import quartiles_of, ratio, timed

SECONDS = 10  # for all peers in one precision
CLOSE = {"float64": 1e-10, "float32": 1e-4}  # of the largest number
OURS = "handgrad, NumPy"


def report(net_of, losses):
    """A table for each precision. `losses` are loss(params, x, t) in HIPS autograd, torch and JAX."""
    print(machine("numpy", "jax", "torch", "autograd"))
    for dtype in CLOSE:
        print(f"\n{dtype}, one thread")
        print(f"{'':<24}{'median':>10}{'middle half':>20}{'times ours':>12}")
        with jax.enable_x64(dtype == "float64"):
            times = timed(calls_of(net_of(dtype), losses, dtype), SECONDS)
        for name in times:
            low, middle, high = (1e6 * t for t in quartiles_of(times[name]))
            spread = f"{low:.0f} to {high:.0f}"
            times_ours = ratio(times, name, OURS)[1]
            print(f"{name:<24}{middle:>7.0f} µs{spread:>17} µs{times_ours:>12.2f}", flush=True)


def draw(dtype):
    """A batch of 100 images of 28 × 28 pixels, and their labels, one-hot."""
    rng = np.random.default_rng(0)
    return rng.random((100, 784)).astype(dtype), np.eye(10, dtype=dtype)[rng.integers(10, size=100)]


def calls_of(net, losses, dtype):
    """A call of each peer; all of them compute the same gradient."""
    x, t = draw(dtype)
    net.params = {name: p.astype(dtype) for name, p in net.params.items()}
    hips, pytorch, compiled = losses
    calls = {
        OURS: lambda: net.gradient(x, t),
        "HIPS autograd": by_hips(hips, net.params, x, t),
        "PyTorch eager": by_torch(pytorch, net.params, x, t),
        "jax.jit(value_and_grad)": by_jax(compiled, net.params, x, t),
    }
    wanted = calls[OURS]()
    for name, call in calls.items():
        for key, found in call().items():
            off = np.max(np.abs(np.asarray(found) - wanted[key])) / np.max(np.abs(wanted[key]))
            assert off < CLOSE[dtype], f"{name} computes another {key}, off by {off:.1e}"
    return calls


def by_hips(loss, params, x, t):
    gradient = autograd.value_and_grad(loss)
    return lambda: gradient(params, x, t)[1]


def by_torch(loss, params, x, t):
    p = {name: torch.tensor(value, requires_grad=True) for name, value in params.items()}
    x, t = torch.tensor(x), torch.tensor(t)

    def gradient():
        found = torch.autograd.grad(loss(p, x, t), p.values())
        return dict(zip(p, found, strict=True))

    return gradient


def by_jax(loss, params, x, t):
    gradient = jax.jit(jax.value_and_grad(loss))
    p, x, t = jax.tree.map(jnp.asarray, (params, x, t))
    return lambda: jax.block_until_ready(gradient(p, x, t))[1]
