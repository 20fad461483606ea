"""The layout: nothing overlaps, lines go from left to right, few of them cross or bend."""

import itertools

import numpy as np
import pytest

from handgrad.drawing.formats.svg import picture_scene
from handgrad.drawing.graph import NodeKind, draw_graph, graph_of
from handgrad.drawing.layout import Box, Spacing, lay_out
from tests.drawing.graphs import APPLE, BATCH_NORM, SAMPLES, derivation_of, walk_of

SPACING = Spacing(2.0, lambda spans: 10.0 if spans else 0.0)


def overlapping(layout):
    """The pairs of boxes that share room."""
    frames = {key: layout.frame(key) for key in layout.boxes if layout.boxes[key].width}
    return [
        (a, b)
        for (a, (l1, t1, r1, b1)), (b, (l2, t2, r2, b2)) in itertools.combinations(
            frames.items(), 2
        )
        if l1 < r2 - 1e-6 and l2 < r1 - 1e-6 and t1 < b2 - 1e-6 and t2 < b1 - 1e-6
    ]


@pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES)
def test_no_two_labels_or_nodes_overlap(text):
    for norm in (False, True):
        assert overlapping(picture_scene(draw_graph(walk_of(text)), norm=norm).layout) == []


@pytest.mark.parametrize("seed", range(12))
def test_nothing_overlaps_in_a_random_graph(seed):
    rng = np.random.default_rng(seed)
    boxes = [Box(*rng.uniform(5, 40, size=3), port=float(rng.choice((0, 6)))) for _ in range(25)]
    arrows = [(int(rng.integers(i)), i) for i in range(1, 25) for _ in range(rng.integers(1, 3))]
    layout = lay_out(boxes, arrows, SPACING)
    assert overlapping(layout) == []
    assert all(layout.x[a] < layout.x[b] for a, b in arrows)


@pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES)
def test_lines_pass_clear_of_the_labels(text):
    layout = picture_scene(draw_graph(walk_of(text))).layout
    for key, box in layout.boxes.items():
        if not box.width:
            column = layout.layers[layout.layer_of[key]]
            for other in column:
                _, top, _, bottom = layout.frame(other)
                assert other == key or not top < layout.y[key] < bottom


def test_inputs_stand_at_the_left_and_outputs_at_the_right():
    graph = graph_of(derivation_of("x : ()\nw : ()\nu = exp(x)\ny, z, v = exp(u) * w, u, x"))
    layout = picture_scene(graph).layout
    columns = {node.label: layout.layer_of[node.key] for node in graph.nodes}
    assert columns["x"] == columns["w"] == 0
    assert columns["y"] == columns["z"] == columns["v"] == len(layout.layers) - 1


def test_a_constant_stands_just_before_its_operation():
    graph = draw_graph(walk_of(BATCH_NORM))
    layout = picture_scene(graph).layout
    (edge,) = [e for e in graph.edges if graph.nodes[e.source].kind is NodeKind.CONSTANT]
    assert layout.layer_of[edge.source] == layout.layer_of[edge.target] - 1


def test_the_long_lines_of_batch_norm_are_straight():
    layout = picture_scene(draw_graph(walk_of(BATCH_NORM))).layout
    lanes = {}
    for gap in layout.gaps:
        for span in gap:
            if not layout.boxes[span.source].width and not layout.boxes[span.target].width:
                lanes.setdefault(span.arrow, []).append(abs(span.end - span.start))
    assert lanes
    assert max(map(max, lanes.values())) < 0.1


def test_lines_that_need_not_cross_do_not():
    layout = lay_out([Box(4, 1, 1)] * 6, [(0, 3), (1, 3), (2, 4), (0, 5)], SPACING)
    (spans,) = filter(None, layout.gaps)
    for a, b in itertools.combinations(spans, 2):
        assert (a.start - b.start) * (a.end - b.end) >= 0


def test_the_apple_graph_is_no_wider_than_a_column_of_text():
    assert picture_scene(draw_graph(walk_of(APPLE))).layout.width < 450
