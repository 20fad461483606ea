"""Numbers: a graph of single numbers as data, and what that data makes of other inputs."""

import math
import operator

import pytest

from handgrad import draw
from handgrad.drawing.numbers import FUNCTIONS, numbers_of
from tests.drawing.graphs import APPLE

TABLE = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
TABLE |= {"**": operator.pow, "neg": operator.neg, ">": operator.gt, "<": operator.lt}
TABLE |= {"exp": math.exp, "where": lambda c, a, b: a if c else b, "relu": lambda x: max(x, 0)}


def value(data, names):
    if isinstance(data, list):
        return TABLE[data[0]](*(value(part, names) for part in data[1:]))
    return names[data] if isinstance(data, str) else data


def data_of(text):
    return numbers_of(draw(text).walk)


def test_an_input_has_its_name_and_an_operation_its_slopes():
    found = data_of(APPLE)
    assert [node["input"] for node in found if "input" in node] == ["apple", "n", "tax"]
    assert [node for node in found if "makes" in node] == [
        {"makes": ["*", "a", "b"], "slopes": ["b", "a"]},
    ] * 2


@pytest.mark.parametrize(
    ("expression", "y", "slopes"),
    [
        ("x - z", 1.0, (1, -1)),
        ("x / z", 1.5, (1 / 2, -3 / 4)),
        ("x**3", 27.0, (27,)),
        ("1 / x", 1 / 3, (-1 / 9,)),
        ("exp(-x)", math.exp(-3), (math.exp(-3),)),
        ("2.5 * x", 7.5, (3.0, 2.5)),
        ("where(x > 0, x, 0)", 3.0, (1,)),
    ],
)
def test_the_data_of_an_operation_are_its_value_and_its_slopes(expression, y, slopes):
    *_, node = [n for n in data_of(f"x : () = 3\nz : () = 2\ny = {expression}\n") if "makes" in n]
    names = {"a": 3.0, "b": 2.0, "y": y}
    names |= (
        {"a": -3.0} if "exp" in expression else {"a": 2.5, "b": 3.0} if "2.5" in expression else {}
    )
    assert value(node["makes"], names) == pytest.approx(y, rel=1e-15)
    assert [value(slope, names) for slope in node["slopes"]] == pytest.approx(slopes, rel=1e-15)


@pytest.mark.parametrize("text", ["x : (2) = [1, 2]\ny = sum(x)\n", "x : () = 3\ny = erf(x)\n"])
def test_what_a_page_cannot_compute_has_no_data(text):
    assert data_of(text) is None


def test_every_function_of_the_data_is_known_to_the_page():
    from importlib import resources

    script = (resources.files("handgrad.pages") / "steps.js").read_text(encoding="utf-8")
    mathematical = {"abs", "cos", "cosh", "exp", "expm1", "hypot", "log", "log1p", "sign", "sin"}
    mathematical |= {"sinh", "sqrt", "tan", "tanh"}
    for name in FUNCTIONS - mathematical:  # which JavaScript has under the same names
        assert f"{name}:" in script
