"""Facts of recurrent cells: what their gates let through, and the orders and resets of others."""

import numpy as np
import pytest

from handgrad import GRUCell, LSTMCell, RNNCell
from tests.rules.running import assert_close, assert_like_torch, gradients, normals, value

N, D, H = 4, 3, 5
OTHER_ORDERS = [LSTMCell("fgio"), LSTMCell("iofg")]


def inputs_of(rule, seed=1):
    """x, the states, W, U and one bias or two."""
    blocks = {RNNCell: 1, LSTMCell: 4, GRUCell: 3}[type(rule)] * H
    states = [(N, H)] * (1 + isinstance(rule, LSTMCell))
    biases = [(blocks,)] * (1 + isinstance(rule, GRUCell))
    return normals(seed, (N, D), *states, (D, blocks), (H, blocks), *biases)


def in_torch(torch, cell):
    """A cell of torch, which has its matrices transposed and two biases."""
    return lambda x, h, W, U, b, *c: cell(x, h, W.T, U.T, b, *(c or (torch.zeros_like(b),)))


@pytest.mark.parametrize(
    ("rule", "name"), [(RNNCell(), "rnn_tanh_cell"), (GRUCell(), "gru_cell")], ids=repr
)
def test_torch_has_the_same_cell(rule, name):
    torch = pytest.importorskip("torch", reason="torch is an extra")
    cell = in_torch(torch, getattr(torch, name))
    assert_like_torch(rule, lambda _: cell, *inputs_of(rule))


def test_torch_has_the_same_lstm_with_gradients_from_state_and_memory():
    torch = pytest.importorskip("torch", reason="torch is an extra")
    inputs, dy = inputs_of(LSTMCell()), normals(2, (N, H), (N, H))
    x, h, c, W, U, b = theirs = [torch.tensor(a, requires_grad=True) for a in inputs]
    outputs = torch.lstm_cell(x, (h, c), W.T, U.T, b, torch.zeros_like(b))
    torch.autograd.backward(outputs, [torch.tensor(a) for a in dy])
    for mine, expected in zip(value(LSTMCell(), *inputs), outputs, strict=True):
        assert_close(mine, expected.detach())
    for dx, a in zip(gradients(LSTMCell(), *inputs, dy=dy), theirs, strict=True):
        assert_close(dx, a.grad)


@pytest.mark.parametrize("rule", OTHER_ORDERS, ids=repr)
def test_another_order_of_the_gates_is_that_of_the_columns(rule):
    x, h, c, *parameters = inputs_of(rule)
    columns = np.concatenate(["ifgo".index(gate) * H + np.arange(H) for gate in rule.order])
    dy = normals(3, (N, H), (N, H))
    moved = [p[..., columns] for p in parameters]
    for mine, expected in zip(
        value(rule, x, h, c, *moved), value(LSTMCell(), x, h, c, *parameters), strict=True
    ):
        assert_close(mine, expected)
    mine = gradients(rule, x, h, c, *moved, dy=dy)
    expected = gradients(LSTMCell(), x, h, c, *parameters, dy=dy)
    for k, (a, b) in enumerate(zip(mine, expected, strict=True)):
        assert_close(a, b[..., columns] if k >= 3 else b)


def test_a_memory_that_forgets_nothing_and_lets_nothing_in_passes_its_gradient_on():
    x, h, c, W, U, b = inputs_of(LSTMCell())
    b[:H], b[H : 2 * H] = -800, 800
    dy, dc_next = normals(4, (N, H), (N, H))
    _, memory = value(LSTMCell(), x, h, c, W, U, b)
    assert np.array_equal(memory, c)
    assert np.array_equal(gradients(LSTMCell(), x, h, c, W, U, b, dy=(0 * dy, dc_next))[2], dc_next)


@pytest.mark.parametrize("rule", [GRUCell(), GRUCell("before")], ids=repr)
def test_a_gru_that_keeps_its_state_passes_its_gradient_on(rule):
    x, h, W, U, b, c = inputs_of(rule)
    b[H : 2 * H] = 800
    (dy,) = normals(5, (N, H))
    assert_close(value(rule, x, h, W, U, b, c), h)
    dx, dh, *_ = gradients(rule, x, h, W, U, b, c, dy=dy)
    assert not dx.any()
    assert_close(dh, dy)


def test_a_reset_before_a_diagonal_product_is_one_after_it():
    x, h, W, U, b, c = inputs_of(GRUCell())
    U[:, 2 * H :] *= np.eye(H)
    c[2 * H :] = 0
    (dy,) = normals(6, (N, H))
    assert_close(value(GRUCell("before"), x, h, W, U, b, c), value(GRUCell(), x, h, W, U, b, c))
    before, after = (
        gradients(GRUCell(reset), x, h, W, U, b, c, dy=dy) for reset in ("before", "after")
    )
    for a, expected in zip(before[:3], after[:3], strict=True):
        assert_close(a, expected)
    assert_close(np.diag(before[3][:, 2 * H :]), np.diag(after[3][:, 2 * H :]))
    assert np.max(np.abs(before[3] - after[3])) > 0.1  # off the diagonal they are two functions


@pytest.mark.parametrize("rule", [RNNCell(), LSTMCell(), GRUCell(), GRUCell("before")], ids=repr)
def test_a_bias_has_the_gradient_of_a_weight_at_an_input_of_ones(rule):
    x, *rest = inputs_of(rule)
    x[:, 0] = 1
    dy = normals(7, (N, H), (N, H))
    grads = gradients(rule, x, *rest, dy=tuple(dy) if isinstance(rule, LSTMCell) else dy[0])
    dW = grads[3] if isinstance(rule, LSTMCell) else grads[2]
    assert_close(grads[-2 if isinstance(rule, GRUCell) else -1], dW[0])


def test_saturated_cells_have_no_gradient_and_no_nan():
    for rule in (RNNCell(), LSTMCell(), GRUCell(), GRUCell("before")):
        inputs = [1e5 * x for x in inputs_of(rule)]
        (dy,) = normals(8, (N, H))
        grads = gradients(rule, *inputs, dy=(dy, 0 * dy) if isinstance(rule, LSTMCell) else dy)
        assert all(np.all(np.isfinite(dx)) for dx in grads)
        assert not grads[0].any()
