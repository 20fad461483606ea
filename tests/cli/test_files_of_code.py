"""handgrad verify FILE.py::NAME where the file does what it should not."""

import sys

import pytest

LAYER = """

class Layer:
    def forward(self, x):
        return 2 * x

    def backward(self, dy):
        return 2 * dy
"""
NEEDS = LAYER.replace(
    "    def forward", "    def __init__(self):\n        {}\n\n    def forward"
).format


@pytest.fixture
def verify(handgrad, tmp_path, monkeypatch):
    """Run `handgrad verify` on Layer in a layer.py with this text."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])

    def run(text, *arguments, name="Layer"):
        (tmp_path / "layer.py").write_text(text, encoding="utf-8")
        return handgrad("verify", f"layer.py::{name}", *arguments)

    return run


FAILURES = {
    "f = g" + LAYER: "layer.py:1 cannot be run: NameError: name 'g' is not defined",
    "import nowhere_at_all" + LAYER: "layer.py:1 cannot be run: ModuleNotFoundError: No module",
    "def f():\n    1 / 0\n\n\nf()" + LAYER: "layer.py:2 cannot be run: ZeroDivisionError: division",
    LAYER
    + "\nraise ValueError('first\\nsecond')": "layer.py:10 cannot be run: ValueError: first\n",
    LAYER + "\nraise ValueError": "layer.py:10 cannot be run: ValueError\n",
    "import sys\nsys.exit()" + LAYER: "layer.py:2 cannot be run: SystemExit\n",
    "import sys\nsys.exit(0)" + LAYER: "layer.py:2 cannot be run: SystemExit: 0\n",
    "raise SystemExit('bye')" + LAYER: "layer.py:1 cannot be run: SystemExit: bye\n",
    LAYER
    + "\nreturn": "layer.py cannot be run: SyntaxError: 'return' outside function (layer.py, line",
    LAYER + "\n\ndel Layer": "layer.py defines Layer, but no longer has it at its end",
    LAYER + "\n\nimport sys\nsys.path.clear()\ndel Layer": "layer.py defines Layer, but",
    "\0" + LAYER: "layer.py: this is not Python",
    "class Layer(": "layer.py:1:12: this is not Python: '(' was never closed",
    NEEDS(
        "raise ValueError('no')"
    ): "Layer cannot be made without arguments (ValueError: no): name",
    NEEDS("raise SystemExit(0)"): "Layer cannot be made without arguments (SystemExit: 0): name",
    NEEDS("1 / 0"): "Layer cannot be made without arguments (ZeroDivisionError: division by zero)",
}


@pytest.mark.parametrize("text", FAILURES)
def test_the_files_own_error_is_said_with_its_line(verify, text):
    status, output, errors = verify(text, "--input", "x=4")
    assert (status, output) == (2, "")
    assert FAILURES[text] in errors
    assert errors.count("\n") == 1


def test_an_error_deep_in_an_import_has_the_line_of_the_import(verify, tmp_path):
    (tmp_path / "deep_down.py").write_text("x = 1\ny = (\n", encoding="utf-8")
    (tmp_path / "beside_it.py").write_text("import deep_down\n", encoding="utf-8")
    _, _, errors = verify("import math\nimport beside_it" + LAYER, "--input", "x=4")
    assert "layer.py:2 cannot be run: SyntaxError: '(' was never closed (deep_down.py" in errors


def test_an_error_that_cannot_say_what_it_is_is_named(verify):
    mute = "class Mute(Exception):\n    def __str__(self):\n        1 / 0\n\n\nraise Mute"
    _, _, errors = verify(mute + LAYER, "--input", "x=4")
    assert errors == "handgrad: layer.py:6 cannot be run: Mute\n"


def test_a_keyboard_interrupt_of_the_file_is_an_interrupt(verify):
    status, output, errors = verify("raise KeyboardInterrupt" + LAYER, "--input", "x=4")
    assert (status, output, errors) == (130, "", "handgrad: interrupted\n")


def test_an_object_that_raises_at_every_look_is_one_sentence(verify):
    text = LAYER.replace(
        "class Layer:", "class Layer:\n    def __getattr__(self, name):\n        1 / 0\n"
    )
    text = text.replace("def backward", "def backwards")
    status, output, errors = verify(text, "--input", "x=4")
    assert (status, output) == (2, "")
    assert "Layer cannot be looked at: it raises ZeroDivisionError: division by zero" in errors


CODE = """
from jax import custom_vjp

SIZES = (WIDTH, HEIGHT)


class Attention:
    def forward(self, x):
        return x

    def backward(self, dy):
        return dy


class Net:
    def forward(self, x):
        return x


def f(x):
    return x


def f_vjp(dy, x):
    return dy


def plain(x):
    return x


identity = (f, f_vjp)


@custom_vjp
def layer_norm(x):
    return x
"""
JUDGED = "layer.py::Attention, layer.py::identity, layer.py::layer_norm"
DOCSTRING = '''
class Square:
    """y = x²

        x : (N)
        y = x**2
        dx = 2 * x * dy
    """
'''


def test_a_file_without_derivations_is_answered_with_what_could_be_judged(
    handgrad, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "layer.py").write_text(CODE, encoding="utf-8")
    status, output, errors = handgrad("verify", "layer.py")
    assert (status, output) == (2, "")
    said = f"layer.py: there is no derivation in it; name what to judge: {JUDGED}"
    assert errors == f"handgrad: {said}\n"


def test_code_that_is_not_judged_is_named_beside_the_derivations(handgrad, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "layer.py").write_text(CODE + DOCSTRING, encoding="utf-8")
    status, output, errors = handgrad("verify", "layer.py")
    assert status == 0
    assert output.splitlines()[1].split() == ["Square", "1", "1", "PASS"]
    assert errors == f"handgrad: only derivations were checked; name what to judge: {JUDGED}\n"


def test_a_file_with_neither_is_answered_with_what_a_derivation_is(handgrad, tmp_path):
    path = tmp_path / "layer.py"
    path.write_text("x = 1\n", encoding="utf-8")
    _, _, errors = handgrad("verify", path)
    assert "there is no derivation in it, such as a docstring's indented lines" in errors


def test_much_code_is_listed_in_part(handgrad, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    many = "".join(LAYER.replace("Layer", f"Layer{i}") for i in range(20))
    (tmp_path / "layer.py").write_text(many, encoding="utf-8")
    _, _, errors = handgrad("verify", "layer.py")
    assert errors.endswith("layer.py::Layer11, …\n")


def test_code_may_be_imported_by_the_file_that_is_named(verify, tmp_path):
    (tmp_path / "beside.py").write_text(LAYER, encoding="utf-8")
    status, output, errors = verify("from beside import Layer\n", "--input", "x=4")
    assert status == 0, output + errors
