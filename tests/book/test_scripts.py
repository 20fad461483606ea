"""The five scripts of the book's chapter 5, in our words, print the book's numbers."""

from pathlib import Path

import numpy as np

from tests.digits import finished, python

SCRIPTS = Path(__file__).parent / "scripts"
SEEDED = "import numpy, runpy; numpy.random.seed(0); runpy.run_path({!r}, run_name='__main__')"


def printed(script, **environment):
    """The lines that one of the book's scripts prints."""
    process = python("-W", "error", "-c", SEEDED.format(script), cwd=SCRIPTS, env=environment)
    status, output, errors = finished(process)
    assert (status, errors) == (0, "")
    return output.splitlines()


def test_buy_apple_prints_the_numbers_of_the_book():
    assert printed("buy_apple.py") == ["price: 220", "dApple: 2.2", "dApple_num: 110", "dTax: 200"]


def test_buy_apple_orange_prints_the_numbers_of_the_book():
    lines = dict(line.split(": ") for line in printed("buy_apple_orange.py"))
    assert lines["price"] == "715"
    assert lines["dApple_num"] == "110"
    assert lines["dOrange_num"] == "165"
    assert lines["dApple"] == "2.2"
    assert lines["dOrange"] == "3.3000000000000003"
    assert lines["dTax"] == "650"


def test_two_layer_net_has_gradients_of_the_shapes_of_its_parameters():
    *shapes, loss = printed("two_layer_net.py")
    assert shapes == [
        "W1 (784, 50) (784, 50)",
        "b1 (50,) (50,)",
        "W2 (50, 10) (50, 10)",
        "b2 (10,) (10,)",
    ]
    assert abs(float(loss.removeprefix("loss: ")) - np.log(10)) < 0.05  # weights are near 0


def test_gradient_check_finds_no_difference(mnist):
    lines = printed("gradient_check.py", HANDGRAD_MNIST=str(mnist), HIDDEN_SIZE="4")
    differences = {key: float(number) for key, number in (line.split(":") for line in lines)}
    assert list(differences) == ["W1", "b1", "W2", "b2"]
    assert all(0 < d < 1e-9 for d in differences.values())  # central differences, as in the book


def test_train_neuralnet_learns_the_digits(mnist):
    lines = printed("train_neuralnet.py", HANDGRAD_MNIST=str(mnist), ITERS_NUM="300")
    accuracies = [tuple(map(float, line.split())) for line in lines]
    assert len(accuracies) == 50
    assert max(accuracies[0]) < 0.5
    assert min(accuracies[-1]) > 0.9
