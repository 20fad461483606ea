"""Facts of recurrent nets over many steps: lengths, directions, pieces, and what is cut off."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from handgrad import (
    GRU,
    LSTM,
    RNN,
    CumProd,
    CumSum,
    GRUCell,
    LinearRecurrence,
    LSTMCell,
    RNNCell,
)
from handgrad.reference import sequences as reference
from tests.rules.running import assert_close, by_jax, gradients, normals, value

T, N, D, H = 6, 4, 3, 5
LENGTHS = np.array([6, 2, 0, 5])
WHOLE = np.full(N, T)
CELLS = {
    RNN(): RNNCell(),
    LSTM(order="fgio"): LSTMCell("fgio"),
    GRU(): GRUCell(),
    GRU(reset="before"): GRUCell("before"),
}
NETS = list(CELLS)
every_net = pytest.mark.parametrize("net", NETS, ids=repr)
every_direction = pytest.mark.parametrize("reverse", [False, True])


def parts_of(net, seed=1):
    """x, the first states, and the parameters; and an upstream gradient for each output."""
    blocks = {RNN: 1, LSTM: 4, GRU: 3}[type(net)] * H
    states = [(N, H)] * (1 + isinstance(net, LSTM))
    biases = [(blocks,)] * (1 + isinstance(net, GRU))
    x, *rest = normals(seed, (T, N, D), *states, (D, blocks), (H, blocks), *biases)
    dy = normals(seed + 100, (T, N, H), *states)
    return x, rest[: len(states)], rest[len(states) :], tuple(dy)


def assert_all_close(actual, expected):
    for a, e in zip(actual, expected, strict=True):
        assert (a is None) == (e is None)
        if e is not None:
            assert_close(a, e)


def run(net, dy, *inputs):
    """The outputs and the gradients."""
    y, residuals = net.forward(*inputs)
    return y, net.backward(residuals, dy)


@every_net
def test_one_step_is_that_of_the_cell(net):
    x, states, parameters, dy = parts_of(net)
    (y, *last), grads = run(net, (dy[0][:1], *dy[1:]), x[:1], np.ones(N, int), *states, *parameters)
    cell = CELLS[net]
    d = (dy[0][0] + dy[1], *dy[2:])
    expected = value(cell, x[0], *states, *parameters)
    outputs = expected if isinstance(expected, tuple) else (expected,)
    assert_all_close(last, outputs)
    assert_close(y[0], outputs[0])
    dx, _, *rest = grads
    of_cell = gradients(cell, x[0], *states, *parameters, dy=d if len(d) > 1 else d[0])
    assert_all_close((dx[0], *rest), of_cell)


@every_direction
@every_net
def test_each_row_is_a_row_of_its_own_length(net, reverse):
    net = replace(net, reverse=reverse)
    x, states, parameters, dy = parts_of(net)
    (y, *last), (dx, dn, *rest) = run(net, dy, x, LENGTHS, *states, *parameters)
    sums = [np.zeros_like(p) for p in parameters]
    assert dn is None
    for i, n in enumerate(LENGTHS):
        row = slice(i, i + 1)
        own = [a[row] for a in states]
        d = (dy[0][:n, row], *(a[row] for a in dy[1:]))
        (z, *ends), (dz, _, *grads) = run(net, d, x[:n, row], np.array([n]), *own, *parameters)
        assert_close(y[:n, row], z)
        assert_close(dx[:n, row], dz)
        assert not y[n:, row].any()
        assert not dx[n:, row].any()
        assert_all_close([a[row] for a in last], ends)
        assert_all_close([a[row] for a in rest[: len(states)]], grads[: len(states)])
        sums = [s + g for s, g in zip(sums, grads[len(states) :], strict=True)]
    assert_all_close(rest[len(states) :], sums)


@every_direction
@every_net
def test_nothing_comes_from_padding_or_its_gradient(net, reverse):
    net = replace(net, reverse=reverse)
    x, states, parameters, dy = parts_of(net)
    padding = np.arange(T)[:, None] >= LENGTHS
    expected = run(net, dy, x, LENGTHS, *states, *parameters)
    x, d = x.copy(), dy[0].copy()
    x[padding], d[padding] = np.nan, np.inf
    actual = run(net, (d, *dy[1:]), x, LENGTHS, *states, *parameters)
    assert_all_close(actual[0], expected[0])
    assert_all_close(actual[1], expected[1])


@every_net
def test_in_reverse_a_whole_row_is_read_from_its_end(net):
    x, states, parameters, (d, *last) = parts_of(net)
    y, grads = run(replace(net, reverse=True), (d, *last), x, WHOLE, *states, *parameters)
    z, expected = run(net, (d[::-1], *last), x[::-1], WHOLE, *states, *parameters)
    assert_all_close((y[0][::-1], *y[1:]), z)
    assert_all_close((grads[0][::-1], *grads[1:]), expected)


@every_net
def test_pieces_that_hand_their_states_and_gradients_on_are_the_whole(net):
    x, states, parameters, (d, *last) = parts_of(net)
    y, expected = run(net, (d, *last), x, WHOLE, *states, *parameters)
    (first, *ends), residuals = net.forward(x[:4], WHOLE, *states, *parameters)
    (second, *_), later = run(net, (d[4:], *last), x[4:], WHOLE, *ends, *parameters)
    assert_close(np.concatenate([first, second]), y[0])
    carried = later[2 : 2 + len(states)]
    dx, _, *rest = net.backward(residuals, (d[:4], *carried))
    assert_close(np.concatenate([dx, later[0]]), expected[0])
    assert_all_close(rest[: len(states)], expected[2 : 2 + len(states)])
    own, theirs = rest[len(states) :], later[2 + len(states) :]
    sums = [a + b for a, b in zip(own, theirs, strict=True)]
    assert_all_close(sums, expected[2 + len(states) :])


@every_net
def test_a_truncated_gradient_is_that_of_pieces_whose_states_are_held(net):
    x, states, parameters, (d, *last) = parts_of(net)
    cut = replace(net, truncation=4)
    y, (dx, _, *rest) = run(cut, (d, *last), x, WHOLE, *states, *parameters)
    assert_all_close(y, run(net, (d, *last), x, WHOLE, *states, *parameters)[0])
    (_, *ends), residuals = net.forward(x[:4], WHOLE, *states, *parameters)
    _, later = run(net, (d[4:], *last), x[4:], WHOLE, *ends, *parameters)
    first, _, *before = net.backward(residuals, (d[:4], *(0 * a for a in last)))
    assert_close(dx, np.concatenate([first, later[0]]))
    assert_all_close(rest[: len(states)], before[: len(states)])
    own, theirs = before[len(states) :], later[2 + len(states) :]
    assert_all_close(rest[len(states) :], [a + b for a, b in zip(own, theirs, strict=True)])


@every_direction
@every_net
def test_a_truncated_gradient_is_that_of_jax_which_holds_the_states(net, reverse):
    net = replace(net, truncation=2, reverse=reverse)
    x, states, parameters, dy = parts_of(net)
    meant = partial(getattr(reference, type(net).__name__.lower()), **vars(net))
    y, (dx, _, *rest) = run(net, dy, x, LENGTHS, *states, *parameters)
    inputs = [x, *states, *parameters]
    outputs, expected = by_jax(lambda x, *p: meant(x, LENGTHS, *p), inputs, *dy)
    assert_all_close(y, outputs)
    assert_all_close((dx, *rest), expected)


@pytest.mark.parametrize(
    ("net", "name"), [(RNN(), "RNN"), (LSTM(), "LSTM"), (GRU(), "GRU")], ids=repr
)
def test_two_directions_are_a_bidirectional_net_of_torch_on_packed_rows(net, name):
    torch = pytest.importorskip("torch", reason="torch is an extra")
    lengths = np.array([6, 2, 1, 5])
    module = getattr(torch.nn, name)(D, H, bidirectional=True).double()
    x, states, _, (_, *last) = parts_of(net)
    (dy,) = normals(9, (T, N, 2 * H))
    theirs = [torch.tensor(np.stack([s, s[::-1].copy()]), requires_grad=True) for s in states]
    rows = torch.tensor(x, requires_grad=True)
    packed = torch.nn.utils.rnn.pack_padded_sequence(rows, lengths, enforce_sorted=False)
    out, ends = module(packed, tuple(theirs) if len(theirs) > 1 else theirs[0])
    out, _ = torch.nn.utils.rnn.pad_packed_sequence(out, total_length=T)
    ends = ends if isinstance(ends, tuple) else (ends,)
    upstream = [torch.tensor(np.stack([a, 2 * a])) for a in last]
    torch.autograd.backward((out, *ends), (torch.tensor(dy), *upstream))
    dx = 0
    for k, suffix in enumerate(("", "_reverse")):
        one = replace(net, reverse=bool(k))
        w, u, b, c = (
            getattr(module, f"{part}_l0{suffix}").detach().numpy()
            for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        biases = (b, c) if isinstance(net, GRU) else (b + c,)
        own = [s.detach().numpy()[k] for s in theirs]
        d = (dy[..., k * H : (k + 1) * H], *(a.numpy()[k] for a in upstream))
        (y, *lasts), grads = run(one, d, x, lengths, *own, w.T, u.T, *biases)
        assert_close(y, out.detach().numpy()[..., k * H : (k + 1) * H])
        assert_all_close(lasts, [e.detach().numpy()[k] for e in ends])
        dx = dx + grads[0]
        assert_all_close(grads[2 : 2 + len(states)], [s.grad[k] for s in theirs])
        parameters = [getattr(module, f"{p}_l0{suffix}").grad for p in ("weight_ih", "weight_hh")]
        assert_all_close(
            grads[2 + len(states) : 4 + len(states)], [p.numpy().T for p in parameters]
        )
        assert_close(grads[-1], getattr(module, f"bias_hh_l0{suffix}").grad)
    assert_close(dx, rows.grad)


def test_what_is_kept_between_forward_and_backward_is_less_than_a_gate_of_each_step():
    for net in NETS:
        x, states, parameters, _ = parts_of(net)
        y, residuals = net.forward(x, LENGTHS, *states, *parameters)
        own = {id(a) for a in (x, LENGTHS, *states, *parameters, y[0])}
        more = sum(a.size for a in residuals if id(a) not in own)
        assert more <= T * N * H * isinstance(net, LSTM)


@pytest.mark.parametrize(("a", "rule"), [(1.0, CumSum(0)), (None, CumProd(0))])
def test_running_sums_and_products_are_linear_recurrences(a, rule):
    x, dy = normals(3, (T, N), (T, N))
    if a is None:
        inputs, position = (x, np.zeros((T, N)), np.ones(N)), 0
    else:
        inputs, position = (np.full((T, N), a), x, np.zeros(N)), 1
    assert_close(value(LinearRecurrence(), *inputs), value(rule, x))
    assert_close(
        gradients(LinearRecurrence(), *inputs, dy=dy)[position], gradients(rule, x, dy=dy)[0]
    )


def test_a_gate_of_0_forgets_what_came_before():
    a, b, dy = normals(4, (T, N), (T, N), (T, N))
    a[3] = 0
    (h0,) = normals(5, (N,))
    da, db, dh0 = gradients(LinearRecurrence(), a, b, h0, dy=dy)
    alone = gradients(LinearRecurrence(), a[:3], b[:3], h0, dy=dy[:3])
    for whole, piece in zip((da[:3], db[:3], dh0), alone, strict=True):
        assert_close(whole, piece)
    assert np.max(np.abs(da[3])) > 0.1


@pytest.mark.parametrize("net", [*NETS, LinearRecurrence()], ids=repr)
def test_no_steps_leave_the_state_and_its_gradient_as_they_are(net):
    if isinstance(net, LinearRecurrence):
        a, h0 = np.empty((0, 2)), np.ones(2)
        assert value(net, a, a, h0).shape == (0, 2)
        assert not gradients(net, a, a, h0, dy=a)[2].any()
        return
    x, states, parameters, (d, *last) = parts_of(net)
    y, grads = run(net, (d[:0], *last), x[:0], LENGTHS * 0, *states, *parameters)
    assert_all_close(y[1:], states)
    assert_all_close(grads[2 : 2 + len(states)], last)
    assert not any(dp.any() for dp in grads[2 + len(states) :])
