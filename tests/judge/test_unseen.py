"""Code as people publish it, that was written without a look at the judge: right, and with a bug.

A bug is caught where the verdict is not ok, or where its first line names what was not judged. All
of it, in float64 and float32, is run by `pytest -m slow`; a part of it in float64 by default.
"""

import importlib
import importlib.util
import re

import numpy as np
import pytest

from handgrad import verify
from tests.judge.unseen.case import Random, edited

PARTS = ("arrays", "elementwise", "layers")
KINDS = {"cells": "numpy", "functions": "numpy", "images": "numpy", "layers": "numpy"}
KINDS |= {"jax_rules": "jax", "torch_functions": "torch"}
KINDS |= {f"second.{name}": "numpy" for name in ("convolutions", "losses", "nets", "norms")}
KINDS |= {f"second.{name}": "numpy" for name in ("pooling", "recurrences")}
KINDS |= {f"second.{library}_{name}": library for library in ("jax", "torch") for name in PARTS}
KINDS |= {f"third.numpy_{part}": "numpy" for part in "abcd"}
KINDS |= {f"third.{library}_{part}": library for library in ("jax", "torch") for part in "abc"[:2]}
KINDS |= {"third.jax_c": "jax"}
EVERY = 10  # of the cases: so many run by default
# Right at the inputs that they are meant for, and not at others that forward takes: who says so.
BEYOND = {
    "ArcFace": "only with axes of 3 made 1",  # a cosine of 1: its angle has no derivative
    "rbf_kernel": "only with input 2 all about -",  # a length so short that 1 / l² is infinite
    "sample": "forward is finite here, and backward raises ValueError",  # three coordinates
    "MaskedStandardize": "only with axis 1 of mask made 1",  # a mask that is stretched
    "linear_attention float32": "only with k all about -95",  # every weight underflows
    "kalman_update float32": "backward raises LinAlgError",  # a matrix that rounding makes singular
    "MixtureNLL": "only with log_sigma times 1000",  # a density without a width
}
# In float32, NumPy's float64 constants make these gradients float64, and a caller minds.
WIDENS = {"rnn", "causal_attention", "SelfAttention", "MeanOverTime", "logdet"}


def _module(name):
    if KINDS[name] == "torch":
        pytest.importorskip("torch", reason="torch is an extra")
    return importlib.import_module(f"tests.judge.unseen.{name}")


def _cases(of):
    """(module, number, dtype) of every case that is right, or wrong."""
    for name in KINDS:
        if KINDS[name] == "torch" and importlib.util.find_spec("torch") is None:
            continue
        for k, case in enumerate(getattr(_module(name), of)):
            for dtype in ("float64", "float32"):
                ordinary = dtype == "float64" and k % EVERY == 0
                marks = [] if ordinary else [pytest.mark.slow]
                yield pytest.param(name, k, dtype, id=f"{case.name}-{dtype}", marks=marks)


def _verdict(case, name, dtype):
    inputs = case.inputs(Random(0, dtype, KINDS[name]))
    return verify(case.make(np.dtype(dtype)), *inputs, **case.options)


@pytest.mark.parametrize(("name", "k", "dtype"), list(_cases("RIGHT")))
def test_published_code_that_is_right_passes(name, k, dtype):
    case = _module(name).RIGHT[k]
    verdict = _verdict(case, name, dtype)
    own = case.name.split()[0]
    known = BEYOND.get(own) or BEYOND.get(f"{own} {dtype}")
    beyond = known if name.startswith("third") else None
    if dtype == "float32" and name.startswith("second") and own in WIDENS:
        beyond = "is float64, the input float32"
    assert verdict.ok == (beyond is None), verdict
    assert (beyond or "") in verdict.diagnosis
    assert not verdict.not_judged, verdict.headline


@pytest.mark.parametrize(("name", "k", "dtype"), list(_cases("WRONG")))
def test_published_code_with_a_bug_is_caught(name, k, dtype, tmp_path):
    wrong = _module(name).WRONG[k]
    module = edited(_module(name), wrong, tmp_path)
    (case,) = (case for case in module.RIGHT if case.name == wrong.case)
    verdict = _verdict(case, name, dtype)
    assert not verdict.ok or verdict.not_judged, verdict
    assert re.search(wrong.says, verdict.diagnosis), verdict.diagnosis
