"""One gradient of the book's two nets, of the same numbers, beside their peers.

python -m tests.benchmarks.nets

TwoLayerNet is 784-50-10, ConvNet has 30 filters of 5 × 5 and 100 hidden neurons; a batch of 100.
By hand the gradient of the images is computed too, as in the book; the peers leave it out.
"""

import autograd
import autograd.numpy as anp
import jax
import jax.numpy as jnp
import numpy as np
import torch

from handgrad.book.nets import ConvNet, TwoLayerNet, draw_params
from handgrad.comparison.timing import machine
from handgrad.reference import pooling
from tests.benchmarks import hips, idioms
from tests.benchmarks.harness import alone, quartiles_of, ratio, timed

SECONDS = 10  # for all peers in one precision
CLOSE = {"float64": 1e-10, "float32": 1e-4}  # of the largest number
OURS = "handgrad, NumPy"
CONV = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
POOL = {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0)}


def two_layers_in_hips(p, x, t):
    a = anp.maximum(anp.dot(x, p["W1"]) + p["b1"], 0)
    return hips.softmax_cross_entropy(anp.dot(a, p["W2"]) + p["b2"], t)


def two_layers_in_torch(p, x, t):
    a = torch.relu(x @ p["W1"] + p["b1"])
    return torch.nn.functional.cross_entropy(a @ p["W2"] + p["b2"], t)


def two_layers_in_jax(p, x, t):
    a = jax.nn.relu(x @ p["W1"] + p["b1"])
    return idioms.softmax_cross_entropy(a @ p["W2"] + p["b2"], t)


def conv_in_hips(p, x, t):
    a = hips.conv2d(anp.reshape(x, (-1, 1, 28, 28)), p["W1"], p["b1"], **CONV)
    a = hips.max_pool2d(anp.maximum(a, 0), **POOL)
    a = anp.maximum(anp.dot(anp.reshape(a, (len(x), -1)), p["W2"]) + p["b2"], 0)
    return hips.softmax_cross_entropy(anp.dot(a, p["W3"]) + p["b3"], t)


def conv_in_torch(p, x, t):
    a = torch.nn.functional.conv2d(x.reshape(-1, 1, 28, 28), p["W1"], p["b1"])
    a = torch.nn.functional.max_pool2d(torch.relu(a), 2)
    a = torch.relu(a.reshape(len(x), -1) @ p["W2"] + p["b2"])
    return torch.nn.functional.cross_entropy(a @ p["W3"] + p["b3"], t)


def conv_in_jax(p, x, t):
    a = idioms.conv2d(x.reshape(-1, 1, 28, 28), p["W1"], p["b1"], **CONV)
    a = pooling.max_pool2d(jax.nn.relu(a), **POOL)
    a = jax.nn.relu(a.reshape(len(x), -1) @ p["W2"] + p["b2"])
    return idioms.softmax_cross_entropy(a @ p["W3"] + p["b3"], t)


def two_layer_net():
    return TwoLayerNet(784, 50, 10)


def conv_net():
    return ConvNet(draw_params(np.random.default_rng(1), (28, 28), 100))


NETS = {  # a net, and its loss(params, x, t) in HIPS autograd, torch and JAX
    two_layer_net: (two_layers_in_hips, two_layers_in_torch, two_layers_in_jax),
    conv_net: (conv_in_hips, conv_in_torch, conv_in_jax),
}


def calls_of(net, losses, dtype):
    """A call of each peer; all of them compute the same gradient."""
    x, t = draw(dtype)
    net.params = {name: p.astype(dtype) for name, p in net.params.items()}
    in_hips, in_torch, in_jax = losses
    calls = {
        OURS: lambda: net.gradient(x, t),
        "HIPS autograd": by_hips(in_hips, net.params, x, t),
        "PyTorch eager": by_torch(in_torch, net.params, x, t),
        "jax.jit(value_and_grad)": by_jax(in_jax, net.params, x, t),
    }
    wanted = calls[OURS]()
    for name, call in calls.items():
        for key, found in call().items():
            off = np.max(np.abs(np.asarray(found) - wanted[key])) / np.max(np.abs(wanted[key]))
            assert off < CLOSE[dtype], f"{name} computes another {key}, off by {off:.1e}"
    return calls


def draw(dtype):
    """A batch of 100 images of 28 × 28 pixels, and their labels, one-hot."""
    rng = np.random.default_rng(0)
    return rng.random((100, 784)).astype(dtype), np.eye(10, dtype=dtype)[rng.integers(10, size=100)]


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


def main():
    print(machine("numpy", "jax", "torch", "autograd"))
    for net_of, losses in NETS.items():
        for dtype in CLOSE:
            print(f"\n{net_of.__name__}, {dtype}, one thread")
            print(f"{'':<24}{'median':>10}{'middle half':>20}{'times ours':>12}")
            with jax.enable_x64(dtype == "float64"):
                times = timed(calls_of(net_of(), losses, dtype), SECONDS)
            for name in times:
                low, middle, high = (1e6 * t for t in quartiles_of(times[name]))
                spread = f"{low:.0f} to {high:.0f}"
                times_ours = ratio(times, name, OURS)[1]
                print(f"{name:<24}{middle:>7.0f} µs{spread:>17} µs{times_ours:>12.2f}", flush=True)


if __name__ == "__main__":
    alone(main)
