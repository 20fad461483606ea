"""Facts of losses over all alignments, among them the sum over all paths, one by one."""

import itertools

import numpy as np
import pytest

from handgrad import CTC, LogSoftmax, RNNTransducer, SoftDTW
from tests.rules.running import assert_close, gradients, normals, value

LABELS = np.array([[1, 2], [2, 2], [2, 0], [1, -1]])
LENGTHS, COUNTS = np.array([5, 5, 3, 1]), np.array([2, 2, 1, 1])


def logits(seed=1, shape=(5, 4, 3)):
    return 2 * normals(seed, shape)[0]


def spelled(path, blank):
    """The labels of a path: repetitions are one, and blanks are left out."""
    return [c for c, _ in itertools.groupby(path) if c != blank]


def over_all(paths, a):
    """log Σ e^(sum of a along a path), over all paths, and its gradient by a.

    A path has the indices of the entries of a that it passes.
    """
    totals = [sum(a[index] for index in path) for path in paths]
    whole = np.logaddexp.reduce(totals)
    grad = np.zeros_like(a)
    for path, total in zip(paths, totals, strict=True):
        for index in path:
            grad[index] += np.exp(total - whole)
    return whole, grad


def assert_enumerated(loss, dx, paths, x):
    """A row's loss, and its gradient by scores, are those of all paths of classes."""
    log_p = value(LogSoftmax(), x)
    whole, grad = over_all(list(paths), log_p)
    assert_close(loss, -whole)
    assert_close(dx, gradients(LogSoftmax(), x, dy=-grad)[0])


@pytest.mark.parametrize("blank", [0, 1, 2])
def test_ctc_is_the_sum_over_all_paths_that_spell_the_labels(blank):
    x, rule = logits(), CTC("none", blank=blank)
    others = np.array([c for c in range(3) if c != blank])
    labels = others[np.array([[0, 1], [1, 1], [1, 0], [0, 0]])]
    losses = value(rule, x, labels, LENGTHS, COUNTS)
    (dx, *_) = gradients(rule, x, labels, LENGTHS, COUNTS, dy=np.ones(4))
    for i, (n, m) in enumerate(zip(LENGTHS, COUNTS, strict=True)):
        paths = [
            list(enumerate(path))
            for path in itertools.product(range(3), repeat=int(n))
            if spelled(path, blank) == list(labels[i, :m])
        ]
        assert_enumerated(losses[i], dx[:n, i], paths, x[:n, i])
        assert not dx[n:, i].any()


def orders(n, labels, blank):
    """All orders of n blanks and the labels, the last a blank: paths of (t, u, class)."""
    for emitting in itertools.combinations(range(n + len(labels) - 1), len(labels)):
        t, u, path = 0, 0, []
        for move in range(n + len(labels)):
            label = move in emitting
            path.append((t, u, labels[u] if label else blank))
            t, u = t + (not label), u + label
        yield path


@pytest.mark.parametrize("blank", [0, 2])
def test_a_transducer_is_the_sum_over_all_paths(blank):
    x, rule = logits(2, (4, 4, 3, 3)), RNNTransducer("none", blank=blank)
    labels, lengths, counts = np.abs(LABELS), np.array([4, 3, 4, 1]), np.array([2, 2, 1, 0])
    losses = value(rule, x, labels, lengths, counts)
    (dx, *_) = gradients(rule, x, labels, lengths, counts, dy=np.ones(4))
    for i, (n, m) in enumerate(zip(lengths, counts, strict=True)):
        paths = orders(n, labels[i, :m], blank)
        assert_enumerated(losses[i], dx[i, :n, : m + 1], paths, x[i, :n, : m + 1])
        assert not dx[i, n:].any()
        assert not dx[i, :, m + 1 :].any()


def warpings(i, j):
    """All paths from the cell (0, 0) to this one."""
    if (i, j) == (0, 0):
        return [[(0, 0)]]
    before = [(i - 1, j), (i, j - 1), (i - 1, j - 1)]
    return [[*path, (i, j)] for a, b in before if min(a, b) >= 0 for path in warpings(a, b)]


