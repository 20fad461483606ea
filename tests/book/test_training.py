"""Training the book's net on digits, and its gradient check."""

import numpy as np
import pytest

from handgrad import rules
from handgrad.book import training
from handgrad.book.training import Settings, accuracy, advance, check_gradients, pixels, start

EPOCH = 6  # 600 digits in batches of 100
AGREE = 1e-6  # what differences with a step of ε^⅓ can tell


@pytest.fixture
def run(digits):
    return start(Settings(), digits[0])


def trained(run, digits, steps):
    """What advance yields."""
    return list(advance(run, *digits, steps))


def test_the_defaults_are_the_settings_of_the_book():
    assert Settings() == Settings(hidden=50, batch=100, learning_rate=0.1, seed=0)


def test_a_net_learns_the_digits(run, digits):
    *_, last = trained(run, digits, 50 * EPOCH)
    step, loss, on_train, on_test = last
    assert step == run.step == 300
    assert min(on_train, on_test) > 0.9
    assert loss < run.losses[0] / 4


def test_a_run_begins_by_guessing(run, digits):
    trained(run, digits, 1)
    assert abs(run.losses[0] - np.log(10)) < 0.05  # weights are near 0
    assert run.net.params["W1"].shape == (784, 50)


def test_history_has_a_row_for_each_epoch_and_for_the_last_step(run, digits):
    rows = trained(run, digits, 2 * EPOCH + 2)
    assert [row[0] for row in run.history] == [6, 12, 14]
    assert [row for row in rows if row is not None] == run.history
    assert [i for i, row in enumerate(rows, 1) if row is not None] == [6, 12, 14]
    assert len(run.losses) == len(rows) == 14


def test_a_row_holds_the_mean_loss_and_both_accuracies(run, digits):
    train, (images, labels) = digits
    mislabelled = images, (labels + 1) % 10
    trained(run, (train, mislabelled), 2 * EPOCH)
    _, loss, on_train, on_test = run.history[1]
    assert loss == np.mean(run.losses[6:12])
    assert on_train == accuracy(run.net, train) > 0.5
    assert on_test == accuracy(run.net, mislabelled) < 0.5


def test_a_step_goes_down_the_gradient(run, digits):
    before = {name: p.copy() for name, p in run.net.params.items()}
    images, labels = digits[0]
    chosen = np.random.default_rng(0)
    chosen.normal(size=784 * 50 + 50 * 10)
    batch = chosen.choice(600, 100)
    grads = run.net.gradient(pixels(images[batch]), labels[batch])
    trained(run, digits, 1)
    for name, p in run.net.params.items():
        assert np.array_equal(p, before[name] - 0.1 * grads[name])


def test_the_seed_decides_weights_and_batches(digits):
    first, again, other = (start(Settings(seed=seed), digits[0]) for seed in (3, 3, 4))
    for run in (first, again, other):
        trained(run, digits, 3)
    assert first.losses == again.losses
    assert np.array_equal(first.net.params["W1"], again.net.params["W1"])
    assert set(first.losses).isdisjoint(other.losses)


def test_the_fingerprint_tells_digits_apart(digits):
    (images, labels), test = digits
    changed = images.copy()
    changed[5, 5, 5] ^= 1
    others = [(changed, labels), (images, (labels + 1) % 10), test]
    prints = {training.fingerprint(part) for part in ((images, labels), *others)}
    assert len(prints) == 4
    assert training.fingerprint((images.copy(), labels.copy())) in prints


def test_accuracy_counts_every_digit_once(run, digits, monkeypatch):
    trained(run, digits, EPOCH)
    images, labels = digits[0]
    right = np.argmax(run.net.predict(pixels(images)), axis=1) == labels
    for chunk in (1, 7, 599, 600, 1000):
        monkeypatch.setattr(training, "CHUNK", chunk)
        assert accuracy(run.net, digits[0]) == pytest.approx(np.mean(right), rel=1e-14)


def test_a_divergent_learning_rate_raises_at_the_step(digits):
    run = start(Settings(learning_rate=1e200), digits[0])
    with pytest.raises(FloatingPointError, match=r"at step 1: a learning rate below 1e\+200"):
        trained(run, digits, EPOCH)


