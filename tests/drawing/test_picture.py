"""The pictures: well-formed in every format, whatever the names and titles are."""

import itertools
import re

import numpy as np
import pytest

from handgrad.common.text import cells, printable
from handgrad.drawing.formats import SUFFIXES, dot, mermaid, picture, svg
from handgrad.drawing.formats.svg import PAGE
from handgrad.drawing.formats.terminal import WIDEST
from handgrad.drawing.graph import Graph, Node, NodeKind, draw_graph, walk
from handgrad.drawing.labels import amount, number
from tests.drawing.graphs import (
    APPLE,
    NET,
    SAMPLES,
    SEVERAL_WAYS,
    SIGMOID,
    derivation_of,
    elements_of,
    operations_of,
    walk_of,
)

HOSTILE = '"]]><script>alert(1)</script>&amp;|{}#quot;`\\\x1b[2J\u202e'


def texts(picture):
    return [text for tag, _, text in elements_of(picture) if tag == "text"]


@pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES)
def test_an_svg_is_well_formed_and_shows_every_operation(text):
    graph = draw_graph(walk_of(text))
    shown = texts(svg.render(graph))
    for label in operations_of(graph):
        assert shown.count(label) >= operations_of(graph).count(label)


@pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES)
def test_an_svg_is_no_wider_than_a_page_and_needs_nothing_else(text):
    found = svg.render(draw_graph(walk_of(text)))
    assert int(elements_of(found)[-1][1]["width"]) <= PAGE
    assert "prefers-color-scheme: dark" in found
    assert not re.search(r"href|@import|url\((?!#)", found)


def test_the_texts_of_an_svg_do_not_overlap():
    for sample, norm in itertools.product(SAMPLES.values(), (False, True)):
        found = elements_of(svg.render(draw_graph(walk_of(sample)), norm=norm))
        frames = [_frame(given, text) for tag, given, text in found if tag == "text"][1:-1]
        for (l1, t1, r1, b1), (l2, t2, r2, b2) in itertools.combinations(frames, 2):
            assert not (l1 < r2 and l2 < r1 and t1 < b2 and t2 < b1)


def _frame(given, text):
    """The room of a text in a font whose letters are half as wide as they are high."""
    x, y, wide = float(given["x"]), float(given["y"]), 6.5 * cells(text)
    kind = given.get("class", "")
    left = x if "end" in kind else x - wide if "start" in kind else x - wide / 2
    return left, y - 9, left + wide, y + 2


def test_the_numbers_of_the_apples_stand_in_every_format():
    for suffix in SUFFIXES:
        found = picture(walk_of(APPLE), suffix)
        for text in ("apple", "price", "100", "220", "200", "110"):
            assert text in found
        assert "2.2" in found


def hostile_graph():
    nodes = tuple(
        Node(i, kind, printable(HOSTILE), printable(HOSTILE)) for i, kind in enumerate(NodeKind)
    )
    return Graph(printable(HOSTILE), nodes, ())


def test_strange_text_is_escaped_in_svg():
    found = svg.render(hostile_graph())
    assert "<script" not in found
    assert printable(HOSTILE) in texts(found)


def test_strange_text_is_escaped_in_dot():
    found = dot.render(hostile_graph())
    assert "<script" not in re.sub(r'"(\\.|[^"\\])*"', "", found)
    assert found.count("<i>") == 2


def test_strange_text_is_escaped_in_mermaid():
    labels = mermaid.render(hostile_graph()).split("flowchart LR")[1]
    assert "<script" not in labels
    for label in re.findall(r'"([^"]*)"', labels):
        assert re.fullmatch(r"(\w|[ .,]|#\d+;|<br/>)*", label)


def test_no_format_lets_a_control_character_through():
    derivation = derivation_of("x : ()\ny = exp(x)", title=HOSTILE)
    for suffix in SUFFIXES:
        found = picture(walk(derivation), suffix)
        assert not {"\x1b", "\u202e"} & set(found)


@pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES)
def test_dot_and_mermaid_have_every_operation_and_every_edge_once(text):
    graph = draw_graph(walk_of(text))
    for written in (dot.render(graph), mermaid.render(graph)):
        nodes = re.findall(r"^    (n\d+)[\[(\s]+(?!\S*->)", written, re.MULTILINE)
        assert set(nodes) == {f"n{node.key}" for node in graph.nodes}
        arrows = re.findall(r"^    n\d+ -+>.*n\d+", written, re.MULTILINE)
        assert len(arrows) == len(graph.edges)
    labels = re.findall(r'label="(.*)" shape=circle', dot.render(graph))
    assert sorted(label.split("\\n")[0] for label in labels) == operations_of(graph)


@pytest.mark.parametrize("text", [APPLE, SIGMOID])
def test_a_small_graph_is_a_drawing_of_at_most_a_hundred_columns(text):
    found = picture(walk_of(text), ".txt")
    assert "▶(" in found
    assert max(map(cells, found.splitlines())) <= WIDEST


