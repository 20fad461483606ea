"""What `import handgrad` costs and what it brings."""

import sys

import pytest

import handgrad
from handgrad import rules
from handgrad.rules.catalog import families
from tests.digits import finished, python

HEAVY = ("numpy", "jax", "jaxlib", "torch", "cairosvg", "handgrad.rules", "handgrad.judge")

PUBLIC = {"Layer", "Parallel", "Residual", "Sequential", "check", "compare", "draw", "verify"}


def modules_after(statement):
    """The modules that a fresh Python has loaded after one statement."""
    shown = finished(python("-W", "error", "-c", f"{statement}\nimport sys\nprint(*sys.modules)"))
    status, output, errors = shown
    assert (status, errors) == (0, "")
    return set(output.split())


@pytest.mark.parametrize("module", ["handgrad", "handgrad.pytest_plugin", "handgrad.cli.entry"])
def test_importing_handgrad_loads_nothing_heavy(module):
    loaded = modules_after(f"import {module}")
    assert module in loaded
    assert not loaded.intersection(HEAVY)


def test_a_layer_loads_numpy_and_nothing_heavier():
    loaded = modules_after("from handgrad import Layer, Sequential")
    assert "numpy" in loaded
    assert not loaded.intersection(HEAVY[1:])


@pytest.mark.parametrize(
    "statement",
    [
        "from handgrad import *",
        "from handgrad.book import *",
        "import handgrad.book.training, handgrad.cli",
    ],
)
def test_jax_is_loaded_by_the_judge_alone(statement):
    loaded = modules_after(statement)
    assert "handgrad" in loaded
    assert "jax" not in loaded


def test_a_star_import_brings_every_rule():
    every_rule = {cls.__name__ for family in families().values() for cls in family}
    assert set(handgrad.__all__) == PUBLIC | every_rule


def test_dir_lists_rules_and_functions():
    assert PUBLIC | {"ReLU", "BatchNorm"} <= set(dir(handgrad))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'handgrad' has no attribute 'Relu'"):
        _ = handgrad.Relu


def test_rules_are_the_same_objects_by_both_ways():
    assert handgrad.Affine is rules.Affine is sys.modules["handgrad.rules.linear"].Affine