def test_a_loss_that_is_no_number_stops_the_run_at_its_step(run, digits):
    trained(run, digits, 3)
    run.net.params["b2"][4] = np.nan
    before = run.net.params["W2"].copy()
    with pytest.raises(FloatingPointError, match="the loss is nan at step 3"):
        trained(run, digits, EPOCH)
    assert np.array_equal(run.net.params["W2"], before)


def test_weights_that_are_not_finite_stop_the_run_before_they_are_saved(run, digits):
    run.net.params["W1"][3, 4] = 1e308  # the pixel's unit is off, or its loss would tell
    run.net.params["b1"][4] = -np.inf
    with pytest.raises(FloatingPointError, match="a weight is not finite at step 6: a learning"):
        trained(run, digits, EPOCH)
    assert run.history == []


@pytest.mark.parametrize(("net", "windows"), [("two-layer", 0), ("conv", 5 * 5 * (25 + 2 * 30))])
def test_the_memory_is_that_of_the_arrays(net, windows):
    settings = Settings(hidden=7, batch=300, net=net)
    run = start(settings, (np.zeros((2, 9, 9), np.uint8), np.zeros(2, np.uint8)))
    weights = sum(p.nbytes for p in run.net.params.values())
    assert training.bytes_of(settings, (9, 9)) == weights
    assert training.memory_of(settings, (9, 9)) == 3 * weights + 8 * 300 * (81 + windows + 14)
    assert {name: p.shape for name, p in run.net.params.items()} == training.shapes_of(
        settings, (9, 9)
    )


def few(digits):
    images, labels = digits[0]
    return pixels(images[:3]), labels[:3]


def small_net(digits):
    return start(Settings(hidden=4), digits[0]).net


def test_the_net_of_the_book_has_39760_parameters(run):
    assert sum(p.size for p in run.net.params.values()) == 39_760


def test_check_gradients_agrees_and_ticks_once_for_each_parameter(digits):
    net, ticks = small_net(digits), []
    before = {name: p.copy() for name, p in net.params.items()}
    check = check_gradients(net, *few(digits), lambda: ticks.append(1))
    assert list(check.errors) == ["W1", "b1", "W2", "b2"]
    assert all(0 < error < AGREE for error in check.errors.values())
    assert check.parameters == len(ticks) == 784 * 4 + 4 + 4 * 10 + 10
    assert check.numerical > check.backward > 0
    assert all(np.array_equal(p, before[name]) for name, p in net.params.items())


def scaled(backward, factors):
    """A backward with each gradient times a factor."""
    return lambda *args: tuple(f * g for f, g in zip(factors, backward(*args), strict=True))


PLANTED = {
    "no mask": (rules.ReLU, lambda _self, _residuals, dy: (dy,), {"W1", "b1"}),
    "dx doubled": (rules.Affine, scaled(rules.Affine.backward, (2, 1, 1)), {"W1", "b1"}),
    "dW off by 1e-5": (rules.Affine, scaled(rules.Affine.backward, (1, 1.00001, 1)), {"W1", "W2"}),
    "db turned": (rules.Affine, scaled(rules.Affine.backward, (1, 1, -1)), {"b1", "b2"}),
    "no mean": (
        rules.SoftmaxCrossEntropy,
        scaled(rules.SoftmaxCrossEntropy.backward, (3, 3)),
        {"W1", "b1", "W2", "b2"},
    ),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_check_gradients_sees_an_error_where_it_is(digits, monkeypatch, planted):
    rule, backward, wrong = PLANTED[planted]
    monkeypatch.setattr(rule, "backward", backward)
    errors = check_gradients(small_net(digits), *few(digits)).errors
    assert {name for name, error in errors.items() if not error < AGREE} == wrong


def test_check_gradients_agrees_where_every_unit_is_dead(digits):
    net = small_net(digits)
    net.params["b1"] -= 100
    errors = check_gradients(net, *few(digits)).errors
    assert all(error < AGREE for error in errors.values())
