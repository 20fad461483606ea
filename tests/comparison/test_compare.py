"""`compare`: what it takes, and what it prints."""

import pytest

from handgrad import Softmax, Tanh, compare


def without_times(text):
    return [line for line in text.splitlines() if not line.startswith("time")]


def test_a_comparison_prints_what_the_command_prints(handgrad):
    _, output, _ = handgrad("compare", "Softmax", "--size", "M=4,N=3", "--dtype", "float64")
    sizes = {"M": 4, "N": 3}
    assert without_times(str(compare(Softmax(), sizes, dtype="float64"))) == without_times(output)


@pytest.mark.parametrize("subject", [Softmax, "Softmax", None])
def test_what_is_not_a_rule_is_refused(subject):
    with pytest.raises(TypeError, match="is not a rule: pass one"):
        compare(subject)


def test_an_unknown_precision_is_named():
    with pytest.raises(ValueError, match="'float16': choose float32 or float64"):
        compare(Tanh(), dtype="float16")


def test_sizes_that_are_not_a_dict_are_shown():
    with pytest.raises(TypeError, match=r'sizes is 5: pass a dict, such as {"N": 512}'):
        compare(Softmax(), 5)


class Undescribed:
    def forward(self, x):
        return x, ()

    def backward(self, residuals, dy):
        return (dy,)


def test_a_rule_without_shapes_is_refused():
    with pytest.raises(ValueError, match="no derivation that states the shapes of its inputs"):
        compare(Undescribed())


def test_a_size_that_there_is_not_is_named():
    with pytest.raises(ValueError, match="has no size Q"):
        compare(Softmax(), {"Q": 3})
