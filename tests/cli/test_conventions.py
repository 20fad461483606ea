"""`handgrad conventions` as its user sees it."""

import json

import pytest

from handgrad import __version__


def test_the_page_has_a_row_for_each_special_point_and_marks_who_differs(handgrad):
    status, output, errors = handgrad("conventions", "Abs")
    assert (status, errors) == (0, "")
    title, _, versions, *_ = output.splitlines()
    assert title == "# Conventions"
    assert f"handgrad {__version__}, jax " in versions
    rows = [line for line in output.splitlines() if line.startswith("| `Abs()`")]
    assert rows[0].startswith("| `Abs()` | x = 0 | 0; 0 | 0; 1 ≠ |")
    assert rows[1] == "| `Abs()` | `jnp.abs(x)` | `torch.abs(x)` |"


def test_json_has_the_same_and_spells_what_is_not_finite(handgrad):
    status, output, errors = handgrad("conventions", "Sqrt", "--json")
    found = json.loads(output, parse_constant=pytest.fail)
    assert (status, errors) == (0, "")
    assert found["versions"]["handgrad"] == __version__
    (row,) = found["rows"]
    assert row["at"] == {"x": 0.0}
    assert row["handgrad"] == {
        "code": "Sqrt()",
        "value": 0.0,
        "gradient": "inf",
        "missing": "",
        "agrees": True,
    }


def test_a_family_is_all_of_its_rules(handgrad):
    _, output, _ = handgrad("conventions", "segmentation")
    rules = [line.split("`")[1] for line in output.splitlines() if line.startswith("| `")]
    assert set(rules) == {"Dice(smooth=0.0)", "Tversky(smooth=0.0)"}


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("Affine", "the table has no special point of Affine: see all of it"),
        ("ReLUU", "there is no rule or family 'ReLUU': did you mean ReLU"),
    ],
)
def test_what_has_no_row_is_said(handgrad, target, message):
    status, output, errors = handgrad("conventions", target)
    assert (status, output) == (2, "")
    assert message in errors
