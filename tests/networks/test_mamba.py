"""Mamba's block, made of rules, has the gradients that JAX finds for it."""

import numpy as np

from tests.networks.mamba import BATCH, CHANNELS, Mamba, mamba
from tests.networks.test_networks_of_today import assert_jax_agrees, drawn


def test_a_mamba_block_has_the_gradients_of_jax():
    rng = np.random.default_rng(4)
    assert_jax_agrees(Mamba(drawn(rng)), mamba, rng.normal(size=(BATCH, 9, CHANNELS)))
