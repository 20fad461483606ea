"""A case: code as people publish it, with its inputs; and an edit that makes it wrong."""

import importlib.util
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Case:
    """`make(dtype)` is the subject, `inputs(random)` what it is given; `options` are verify's."""

    name: str
    make: Callable
    inputs: Callable
    options: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Wrong:
    """The case with `new` in the place of `old`, in the class or function `within`."""

    case: str
    old: str
    new: str
    within: str = ""
    says: str = ""

    @property
    def name(self):
        return (
            f"{self.case}: {' '.join(self.new.split()) or 'without ' + ' '.join(self.old.split())}"
        )


class Random:
    """Normal numbers of a dtype, and labels; of a library."""

    def __init__(self, seed, dtype, library="numpy"):
        self.rng, self.dtype, self.library = np.random.default_rng(seed), dtype, library

    def __call__(self, *shape):
        return self._of_library(self.rng.standard_normal(shape).astype(self.dtype))

    def labels(self, count, *shape):
        return self._of_library(self.rng.integers(0, count, shape))

    def probabilities(self, *shape):
        e = np.exp(self.rng.standard_normal(shape))
        return self._of_library((e / e.sum(-1, keepdims=True)).astype(self.dtype))

    def one_hot(self, count, n):
        return self._of_library(np.eye(count, dtype=self.dtype)[self.rng.integers(0, count, n)])

    def mask(self, *shape):
        return self._of_library((self.rng.random(shape) > 0.4).astype(self.dtype))

    def uniform(self, low, high, *shape):
        return self._of_library(np.asarray(self.rng.uniform(low, high, shape), self.dtype))

    def well_conditioned(self, n, *, symmetric=False):
        a = self.rng.standard_normal((n, n))
        a = a @ a.T if symmetric else a
        return self._of_library((a + n * np.eye(n)).astype(self.dtype))

    def _of_library(self, x):
        if self.library == "torch":
            import torch

            return torch.from_numpy(x)
        if self.library == "jax":
            from jax import numpy as jnp

            return jnp.asarray(x)
        return x


def parameters(dtype, *shapes):
    """Normal numbers for a layer to begin with."""
    random = Random(7, dtype)
    return [random(*shape) for shape in shapes]


def edited(module, wrong, folder):
    """The module, imported from a file in which the edit was made."""
    text = inspect.getsource(module)
    owner = wrong.within or wrong.case.split()[0]
    block = re.search(rf"^(class|def) {owner}\b.*?(?=\n\n\n)", text, re.DOTALL | re.MULTILINE)
    assert block, f"{owner} is not defined"
    assert block[0].count(wrong.old) == 1, f"{wrong.old!r} is not there once"
    text = text.replace(block[0], block[0].replace(wrong.old, wrong.new))
    path = Path(folder) / f"{module.__name__.rpartition('.')[2]}_edited.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made
