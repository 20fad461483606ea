"""What as_torch does not take is refused in one sentence."""

import sys

import numpy as np
import pytest

from handgrad import Add, Exp, Layer, ReLU
from handgrad.bridges import as_torch

torch = pytest.importorskip("torch", reason="torch is an extra")
pytest.importorskip("array_api_compat", reason="torch needs array-api-compat")

X = np.array([0.5, -1.5, 2.5])


@pytest.mark.parametrize(
    "transform",
    [
        lambda f, x: torch.vmap(f)(x),
        lambda f, x: torch.func.grad(lambda x: f(x).sum())(x),
        lambda f, x: torch.func.jacrev(f)(x),
    ],
    ids=["vmap", "grad", "jacrev"],
)
def test_torch_func_is_refused_with_a_way_out(transform):
    with pytest.raises(RuntimeError) as caught:
        transform(as_torch(Exp()), torch.tensor(X))
    assert str(caught.value) == (
        "torch.func and torch.vmap cannot go through Exp(): use backward or torch.autograd.grad, "
        "or as_jax with jax.vmap"
    )


@pytest.mark.parametrize(
    ("subject", "sentence"),
    [
        (ReLU, "ReLU is a class: pass a rule, such as ReLU()"),
        (torch.nn.ReLU(), "ReLU() is not a rule: it has no forward and backward"),
        (Layer(ReLU()), "Layer(ReLU()) is not a rule, whose backward takes (residuals, dy): pass"),
    ],
)
def test_what_is_not_a_rule_is_refused_in_one_sentence(subject, sentence):
    with pytest.raises(TypeError) as caught:
        as_torch(subject)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("x", "kind"), [(X, "ndarray"), ([1.5, 2.5], "list"), (None, "NoneType")])
def test_an_input_that_is_not_a_tensor_is_named(x, kind):
    with pytest.raises(TypeError) as caught:
        as_torch(Add())(torch.tensor(X), x)
    shown = f"input 1 of Add() is of type {kind}: pass a tensor, as in torch.asarray(x)"
    assert str(caught.value) == shown


@pytest.mark.parametrize("package", ["torch", "array_api_compat"])
def test_a_missing_package_is_named_with_what_to_install(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError) as caught:
        as_torch(ReLU())
    assert str(caught.value) == f"as_torch needs {package}: pip install torch array-api-compat"
