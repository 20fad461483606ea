"""The graph: every operation once, and on every edge the right value and the right gradient."""

import numpy as np
import pytest

from handgrad.derivation.errors import DerivationError
from handgrad.drawing.graph import NodeKind, draw_graph, graph_of, walk
from tests.drawing.graphs import (
    APPLE,
    BATCH_NORM,
    NET,
    ORANGES,
    SAMPLES,
    SEVERAL_WAYS,
    SIGMOID,
    SQUARE,
    derivation_of,
    operations_of,
    walk_of,
)


def edges_of(text):
    """(source, target, value, gradient) of every edge, rounded as the book prints them."""
    graph = draw_graph(walk_of(text))
    return {
        (
            graph.nodes[edge.source].label,
            graph.nodes[edge.target].label,
            round(float(edge.value), 6),
            None if edge.gradient is None else round(float(edge.gradient), 6),
        )
        for edge in graph.edges
    }


def test_two_apples_have_the_books_numbers_on_every_edge():
    assert edges_of(APPLE) == {
        ("apple", "×", 100, 2.2),
        ("n", "×", 2, 110),
        ("×", "×", 200, 1.1),
        ("tax", "×", 1.1, 200),
        ("×", "price", 220, 1),
    }


def test_apples_and_oranges_have_the_books_numbers_on_every_edge():
    assert edges_of(ORANGES) == {
        ("apple", "×", 100, 2.2),
        ("n_apple", "×", 2, 110),
        ("orange", "×", 150, 3.3),
        ("n_orange", "×", 3, 165),
        ("×", "+", 200, 1.1),
        ("×", "+", 450, 1.1),
        ("+", "×", 650, 1.1),
        ("tax", "×", 1.1, 650),
        ("×", "price", 715, 1),
    }


def test_both_terms_of_a_square_of_a_sum_have_its_slope():
    assert edges_of(SQUARE) == {
        ("x", "+", 3, 14),
        ("y", "+", 4, 14),
        ("+", "^2", 7, 14),
        ("^2", "z", 49, 1),
    }


def test_sigmoid_is_four_nodes_and_its_input_gets_y_times_1_minus_y():
    graph = draw_graph(walk_of(SIGMOID))
    assert operations_of(graph) == ["+", "1/x", "exp", "−"]
    (dx,) = [edge.gradient for edge in graph.edges if graph.nodes[edge.source].label == "x"]
    y = 1 / (1 + np.exp(-0.5))
    assert dx == pytest.approx(y * (1 - y))


@pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES)
def test_what_comes_back_along_the_branches_adds_up(text):
    graph = draw_graph(walk_of(text))
    for node in graph.nodes:
        if node.kind is NodeKind.BRANCH:
            (trunk,) = [edge for edge in graph.edges if edge.target == node.key]
            branches = [edge.gradient for edge in graph.edges if edge.source == node.key]
            assert len(branches) > 1
            np.testing.assert_allclose(sum(branches), trunk.gradient, rtol=1e-12)


def test_each_way_of_a_value_has_a_gradient_of_its_own():
    graph = draw_graph(walk_of(SEVERAL_WAYS))
    (branch,) = [
        edge.target
        for edge in graph.edges
        if graph.nodes[edge.source].label == "x"
        and graph.nodes[edge.target].kind is NodeKind.BRANCH
    ]
    found = sorted(float(edge.gradient) for edge in graph.edges if edge.source == branch)
    b = np.exp(6.0)
    right = [-6, -6, -2 * 3 * b / (1 + b) ** 2, 1 / (1 + b)]
    np.testing.assert_allclose(found, sorted(right))


@pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES)
def test_every_gradient_has_the_shape_of_its_value(text):
    for edge in draw_graph(walk_of(text)).edges:
        assert edge.gradient is None or np.shape(edge.gradient) == np.shape(edge.value)


def test_the_gradients_of_the_inputs_are_those_of_the_derivation_itself():
    graph = draw_graph(walk_of(NET))
    found = {
        graph.nodes[edge.source].label: edge
        for edge in graph.edges
        if graph.nodes[edge.source].kind is NodeKind.INPUT
    }
    x, W1, b1, W2, b2, t = (found[name].value for name in ("x", "W1", "b1", "W2", "b2", "t"))
    z = np.maximum(x @ W1 + b1, 0)
    e = np.exp(z @ W2 + b2)
    da = (e / e.sum(axis=1, keepdims=True) * t.sum(axis=1, keepdims=True) - t) / len(x)
    dh = da @ W2.T * (z > 0)
    rights = {"b2": da.sum(axis=0), "W2": z.T @ da, "b1": dh.sum(axis=0), "W1": x.T @ dh}
    for name, right in rights.items():
        np.testing.assert_allclose(found[name].gradient, right, rtol=1e-9)


def test_shapes_are_in_the_letters_of_the_derivation():
    graph = draw_graph(walk_of(BATCH_NORM))
    shapes = {edge.name: edge.shape for edge in graph.edges if edge.name}
    assert shapes["x̂"] == ("N", "D")
    assert shapes["v"] == ("D",)


def test_products_of_letters_and_leading_axes_keep_their_letters():
    graph = graph_of(derivation_of("x : (..., D)\ny = reshape(x, (-1, D, 1))"))
    assert graph.edges[0].shape == ("...", "D")
    graph = graph_of(derivation_of("x : (M, N, 4)\ny = reshape(x, (M * N, 4))"))
    assert graph.edges[-1].shape == ("M·N", "4")


def test_what_does_not_reach_the_output_is_not_drawn():
    graph = graph_of(derivation_of("x : ()\nk = exp(x)\ny = -x"))
    assert operations_of(graph) == ["−"]


def test_a_value_that_is_two_outputs_branches():
    graph = graph_of(derivation_of("x : (N)\ny, z = x, x"))
    assert [node.kind for node in graph.nodes] == ["input", "branch", "output", "output"]


def test_labels_and_masks_have_no_gradient():
    graph = graph_of(derivation_of("x : (N, C)\nt : (N) label(C)\ny = sum(one_hot(t, C) * x)"))
    backs = {graph.nodes[e.source].label: e.gradient is not None for e in graph.edges}
    assert not backs["t"]
    assert backs["x"]


def test_a_comparison_passes_nothing_back():
    graph = graph_of(derivation_of("x : (N)\ny = where(x > 1, x, 0)"))
    (into,) = [e for e in graph.edges if graph.nodes[e.target].label == ">" and e.name == "x"]
    assert into.gradient is None


def test_a_number_at_a_random_point_has_the_gradient_1():
    graph = graph_of(derivation_of("x : (N)\ny = sum(x)"))
    assert graph.edges[-1].gradient == 1


def test_there_is_no_graph_without_a_definition():
    with pytest.raises(DerivationError, match="no definition"):
        graph_of(derivation_of("x : (N)"))
    with pytest.raises(DerivationError, match="does not depend on any given"):
        graph_of(derivation_of("x : (N)\ny = 2 * 3"))


def test_a_graph_has_an_end():
    lines = "\n".join(f"x{i + 1} = exp(-x{i})" for i in range(200))
    with pytest.raises(DerivationError, match="300 operations"):
        walk(derivation_of(f"x0 : ()\n{lines}"))
