"""Nothing is missing, and no test only looks like one."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest

from handgrad.derivation.docstrings import derivation_of
from handgrad.judge.automatic import registered_reference
from handgrad.rules import catalog
from tests.rules_and_cases import CLASSES, RULES

VERDICTS = {"array_equal", "allclose", "isclose", "equal"}


@pytest.mark.parametrize("cls", CLASSES)
def test_every_rule_has_an_instance_to_judge(cls):
    assert catalog.instances(cls)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_every_rule_has_a_reference(rule):
    assert callable(registered_reference(rule))


@pytest.mark.parametrize("family", catalog.families())
def test_every_reference_has_a_rule_and_every_family_a_test(family):
    module = importlib.import_module(f"handgrad.reference.{family}")
    rules = {cls.__name__.lower() for cls in catalog.families()[family]}
    assert {name.replace("_", "") for name in module.__all__} == rules
    assert Path(__file__).parent.joinpath("rules", f"test_{family}.py").is_file()


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_the_derivation_states_one_given_for_each_input(rule):
    names = list(inspect.signature(rule.forward).parameters.values())
    givens = derivation_of(rule).givens
    assert len(givens) == len(names) or names[0].kind is inspect.Parameter.VAR_POSITIONAL


@pytest.mark.parametrize("cls", CLASSES)
def test_a_docstring_begins_with_the_function_and_says_what_is_kept(cls):
    first, *_ = cls.__doc__.splitlines()
    assert "=" in first
    assert "Keeps " in cls.__doc__


def test_the_references_import_nothing_of_handgrad():
    for path in Path(importlib.import_module("handgrad.reference").__path__[0]).glob("*.py"):
        imported = [
            node
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        assert "handgrad" not in " ".join(map(ast.unparse, imported))


def test_no_comparison_is_thrown_away():
    for path in Path(__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                name = ast.unparse(node.value.func).split(".")[-1]
                assert name not in VERDICTS, f"{path}:{node.lineno}"
