"""handgrad verify --like: a rule with its options, as it is written in Python."""

import pytest

from handgrad.cli.rules import rule_named
from handgrad.rules import GELU, LSTMCell, Softmax
from tests.cli.refused import assert_refused

LAYER = """
import numpy as np


class Doubled:
    def forward(self, x):
        return 2 * x

    def backward(self, dy):
        return 2 * dy


class Rows:
    def forward(self, x):
        e = np.exp(x - x.max(axis=0))
        self.y = e / e.sum(axis=0)
        return self.y

    def backward(self, dy):
        return self.y * (dy - (dy * self.y).sum(axis=0))
"""


@pytest.fixture
def verify(handgrad, tmp_path, monkeypatch):
    """Run `handgrad verify` in a folder with a layer.py."""
    (tmp_path / "layer.py").write_text(LAYER, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: handgrad("verify", *arguments)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ('LSTMCell(order="iofg")', LSTMCell(order="iofg")),
        ("LSTMCell(order=iofg)", LSTMCell(order="iofg")),
        ("lstmcell( order = 'iofg' )", LSTMCell(order="iofg")),
        ("GELU(approximate=tanh)", GELU(approximate="tanh")),
        ("Softmax(axis=-2)", Softmax(axis=-2)),
        ("Softmax()", Softmax()),
        ("Softmax", Softmax()),
    ],
)
def test_options_are_those_of_python_and_words_need_no_quotes(text, rule):
    assert rule_named(text, "--like") == rule


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("GELU(tanh)", "GELU(tanh): an option is NAME=VALUE: write GELU(approximate='none')"),
        ("GELU(approximate=tan)", "approximate is 'tan', and may be 'none' or 'tanh': write GELU("),
        ("LSTMCell(oder=iofg)", "there is no option oder: write LSTMCell(order='ifgo')"),
        ("Softmax(axis=a)", "axis is 'a', and may be int: write Softmax(axis=-1)"),
        ("Softmax(axis=1", "'(' was never closed: write Softmax(axis=-1)"),
        ("Softmax(axis=1)+1", "an option is NAME=VALUE"),
        ("Softmax(axis=len([]))", "len([]) is not a value"),
        ("Softmax(**{})", "there is no option **"),
        ("Tanh(axis=1)", "there is no option axis: write Tanh, which has no options"),
        ("activations", "activations is a family: name one rule of GELU"),
        ("Softmaxx", "there is no rule or family 'Softmaxx': did you mean Softmax"),
        ("LSTMCell", "LSTMCell(order='ifgo') takes x, h, c, W, U, b, and what is judged has x"),
    ],
)
def test_another_spelling_is_answered_with_the_right_one(verify, text, says):
    assert_refused(verify("layer.py::Doubled", "--like", text), says)


def test_code_is_judged_as_the_rule_with_its_options(verify):
    status, output, _ = verify("layer.py::Rows", "--like", "Softmax(axis=0)")
    assert status == 0, output
    assert verify("layer.py::Rows", "--like", "Softmax")[0] == 1