def test_the_apples_in_the_terminal_look_like_this():
    assert picture(walk_of(APPLE), ".txt").splitlines()[2:] == [
        "        100",
        "apple ──────┐      total",
        "        2.2 │      200",
        "        2   ├▶(×)────────┐",
        "    n ──────┘      1.1   │      220",
        "        110              ├▶(×)───────▶ price",
        "        1.1              │      1",
        "  tax ───────────────────┘",
        "        200",
    ]


@pytest.mark.parametrize("text", [NET, SEVERAL_WAYS])
def test_a_wide_graph_is_a_line_for_each_operation(text):
    lines = picture(walk_of(text), ".txt").splitlines()
    assert max(map(cells, lines)) <= WIDEST
    for operation in walk_of(text).operations:
        assert sum(line.startswith(f"{operation.targets[0]} = ") for line in lines) == 1


def test_a_norm_stands_beside_the_shape_when_it_is_asked():
    assert amount(np.array([3.0, 4.0]), ("N",), norm=True) == "(N) ‖5‖"
    assert "‖" in picture(walk_of(NET), ".svg", norm=True)
    assert "‖" not in picture(walk_of(NET), ".svg")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (220.0, "220"),
        (1.1, "1.1"),
        (2 / 3, "0.6667"),
        (1e-5, "1e-5"),
        (1234567, "1.235e6"),
        (-0.0, "0"),
    ],
)
def test_numbers_are_short(value, text):
    assert number(value) == text


SLOPES = """
x : ()
a = -x
b = exp(a)
u = 1 + b
y = 1 / u
du = -dy * y**2
da = -dy * y**2 * exp(-x)
dx = dy * y**2 * exp(-x)
   = dy * y * (1 - y)
"""


def test_formulas_stand_at_the_edges_as_the_author_wrote_them():
    found = picture(walk_of(SLOPES), ".svg", form="symbolic")
    texts = [text for tag, _, text in elements_of(found) if tag == "text"]
    for forward in ("−x", "exp(−x)", "1 + exp(−x)"):
        assert forward in texts
    for back in ("∂L/∂y", "−∂L/∂y × y²", "−∂L/∂y × y² × exp(−x)", "∂L/∂y × y × (1 − y)"):
        assert back in texts


def test_a_value_that_goes_two_ways_shows_what_comes_back_on_each():
    text = "x : (N)\nc = x * 2\ny = c * exp(c)\n"
    found = picture(walk_of(text), ".svg", form="symbolic")
    texts = [text for tag, _, text in elements_of(found) if tag == "text"]
    assert "∂L/∂y × exp(c)" in texts
    assert "u1" not in " ".join(texts)


def test_formulas_of_a_long_derivation_stay_short():
    lines = [f"v{i} = v{i - 1} * (v{i - 2} + 1) / 3" for i in range(2, 30)]
    text = "\n".join(["x : ()", "v0 = sin(x)", "v1 = cos(x)", *lines, "y = v28 + v29"])
    found = picture(walk_of(text), ".svg", form="symbolic")
    texts = [text for tag, _, text in elements_of(found) if tag == "text"]
    assert "v28 + v29" in texts
    assert max(map(len, texts)) <= 40


def test_a_derivation_is_one_node_with_the_last_form_of_its_gradients():
    found = picture(walk_of(f"# Slope\n{SLOPES}"), ".svg", form="simplified")
    texts = [text for tag, _, text in elements_of(found) if tag == "text"]
    assert "∂L/∂y × y × (1 − y)" in texts
    assert "exp" not in texts


def test_small_arrays_with_stated_numbers_show_them():
    found = picture(walk_of("x : (2, 2) = [[1, -0.5], [-2, 3]]\ny = sum(x, axis=0)\n"), ".txt")
    assert "[1 -0.5; -2 3]" in found
    assert "[-1 2.5]" in found
    assert "[" not in picture(walk_of("x : (2, 2)\ny = sum(x)\n"), ".txt")


def test_no_gradient_flows_into_what_takes_only_a_shape():
    graph = draw_graph(walk_of("x : (N)\nz = ones_like(x)\ny = x + z\n"))
    backs = {graph.nodes[e.target].label: e.gradient for e in graph.edges}
    assert backs["ones_like"] is None
    assert backs["+"] is not None


@pytest.mark.parametrize(
    ("given", "shape"),
    [
        ("x : (N, K + 2)\ny = x * 2", "(N, K + 2)"),
        ("x : (N, C)\ny = reshape(x, (N * C,))", "(N·C)"),
        ("x : (N)\ny[n : N - 1] = x[n + 1] - x[n]", "(N − 1)"),
        ("x : (4, N)\ny = x * 2", "(4, N)"),
    ],
)
def test_shapes_are_in_the_letters_of_the_author(given, shape):
    last = draw_graph(walk_of(given)).edges[-1]
    assert f"({', '.join(last.shape)})" == shape
