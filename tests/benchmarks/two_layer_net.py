"""One gradient of the book's net (784-50-10, a batch of 100) beside its peers.

python -m tests.benchmarks.two_layer_net
"""

import autograd
import autograd.numpy as anp
import jax
import jax.numpy as jnp
import numpy as np
import torch

from handgrad.book import TwoLayerNet
from handgrad.comparison.timing import interleaved, machine
from tests.benchmarks.harness import table

ROUNDS, CALLS = 40, 25


def peers(dtype):
    """The same gradient, of the same numbers, by each peer."""
    rng = np.random.default_rng(0)
    x = rng.random((100, 784)).astype(dtype)
    t = np.eye(10, dtype=dtype)[rng.integers(10, size=100)]
    net = TwoLayerNet(784, 50, 10)
    for name, p in net.params.items():
        net.params[name] = p.astype(dtype)
    calls = {
        "handgrad, NumPy": lambda: net.gradient(x, t),
        "HIPS autograd": hips(net.params, x, t),
        "PyTorch eager": pytorch(net.params, x, t),
        "jax.jit(value_and_grad)": jitted(net.params, x, t),
    }
    expected = calls["handgrad, NumPy"]()
    for name, call in calls.items():
        for key, value in call().items():
            error = np.max(np.abs(np.asarray(value) - expected[key]))
            assert error < 1e-5, f"{name} computes another {key}, off by {error}"
    return calls


def hips(params, x, t):
    def loss(p):
        a = anp.maximum(anp.dot(x, p["W1"]) + p["b1"], 0)
        z = anp.dot(a, p["W2"]) + p["b2"]
        z = z - anp.max(z, axis=1, keepdims=True)
        return anp.mean(anp.log(anp.sum(anp.exp(z), axis=1)) - anp.sum(t * z, axis=1))

    gradient = autograd.value_and_grad(loss)
    return lambda: gradient(params)[1]


def pytorch(params, x, t):
    p = {name: torch.tensor(value, requires_grad=True) for name, value in params.items()}
    x, t = torch.tensor(x), torch.tensor(t)

    def gradient():
        a = torch.relu(x @ p["W1"] + p["b1"])
        loss = torch.nn.functional.cross_entropy(a @ p["W2"] + p["b2"], t)
        return dict(zip(p, torch.autograd.grad(loss, p.values()), strict=True))

    return gradient


def jitted(params, x, t):
    def loss(p, x, t):
        a = jax.nn.relu(x @ p["W1"] + p["b1"])
        log_p = jax.nn.log_softmax(a @ p["W2"] + p["b2"])
        return -jnp.mean(jnp.sum(t * log_p, axis=1))

    gradient = jax.jit(jax.value_and_grad(loss))
    p = {name: jnp.asarray(value) for name, value in params.items()}
    x, t = jnp.asarray(x), jnp.asarray(t)
    return lambda: jax.block_until_ready(gradient(p, x, t))[1]


def main():
    jax.config.update("jax_enable_x64", True)
    print(machine("numpy", "jax", "torch", "autograd"), f"torch threads {torch.get_num_threads()}")
    for dtype in ("float64", "float32"):
        print(f"\n{dtype}")
        print("\n".join(table(interleaved(peers(dtype), ROUNDS, CALLS), "handgrad, NumPy")))


if __name__ == "__main__":
    main()
