"""Settings for every test: JAX in float64, with strict promotion, and only on the CPU."""

import gc
import os
import sys

import numpy as np
import pytest

from handgrad.cli import entry
from tests.digits import draw_digits, write_digits

os.environ["JAX_PLATFORMS"] = "cpu"

import jax

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")


def pytest_collection_finish():
    """What was imported and collected stays: the search for garbage passes over it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(scope="session")
def digits():
    """Training and test digits that a net learns in seconds: 600 and 300, six steps an epoch."""
    rng = np.random.default_rng(20)
    return draw_digits(rng, 600), draw_digits(rng, 300)


@pytest.fixture(scope="session")
def mnist(digits, tmp_path_factory):
    """A directory with these digits in four IDX files."""
    directory = tmp_path_factory.mktemp("mnist")
    write_digits(directory, *digits)
    return directory


@pytest.fixture
def handgrad(capsys):
    """Runs one command in this process: its exit status, its output and its error output."""

    def run(*arguments):
        try:
            status = entry.main(list(map(str, arguments)))
        except SystemExit as leaving:
            status = leaving.code
        sys.stderr.flush()  # as Python does when it ends
        return status, *capsys.readouterr()

    return run
