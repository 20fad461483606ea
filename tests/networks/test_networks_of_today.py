"""Whole networks made of rules have the gradients that JAX finds for the same networks."""

import jax
import numpy as np
import pytest

from handgrad.common.oracle import compiled
from tests.networks import nets, objectives, references
from tests.rules.running import assert_close, normals

BLOCKS = {"resnet": 1, "inverted_residual": 3, "mbconv": 3, "convnext": 3, "unet": 1}


def drawn(rng):
    """Parameters of independent normal numbers, smaller where more of them meet."""

    def draw(*shape, around=0):
        return around + rng.normal(size=shape) / np.sqrt(max(1, np.prod(shape[1:])))

    return draw


def assert_jax_agrees(net, reference, *inputs):
    """The output, the gradients of the real inputs and those of all parameters are JAX's."""
    y = net.forward(*inputs)
    (dy,) = normals(2, np.shape(y))
    grads = net.backward(dy)
    grads = (*(grads if isinstance(grads, tuple) else (grads,)), *net.grads)
    real = [x for x in inputs if x.dtype == float][: len(grads) - len(net.params)]
    rest = inputs[len(real) :]

    @compiled
    def value_and_gradients(xs, ps, dy):
        expected, vjp = jax.vjp(lambda xs, ps: reference(iter(ps), *xs, *rest), xs, ps)
        return expected, vjp(dy)

    expected, (d_inputs, d_params) = value_and_gradients(real, net.params, dy)
    assert_close(y, expected, 1e-11)
    for actual, wanted in zip(grads, (*d_inputs, *d_params), strict=True):
        assert_close(actual, wanted, 1e-11)


@pytest.mark.parametrize(("name", "channels"), BLOCKS.items(), ids=BLOCKS)
def test_a_network_has_the_gradients_of_jax(name, channels):
    rng = np.random.default_rng(1)
    net, x = getattr(nets, name)(drawn(rng)), rng.normal(size=(3, channels, 8, 8))
    assert_jax_agrees(net, getattr(references, name), x)


def test_a_block_of_gpt2_has_the_gradients_of_jax():
    rng = np.random.default_rng(4)
    assert_jax_agrees(nets.gpt2(drawn(rng)), references.gpt2, rng.normal(size=(2, 5, 8)))


def test_a_variational_autoencoder_has_the_gradients_of_jax():
    rng = np.random.default_rng(2)
    x, noise = rng.uniform(size=(4, 12)), rng.normal(size=(4, 2))
    assert_jax_agrees(objectives.VAE(drawn(rng)), references.vae, x, noise)


def test_a_siamese_network_has_the_gradients_of_jax():
    rng = np.random.default_rng(3)
    a, b, same = rng.normal(size=(8, 6)), rng.normal(size=(8, 6)), np.arange(8) % 2 == 0
    assert_jax_agrees(objectives.Siamese(drawn(rng)), references.siamese, a, b, same)
