"""The story in a notebook: it runs from top to bottom, and each kind of object shows itself."""

import re
from pathlib import Path

import pytest

STORY = Path(__file__).parent / "story.ipynb"
NOTE, PICTURE = "text/html", "image/svg+xml"


@pytest.fixture(scope="module")
def outputs():
    """What each cell of code showed, by the beginning of its last line."""
    for module in ("nbclient", "ipykernel"):
        pytest.importorskip(module, reason="notebooks run with nbclient and ipykernel, of `dev`")
    import nbclient
    import nbformat

    notebook = nbformat.read(STORY, as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    return [
        (cell.source, [output.get("data", {}) for output in cell.outputs])
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def shown(outputs, source):
    """What the first cell showed whose text has this in it."""
    return next(found for text, found in outputs if source in text)[0]


def test_every_cell_but_the_first_shows_something(outputs):
    assert [len(found) for _, found in outputs] == [0] + [1] * (len(outputs) - 1)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("%%derivation\napple", NOTE),
        ('draw("""', PICTURE),
        ('form="symbolic"', PICTURE),
        ("\nnet = Sequential", NOTE),
        ("Chart(", PICTURE),
        ("verify(Affine())", NOTE),
        ("verify(net", NOTE),
        ("compare(", NOTE),
    ],
)
def test_each_kind_of_object_shows_itself(outputs, source, kind):
    assert kind in shown(outputs, source)


def test_a_rule_is_mathematics(outputs):
    (found,) = next(found for text, found in outputs if text == "Sigmoid()")
    assert found[NOTE].count("<math") > 20
    assert r"\frac{1}{u}" in found["text/latex"]


def test_each_link_has_its_mark_and_the_wrong_one_its_hint(outputs):
    assert shown(outputs, "%%derivation\napple")[NOTE].count("✓") == 10
    wrong = shown(outputs, "dt = dz * t")[NOTE]
    assert ("WRONG" in wrong, wrong.count("✗"), wrong.count("✓")) == (True, 1, 1)
    assert "it is 2 times too small" in wrong
    assert "no line for: y" in wrong


def test_the_net_is_listed_with_the_norms_of_its_gradients(outputs):
    rows = re.findall(
        r"<td>(\w)</td><td>(\(.*?\))</td><td>(.*?)</td>", shown(outputs, "\nnet = ")[NOTE]
    )
    assert [row[:2] for row in rows] == [
        *(("W", "(2, 16)"), ("b", "(16,)"), ("W", "(16, 2)"), ("b", "(2,)")),
    ]
    assert all(float(norm) > 0 for *_, norm in rows)
