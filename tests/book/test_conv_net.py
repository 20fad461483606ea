"""The book's convolutional net: its gradients, and what `handgrad train --net conv` makes of it."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from handgrad import rules
from handgrad.book import checkpoint
from handgrad.book.nets import PARAMS, ConvNet, draw_params
from handgrad.book.training import DEFAULTS, Settings, advance, check_gradients, start
from tests.common.forging import forged_run
from tests.digits import draw_digits, write_digits

SMALL = Settings(hidden=20, batch=50, net="conv")
EPOCH = 12  # 600 digits in batches of 50
ROW = re.compile(r" *(\d+) +\d+\.\d{4} +(\d+\.\d\d)% +(\d+\.\d\d)%")


@pytest.fixture
def net():
    """A net for images of 9 × 9, whose last row and column no pooling window reaches."""
    params = draw_params(np.random.default_rng(1), (9, 9), 6)
    for name in ("b1", "b2", "b3"):
        params[name] = np.random.default_rng(2).normal(size=params[name].shape)
    return ConvNet(params)


@pytest.fixture
def batch():
    rng = np.random.default_rng(3)
    return rng.random((4, 81)), np.array([7, 0, 3, 3])


@pytest.fixture
def train(handgrad, mnist):
    """Runs `handgrad train --net conv` on the small digits, with a small hidden layer."""
    common = ("train", "--mnist", mnist, "--net", "conv", "--batch", 50)
    return lambda *arguments: handgrad(*common, "--hidden", 20, *arguments)


def in_jax(params, x, t):
    """The loss of the net, from JAX's own convolution and pooling."""
    images = jnp.reshape(x, (len(x), 1, 9, 9))
    y = lax.conv_general_dilated(images, params["W1"], (1, 1), "VALID")
    y = jnp.maximum(y + params["b1"][:, None, None], 0)
    y = lax.reduce_window(y, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    y = jnp.maximum(jnp.reshape(y, (len(x), -1)) @ params["W2"] + params["b2"], 0)
    scores = y @ params["W3"] + params["b3"]
    return -jnp.mean(jnp.sum(jax.nn.one_hot(t, 10) * jax.nn.log_softmax(scores), axis=1))


def test_loss_and_gradients_are_those_of_jax(net, batch):
    loss, expected = jax.value_and_grad(in_jax)(net.params, *batch)
    grads = net.gradient(*batch)
    assert net.loss(*batch) == pytest.approx(float(loss), rel=1e-13)
    assert list(grads) == list(net.params) == ["W1", "b1", "W2", "b2", "W3", "b3"]
    for name, dp in grads.items():
        scale = np.max(np.abs(expected[name]))
        assert scale > 0
        np.testing.assert_allclose(dp, expected[name], rtol=0, atol=1e-12 * scale)


def test_the_layers_use_what_stands_in_params(net, batch):
    before = net.predict(batch[0])
    net.params["b3"] += 1.5
    np.testing.assert_allclose(net.predict(batch[0]), before + 1.5, rtol=1e-12)
    net.params["b3"] = net.params["b3"] - 2.5
    np.testing.assert_allclose(net.predict(batch[0]), before - 1, rtol=1e-12, atol=1e-12)


def test_accuracy_is_the_share_of_right_answers(net, batch):
    x, _ = batch
    answers = np.argmax(net.predict(x), axis=1)
    answers[1] = (answers[1] + 1) % 10
    assert net.accuracy(x, answers) == 0.75


def test_the_net_of_the_book_has_433890_parameters(digits):
    net = start(DEFAULTS["conv"], digits[0]).net
    assert sum(p.size for p in net.params.values()) == 433_890
    assert DEFAULTS["conv"] == Settings(hidden=100, batch=100, learning_rate=0.1, net="conv")


def test_weights_have_a_variance_of_two_over_their_inputs():
    params = draw_params(np.random.default_rng(4), (28, 28), 100)
    for name, inputs in (("W1", 25), ("W2", 30 * 12 * 12), ("W3", 100)):
        weights = params[name]
        # the mean square of n normal numbers is right to √(2 / n)
        error = np.mean(weights**2) * inputs / 2 - 1
        assert abs(error) < 4 * np.sqrt(2 / weights.size)
    assert not any(params[name].any() for name in ("b1", "b2", "b3"))


def test_a_conv_net_learns_the_digits(digits):
    run = start(SMALL, digits[0])
    *_, (step, _, on_train, on_test) = advance(run, *digits, 2 * EPOCH)
    assert step == 2 * EPOCH
    assert min(on_train, on_test) > 0.97


def test_check_gradients_passes_the_net_and_sees_a_wrong_convolution(net, batch, monkeypatch):
    right = rules.Conv2d.backward

    def wrong(self, residuals, dy):
        dx, dW, db = right(self, residuals, dy)
        return dx, 1.00001 * dW, db

    few = [x[:1] for x in batch]
    assert max(check_gradients(net, *few).errors.values()) < 1e-6
    monkeypatch.setattr(rules.Conv2d, "backward", wrong)
    errors = check_gradients(net, *few).errors
    assert [name for name, error in errors.items() if error > 1e-6] == ["W1"]


def test_a_run_prints_a_row_for_each_epoch(train):
    status, output, errors = train("--steps", EPOCH + 1)
    assert (status, errors) == (0, "")
    rows = [ROW.fullmatch(line) for line in output.splitlines()[1:]]
    assert [int(row[1]) for row in rows] == [EPOCH, EPOCH + 1]
    assert float(rows[-1][3]) > 50


def test_the_settings_of_a_conv_net_are_its_own(handgrad, mnist, tmp_path):
    path = tmp_path / "run.npz"
    handgrad("train", "--mnist", mnist, "--net", "conv", "--steps", 1, "--save", path)
    assert checkpoint.load(path).settings == DEFAULTS["conv"]


def test_a_resumed_run_ends_as_if_never_interrupted(train, tmp_path):
    whole, parted = tmp_path / "whole.npz", tmp_path / "parted.npz"
    expected = train("--steps", 2 * EPOCH, "--save", whole)
    train("--steps", EPOCH, "--save", parted)
    assert train("--steps", 2 * EPOCH, "--save", parted, "--resume") == expected
    for name, p in checkpoint.load(whole).net.params.items():
        assert np.array_equal(p, checkpoint.load(parted).net.params[name])


def test_resume_refuses_another_net(train, handgrad, mnist, tmp_path):
    path = tmp_path / "run.npz"
    assert train("--steps", 1, "--save", path)[0] == 0
    common = ("train", "--mnist", mnist, "--steps", 2, "--save", path, "--resume")
    status, _, errors = handgrad(*common, "--net", "two-layer")
    assert status == 2
    assert errors == f"handgrad: {path} was begun with --net conv, not two-layer\n"
    assert handgrad(*common)[0] == 0


@pytest.mark.parametrize("missing", PARAMS)
def test_a_file_without_a_parameter_is_refused(digits, tmp_path, missing):
    path = tmp_path / "run.npz"
    checkpoint.save(start(SMALL, digits[0]), path)
    path.write_bytes(forged_run(path.read_bytes(), lambda _, arrays: arrays.pop(missing)))
    with pytest.raises(
        ValueError, match=f"not a whole file of a training run: it has no {missing}"
    ):
        checkpoint.load(path)


@pytest.mark.parametrize("shape", [(20, 28), (5, 5)])
def test_images_that_the_net_cannot_read_are_refused(handgrad, tmp_path, shape):
    rows, columns = shape
    images, labels = draw_digits(np.random.default_rng(5), 30)
    write_digits(tmp_path, *[(images[:, :rows, :columns], labels)] * 2)
    command = ("train", "--mnist", tmp_path, "--net", "conv", "--steps", 1)
    status, output, errors = handgrad(*command)
    assert (status, output) == (2, "")
    assert errors == (
        "handgrad: the convolutional net reads square images of more than 5 × 5 pixels, and these "
        f"have {rows} × {columns}\n"
    )


def test_an_unknown_net_is_refused_with_the_known_ones(handgrad, mnist):
    status, _, errors = handgrad("train", "--mnist", mnist, "--net", "deep")
    assert status == 2
    assert re.search(r"'deep'.*two-layer.*conv", errors)
