"""Code that people write is proved as it stands, and what is wrong is refused."""

import copy

import numpy as np
import pytest

import handgrad as hg
from handgrad.exact.code import prove
from tests.exact.layers import RIGHT, WRONG


def proof_of(layer, shapes, params):
    rng = np.random.default_rng(3)
    made = layer(rng) if params else layer()
    return prove(made, [rng.normal(size=shape) for shape in shapes], params=params)


@pytest.mark.parametrize("layer", RIGHT, ids=lambda layer: layer.__name__)
def test_a_right_layer_is_proved(layer):
    proof = proof_of(layer, *RIGHT[layer])
    assert proof.proved, str(proof)
    assert proof.bits > 50


@pytest.mark.parametrize("layer", WRONG, ids=lambda layer: layer.__name__)
def test_a_wrong_layer_is_refused(layer):
    assert proof_of(layer, *RIGHT[WRONG[layer]]).refused


RULES = [
    (hg.Affine(), [(3, 4), (4, 2), (2,)]),
    (hg.Tanh(), [(3,)]),
    (hg.Sigmoid(), [(3, 4)]),
    (hg.Softmax(), [(3, 4)]),
    (hg.LayerNorm(), [(3, 4), (4,), (4,)]),
    (hg.BatchNorm(), [(5, 3), (3,), (3,)]),
    (hg.Conv2d(padding=(1, 1)), [(2, 2, 3, 4), (3, 2, 2, 2), (3,)]),
    (hg.MaxPool2d(), [(2, 2, 4, 4)]),
    (hg.MeanSquaredError(), [(3, 2), (3, 2)]),
]


@pytest.mark.parametrize(("rule", "shapes"), RULES, ids=lambda value: type(value).__name__)
def test_a_rule_is_proved_through_its_namespace(rule, shapes):
    rng = np.random.default_rng(5)
    proof = prove(rule, [rng.normal(size=shape) for shape in shapes])
    assert proof.proved, str(proof)


def test_labels_stay_as_they_are():
    proof = prove(hg.SoftmaxCrossEntropyWithLabels(), [np.eye(3, 4), np.array([0, 3, 1])])
    assert proof.proved, str(proof)


def test_a_pair_of_functions_is_proved():
    right = (lambda x: x**3, lambda dy, x: 3 * x**2 * dy)
    wrong = (lambda x: x**3, lambda dy, x: 2 * x**2 * dy)
    x = np.array([0.5, -2.0])
    assert prove(right, [x]).proved
    assert prove(wrong, [x]).refused


@pytest.mark.parametrize(
    ("reason", "f"),
    [
        ("buffer of floats", lambda x: np.array([x[0], x[1]], dtype=float)),
        ("turned into a float", lambda x: float(x[0]) * x),
        ("no exact form", np.fft.fft),
        ("ZeroDivisionError", lambda x: x * (1 // 0)),
        ("too close", lambda x: np.where(x > x + 1e-13, x, 0)),
    ],
)
def test_what_cannot_be_run_says_why(reason, f):
    proof = prove((f, lambda dy, x: dy), [np.array([0.5, -2.0])])
    assert not proof.decided
    assert reason in proof.reason


def test_nothing_of_the_layer_is_changed():
    layer = next(iter(RIGHT))(np.random.default_rng(0))
    before = copy.deepcopy(vars(layer))
    prove(layer, [np.ones((3, 4))], params={"W": "dW", "b": "db"})
    assert vars(layer).keys() == before.keys()
    assert all(np.array_equal(before[name], value) for name, value in vars(layer).items())


def test_a_gradient_of_another_shape_is_not_proved():
    proof = prove((lambda x: x * 2, lambda dy, x: 2 * dy[:1]), [np.array([0.5, -2.0])])
    assert "shape" in proof.reason


def test_the_absolute_value_is_proved_on_each_branch_alone():
    pair = (abs, lambda dy, x: dy)
    assert prove(pair, [np.array([0.5, 2.0])]).proved
    assert prove(pair, [np.array([0.5, -2.0])]).refused
