"""A chart: where its lines stand, and what its ticks say."""

import re

import pytest

from handgrad.drawing.chart import HEIGHT, LEFT, POINTS, WIDTH, Chart, Panel


def lines_of(*panels):
    """The points of each line, without the samples that stand beside the names."""
    svg = Chart(panels, "step")._repr_svg_()
    found = re.findall(r'<polyline class="c\d" points="([^"]*)"', svg)[::2]
    return [[tuple(map(float, p.split(","))) for p in line.split()] for line in found]


def texts_of(panel):
    return re.findall(r"<text[^>]*>([^<]*)</text>", Chart((panel,), "step")._repr_svg_())


def test_a_line_ends_at_the_right_and_its_limits_at_the_edges():
    (line,) = lines_of(Panel("share", {"a": [(1, 0.0), (4, 0.5), (8, 1.0)]}, (0, 1)))
    assert [x for x, _ in line] == [LEFT + WIDTH / 8, LEFT + WIDTH / 2, LEFT + WIDTH]
    heights = [y for _, y in line]
    assert heights[0] - heights[2] == HEIGHT
    assert heights[0] - heights[1] == HEIGHT / 2


def test_a_logarithm_makes_equal_factors_equal_steps():
    (line,) = lines_of(Panel("norm", {"a": [(0, 1.0), (1, 0.01), (2, 1e-4)]}, log=True))
    first, second, third = (y for _, y in line)
    assert second - first == pytest.approx(
        third - second, abs=0.11
    )  # a tenth of a pixel is written


def test_a_norm_of_0_is_not_in_a_panel_of_logarithms():
    (line,) = lines_of(Panel("norm", {"a": [(0, 1.0), (1, 0.0), (2, 0.1)]}, log=True))
    assert len(line) == 2


def test_a_long_line_has_the_means_of_its_neighbours():
    (line,) = lines_of(Panel("loss", {"a": [(x, float(x % 2)) for x in range(4 * POINTS)]}, (0, 1)))
    assert len(line) == POINTS
    assert len({y for _, y in line}) == 1


@pytest.mark.parametrize(
    ("values", "ticks"),
    [((0.0, 2.3), ["0", "0.5", "1", "1.5", "2"]), ((0.0, 47.0), ["0", "10", "20", "30", "40"])],
)
def test_ticks_are_round_numbers(values, ticks):
    texts = texts_of(Panel("loss", {"a": list(enumerate(values))}))
    assert texts[1 : 1 + len(ticks)] == ticks


def test_names_are_written_as_they_are():
    assert "a < b" in [t.replace("&lt;", "<") for t in texts_of(Panel("", {"a < b": [(1, 1.0)]}))]


@pytest.mark.parametrize("lines", [{}, {"a": []}, {"a": [(0, 3.0)]}, {"a": [(1, 0.0)]}])
@pytest.mark.parametrize("log", [False, True])
def test_a_line_may_have_few_points(lines, log):
    assert "<svg" in Chart((Panel("loss", lines, log=log),), "step")._repr_svg_()
