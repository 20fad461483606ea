"""Facts of gated units: what each side of the product sees, and ties of Maxout."""

import numpy as np
import pytest

from handgrad import GELU, GLU, GeGLU, Maxout, Multiply, ReGLU, ReLU, Sigmoid, SiLU, SwiGLU
from tests.rules.running import (
    assert_close,
    assert_like_torch,
    assert_verified,
    gradients,
    normals,
    value,
)

ACTIVATIONS = {
    GLU(): Sigmoid(),
    SwiGLU(): SiLU(),
    GeGLU(): GELU(),
    GeGLU("tanh"): GELU("tanh"),
    ReGLU(): ReLU(),
}
IN_TORCH = {
    GLU(): lambda f: lambda a, b: f.sigmoid(a) * b,
    SwiGLU(): lambda f: lambda a, b: f.silu(a) * b,
    GeGLU(): lambda f: lambda a, b: f.gelu(a) * b,
    GeGLU("tanh"): lambda f: lambda a, b: f.gelu(a, approximate="tanh") * b,
    ReGLU(): lambda f: lambda a, b: f.relu(a) * b,
}
every_gate = pytest.mark.parametrize("rule", ACTIVATIONS, ids=repr)


@every_gate
def test_a_gate_is_its_activation_and_then_a_product(rule):
    a, b, dy = normals(1, (4, 5), (4, 5), (4, 5))
    f = value(ACTIVATIONS[rule], a)
    df, db = gradients(Multiply(), f, b, dy=dy)
    assert_close(value(rule, a, b), f * b)
    assert_close(gradients(rule, a, b, dy=dy)[0], gradients(ACTIVATIONS[rule], a, dy=df)[0])
    assert_close(gradients(rule, a, b, dy=dy)[1], db)


@every_gate
def test_torch_has_the_same_value_and_gradients(rule):
    assert_like_torch(rule, IN_TORCH[rule], *normals(2, (4, 5), (4, 5)))


@every_gate
def test_one_gate_may_serve_a_whole_row(rule):
    a, b, dy = normals(3, (4, 1), (4, 5), (4, 5))
    da, db = gradients(rule, a, b, dy=dy)
    alone = [gradients(rule, a, b[:, [i]], dy=dy[:, [i]]) for i in range(5)]
    assert_close(da, sum(grads[0] for grads in alone))
    assert_close(db, np.concatenate([grads[1] for grads in alone], axis=1))


@every_gate
def test_a_gate_far_out_is_shut_or_open_without_a_warning(rule):
    a, b, dy = np.float32([-1e30, 1e30]), np.float32([0.4, 0.3]), np.float32([1.7, -0.6])
    da, db = gradients(rule, a, b, dy=dy)
    assert value(rule, a, b)[0] == da[0] == db[0] == 0
    assert np.all(np.isfinite([*value(rule, a, b), *da, *db]))


@every_gate
def test_numbers_will_do(rule):
    y, (da, db) = value(rule, 0.5, 3), gradients(rule, 0.5, 3, dy=1.1)
    assert_close(y, value(rule, np.array([0.5]), np.array([3.0]))[0])
    assert_close([da, db], np.ravel(gradients(rule, np.array([0.5]), np.array([3.0]), dy=1.1)))


def test_torchs_glu_has_the_gate_last():
    torch = pytest.importorskip("torch", reason="torch is an extra")
    a, b = normals(4, (3, 4), (3, 4))
    theirs = torch.nn.functional.glu(torch.tensor(np.concatenate([b, a], axis=-1)))
    assert_close(value(GLU(), a, b), theirs)


def test_reglu_has_slope_0_where_its_gate_is_0():
    da, db = gradients(ReGLU(), np.zeros(1), np.array([3.0]), dy=np.array([1.7]))
    assert da[0] == db[0] == 0


@pytest.mark.parametrize("pieces", [1, 2, 5])
def test_maxout_takes_groups_of_any_size(pieces):
    (x,) = normals(5, (2, 3, 10))
    y = value(Maxout(pieces), x)
    assert np.array_equal(y, np.max(x.reshape(2, 3, 10 // pieces, pieces), axis=-1))
    assert_verified(Maxout(pieces), x)


def test_maxout_of_x_and_0_is_relu():
    x, dy = normals(6, (7,), (7,))
    pairs = np.stack([x, np.zeros(7)], axis=1).reshape(14)
    assert np.array_equal(value(Maxout(), pairs), value(ReLU(), x))
    assert np.array_equal(gradients(Maxout(), pairs, dy=dy)[0][::2], gradients(ReLU(), x, dy=dy)[0])


def test_numbers_that_tie_in_a_group_of_maxout_share_the_gradient():
    x, dy = np.array([2.0, 2.0, -1.0, 0.0, 5.0, 3.0]), np.array([1.8, -0.6])
    assert_close(gradients(Maxout(3), x, dy=dy)[0], [0.9, 0.9, 0, 0, -0.6, 0])


def test_a_number_that_is_not_the_largest_gets_nothing_of_an_infinite_gradient():
    (dx,) = gradients(Maxout(), np.array([2.0, 1.0]), dy=np.array([np.inf]))
    assert np.array_equal(dx, [np.inf, 0])
