"""One net, three libraries: NumPy's layers, a compiled JAX step, and torch with its optimizer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from handgrad import Affine, Layer, Sequential, SoftmaxCrossEntropyWithLabels, Tanh
from handgrad.bridges import as_jax, as_torch
from tests.test_import import modules_after

STEPS, BATCH, RATE = 100, 20, 0.4
FEATURES, HIDDEN, CLASSES = 6, 8, 4
AGREE = 1e-12  # of the loss; 100 steps let rounding grow


def test_one_net_trains_alike_in_numpy_jax_and_torch():
    torch = pytest.importorskip("torch", reason="torch is an extra")
    start, batches = drawn_params(), drawn_batches()
    losses = [
        train(start, batches)
        for train in (with_numpy, with_jax, lambda *args: with_torch(torch, *args))
    ]
    assert losses[0][-1] < losses[0][0] / 4
    assert len(losses[0]) == STEPS
    np.testing.assert_allclose(losses[1], losses[0], rtol=AGREE, atol=0)
    np.testing.assert_allclose(losses[2], losses[0], rtol=AGREE, atol=0)


def test_the_bridges_load_no_library_before_it_is_asked_for():
    loaded = modules_after("from handgrad.bridges import as_jax, as_torch")
    assert "handgrad.bridges.torch" in loaded
    assert not loaded.intersection({"jax", "torch", "array_api_compat"})


def with_numpy(params, batches):
    W1, b1, W2, b2 = params = [p.copy() for p in params]
    net = Sequential(Layer(Affine(), W1, b1), Layer(Tanh()), Layer(Affine(), W2, b2))
    top = Layer(SoftmaxCrossEntropyWithLabels())
    losses = []
    for x, t in batches:
        losses.append(top.forward(net.forward(x), t))
        dy, _ = top.backward(1.0)
        net.backward(dy)
        for p, dp in zip(params, net.grads, strict=True):
            p[...] -= RATE * dp
    return losses


def with_jax(params, batches):
    affine, tanh = as_jax(Affine()), as_jax(Tanh())
    cross_entropy = as_jax(SoftmaxCrossEntropyWithLabels())

    def loss(params, x, t):
        W1, b1, W2, b2 = params
        return cross_entropy(affine(tanh(affine(x, W1, b1)), W2, b2), t)

    @jax.jit
    def step(params, x, t):
        y, grads = jax.value_and_grad(loss)(params, x, t)
        return y, [p - RATE * dp for p, dp in zip(params, grads, strict=True)]

    losses = []
    params = list(map(jnp.asarray, params))
    for x, t in batches:
        y, params = step(params, x, t)
        losses.append(float(y))
    return losses


def with_torch(torch, params, batches):
    affine, tanh = as_torch(Affine()), as_torch(Tanh())
    cross_entropy = as_torch(SoftmaxCrossEntropyWithLabels())
    W1, b1, W2, b2 = params = [torch.tensor(p, requires_grad=True) for p in params]
    optimizer = torch.optim.SGD(params, lr=RATE)
    losses = []
    for x, t in batches:
        optimizer.zero_grad()
        y = affine(tanh(affine(torch.tensor(x), W1, b1)), W2, b2)
        loss = cross_entropy(y, torch.tensor(t))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def drawn_params():
    rng = np.random.default_rng(7)
    shapes = (FEATURES, HIDDEN), (HIDDEN,), (HIDDEN, CLASSES), (CLASSES,)
    return [0.3 * rng.normal(size=shape) for shape in shapes]


def drawn_batches():
    """Batches of noisy points, each around the centre of its class."""
    rng = np.random.default_rng(8)
    centres = 1.5 * rng.normal(size=(CLASSES, FEATURES))
    labels = rng.integers(CLASSES, size=(STEPS, BATCH))
    return [(centres[t] + rng.normal(size=(BATCH, FEATURES)), t) for t in labels]
