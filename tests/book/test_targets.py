"""What the book's loss takes as targets: labels, one-hot rows and weights, and nothing else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from handgrad import book

X = np.random.default_rng(7).normal(size=(4, 3))
LABELS = np.array([2, 0, 1, 2])


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_all_kinds_of_labels_have_the_same_loss_and_gradient(dtype):
    wanted = loss_and_gradient(np.eye(3)[LABELS])
    labels = LABELS.astype(dtype)
    for t in (labels, labels[:, None], np.eye(3, dtype=dtype)[labels]):
        loss, dx = loss_and_gradient(t)
        assert loss == wanted[0]
        assert np.array_equal(dx, wanted[1])


def loss_and_gradient(t):
    layer = book.SoftmaxWithLoss()
    return layer.forward(X, t), layer.backward()


def test_soft_targets_have_the_loss_and_gradient_of_jax():
    t = np.random.default_rng(8).dirichlet((1.0, 2.0, 3.0), 4)
    loss, dx = jax.value_and_grad(lambda x: -jnp.mean(jnp.sum(t * jax.nn.log_softmax(x), 1)))(X)
    actual = loss_and_gradient(t)
    np.testing.assert_allclose(actual[0], loss, rtol=1e-13)
    np.testing.assert_allclose(actual[1], dx, atol=1e-14)


def test_one_row_has_the_loss_of_a_batch_of_one():
    single, batch = book.SoftmaxWithLoss(), book.SoftmaxWithLoss()
    assert single.forward(X[0], 2) == batch.forward(X[:1], np.array([2]))
    assert np.array_equal(single.backward(), batch.backward()[0])


def test_dout_scales_the_gradient():
    layer = book.SoftmaxWithLoss()
    layer.forward(X, LABELS)
    np.testing.assert_allclose(
        layer.backward(-2.5), -2.5 * loss_and_gradient(LABELS)[1], rtol=1e-13
    )


BAD_TARGETS = {
    "a label too large": (np.array([2, 0, 3, 1]), "3"),
    "a negative label": (np.array([2, 0, -1, 1]), "-1"),
    "too few labels": (np.array([2, 0]), r"\(2,\)"),
    "a wrong number of classes": (np.eye(4), r"\(4, 4\)"),
    "labels in a row": (LABELS[None], r"\(1, 4\)"),
    "floats as labels": (LABELS.astype(float), "float64"),
    "bools as labels": (LABELS > 1, "bool"),
    "a row that sums to 1.25": (np.array([[0.25, 0.75, 0.25], *np.eye(3)]), r"1\.25"),
    "a later row that sums to 1.25": (np.array([*np.eye(3), [0.25, 0.75, 0.25]]), r"1\.25"),
    "negative weights": (np.array([[1.75, -0.75, 0.0], *np.eye(3)]), r"-0\.75"),
    "a weight that is NaN": (np.array([[0.5, np.nan, 0.5], *np.eye(3)]), "nan"),
}


@pytest.mark.parametrize("kind", BAD_TARGETS)
def test_bad_targets_are_refused_and_shown(kind):
    t, shown = BAD_TARGETS[kind]
    with pytest.raises(ValueError, match=shown):
        book.SoftmaxWithLoss().forward(X, t)
    with pytest.raises(ValueError, match=shown):
        book.cross_entropy_error(book.softmax(X), t)


def test_the_sum_of_a_bad_row_is_shown_in_a_large_batch():
    t = np.eye(3)[np.resize(LABELS, 40)]
    t[30, 1] += 0.25
    with pytest.raises(ValueError, match=r"1\.25|0\.25"):
        book.cross_entropy_error(np.full((40, 3), 1 / 3), t)


def test_an_empty_batch_is_refused_with_its_shape():
    with pytest.raises(ValueError, match=r"empty.*\(0, 3\)"):
        book.SoftmaxWithLoss().forward(X[:0], LABELS[:0])


def test_a_batch_with_bad_targets_leaves_nothing_to_differentiate():
    layer = book.SoftmaxWithLoss()
    layer.forward(X, LABELS)
    with pytest.raises(ValueError, match="labels run"):
        layer.forward(X, LABELS + 1)
    with pytest.raises(RuntimeError, match="call forward first"):
        layer.backward()
