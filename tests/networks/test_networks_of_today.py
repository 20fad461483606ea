"""Whole networks made of rules have the gradients that JAX finds for the same networks."""

import jax
import numpy as np
import pytest

from tests.networks import nets, references
from tests.rules.running import assert_close

BLOCKS = {"resnet": 1, "inverted_residual": 3, "mbconv": 3, "convnext": 3, "unet": 1}


def drawn(rng):
    """Parameters of independent normal numbers, smaller where more of them meet."""

    def draw(*shape):
        return rng.normal(size=shape) / np.sqrt(max(1, np.prod(shape[1:])))

    return draw


@pytest.mark.parametrize(("name", "channels"), BLOCKS.items(), ids=BLOCKS)
def test_a_network_has_the_gradients_of_jax(name, channels):
    rng = np.random.default_rng(1)
    net, reference = getattr(nets, name)(drawn(rng)), getattr(references, name)
    x = rng.normal(size=(3, channels, 8, 8))
    y = net.forward(x)
    dy = rng.normal(size=y.shape)
    grads = (net.backward(dy), *net.grads)
    expected, vjp = jax.vjp(jax.jit(lambda x, *p: reference(iter(p), x)), x, *net.params)
    assert_close(y, expected, 1e-11)
    for actual, wanted in zip(grads, vjp(dy), strict=True):
        assert_close(actual, wanted, 1e-11)