@pytest.mark.parametrize("gamma", [0.1, 1.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (4, 1), (3, 4), (4, 3)])
def test_soft_warping_is_the_soft_minimum_over_all_paths(shape, gamma):
    D = logits(3, (2, *shape))
    y, (dD,) = value(SoftDTW(gamma), D), gradients(SoftDTW(gamma), D, dy=np.ones(2))
    for i in range(2):
        whole, grad = over_all(warpings(shape[0] - 1, shape[1] - 1), -D[i] / gamma)
        assert_close(y[i], -gamma * whole)
        assert_close(dD[i], grad)


@pytest.mark.parametrize("reduction", ["none", "sum"])
def test_torch_has_the_same_ctc_behind_a_log_softmax(reduction):
    torch = pytest.importorskip("torch", reason="torch is an extra")
    x, labels = logits(), np.abs(LABELS) + (LABELS == 0)
    theirs = torch.tensor(x, requires_grad=True)
    sizes = torch.tensor(LENGTHS), torch.tensor(COUNTS)
    log_p = theirs.log_softmax(-1)
    ctc = torch.nn.functional.ctc_loss
    loss = ctc(log_p, torch.tensor(labels), *sizes, reduction=reduction, zero_infinity=True)
    dy = normals(4, tuple(loss.shape))[0]
    loss.backward(torch.tensor(dy))
    inputs = x, labels, LENGTHS, COUNTS
    assert_close(value(CTC(reduction), *inputs), loss.detach())
    assert_close(gradients(CTC(reduction), *inputs, dy=dy)[0], theirs.grad)


def test_the_gradient_of_torch_by_log_probabilities_is_not_that_of_its_value():
    torch = pytest.importorskip("torch", reason="torch is an extra")
    x = torch.tensor(np.log([[[0.3, 0.7]]]), requires_grad=True)
    sizes = torch.tensor([1]), torch.tensor([1])
    loss = torch.nn.functional.ctc_loss(x, torch.tensor([[1]]), *sizes, reduction="sum")
    loss.backward()
    assert_close(loss.detach(), -np.log(0.7))
    assert_close(x.grad[0, 0], [0.3, -0.3])  # p − γ; of −x[0, 0, 1] it is (0, −1)


IMPOSSIBLE = [
    (CTC, (logits(), LABELS, np.array([5, 2, 3, 0]), COUNTS), (1, 3)),
    (RNNTransducer, (logits(5, (4, 5, 3, 3)), LABELS, np.array([5, 0, 3, 0]), COUNTS), (1, 3)),
]


@pytest.mark.parametrize(("cls", "inputs", "rows"), IMPOSSIBLE)
def test_a_row_that_no_path_can_spell_has_no_gradient_and_does_not_disturb_the_others(
    cls, inputs, rows
):
    (dy,) = normals(6, (4,))
    whole = [i for i in range(4) if i not in rows]
    for zero_infinity in (True, False):
        rule = cls("none", zero_infinity=zero_infinity)
        losses, (dx, *_) = value(rule, *inputs), gradients(rule, *inputs, dy=dy)
        assert np.all(losses[list(rows)] == (0 if zero_infinity else np.inf))
        assert np.all(np.isfinite(losses[whole]))
        assert np.all(np.isfinite(dx))
        by_row = np.moveaxis(dx, 1 if cls is CTC else 0, 0)
        assert not by_row[list(rows)].any()
        assert all(by_row[i].any() for i in whole)


def test_repeated_labels_need_a_blank_between():
    x = logits(7, (3, 1, 2))
    log_p = value(LogSoftmax(), x)[:, 0]
    loss = value(CTC("none"), x, np.array([[1, 1]]), np.array([3]), np.array([2]))
    assert_close(loss, [-(log_p[0, 1] + log_p[1, 0] + log_p[2, 1])])


@pytest.mark.parametrize("cls", [CTC, RNNTransducer])
def test_padding_may_hold_anything(cls):
    x = logits(8) if cls is CTC else logits(8, (4, 5, 3, 3))
    (dy,) = normals(9, (4,))
    expected = gradients(cls("none"), x, LABELS, LENGTHS, COUNTS, dy=dy)[0]
    t = np.arange(5)
    if cls is CTC:
        x[t[:, None] >= LENGTHS] = np.nan
    else:
        outside = (t[None, :, None] >= LENGTHS[:, None, None]) | (t[:3] > COUNTS[:, None, None])
        x[outside] = np.nan
    other = np.where(np.arange(2) < COUNTS[:, None], LABELS, -100)
    assert np.array_equal(gradients(cls("none"), x, other, LENGTHS, COUNTS, dy=dy)[0], expected)


@pytest.mark.parametrize("cls", [CTC, RNNTransducer])
def test_a_gradient_of_scores_sums_to_0_over_the_classes(cls):
    x = logits(10) if cls is CTC else logits(10, (4, 5, 3, 3))
    dx, *_ = gradients(cls(), x, LABELS, LENGTHS, COUNTS, dy=np.array(0.7))
    assert np.max(np.abs(np.sum(dx, axis=-1))) < 1e-15


def test_a_transducer_without_labels_emits_blanks():
    x = logits(11, (2, 4, 1, 3))
    log_p = value(LogSoftmax(), x)
    n = np.array([4, 2])
    losses = value(RNNTransducer("none"), x, np.empty((2, 0), int), n, 0 * n)
    assert_close(losses, [-np.sum(log_p[i, : n[i], 0, 0]) for i in range(2)])


def test_without_smoothing_warping_is_the_cheapest_path():
    D = logits(12, (1, 5, 6))
    cost = np.full((6, 7), np.inf)
    cost[0, 0] = 0
    for i, j in itertools.product(range(5), range(6)):
        cost[i + 1, j + 1] = D[0, i, j] + min(cost[i, j], cost[i, j + 1], cost[i + 1, j])
    rule = SoftDTW(1e-4)
    (dD,) = gradients(rule, D, dy=np.ones(1))
    assert_close(value(rule, D), cost[-1:, -1], 1e-10)
    assert_close(dD, np.rint(dD), 1e-10)
    assert_close(np.sum(dD * D), cost[-1, -1], 1e-10)


def test_both_ends_are_on_every_path():
    D, dy = logits(13, (3, 4, 5)), normals(14, (3,))[0]
    (dD,) = gradients(SoftDTW(), D, dy=dy)
    assert_close(dD[:, 0, 0], dy)
    assert_close(dD[:, -1, -1], dy)


def test_long_sequences_underflow_nowhere_in_float32():
    x = np.float32(logits(15, (2000, 1, 5)))
    labels = np.arange(300)[None] % 4 + 1
    n, m = np.array([2000]), np.array([300])
    loss, (dx, *_) = (
        value(CTC(), x, labels, n, m),
        gradients(CTC(), x, labels, n, m, dy=np.float32(1)),
    )
    exact = value(CTC(), x.astype(float), labels, n, m)
    assert abs(loss - exact) < 1e-5 * exact
    assert np.max(np.abs(dx - gradients(CTC(), x.astype(float), labels, n, m, dy=1.0)[0])) < 1e-4
    D = np.abs(np.float32(logits(16, (1, 500, 500))))
    assert np.isfinite(value(SoftDTW(0.01), D))
    assert np.all(np.isfinite(gradients(SoftDTW(0.01), D, dy=np.ones(1, np.float32))[0]))


KEPT = [
    (CTC(), (logits(), LABELS, LENGTHS, COUNTS), 5 * 4 * 5),  # each place of the walk at each step
    (RNNTransducer(), (logits(shape=(4, 5, 3, 6)), LABELS, LENGTHS, COUNTS), 7 * 4 * 3),
    (SoftDTW(), (logits(),), 0),
]


@pytest.mark.parametrize(("rule", "inputs", "most"), KEPT, ids=["CTC", "transducer", "warping"])
def test_of_the_sums_one_number_is_kept_for_each_place(rule, inputs, most):
    _, residuals = rule.forward(*inputs)
    own = {id(x) for x in inputs}
    assert sum(a.size for a in residuals if id(a) not in own) == most
