"""What is typeset as LaTeX is read back: the same statements, which hold."""

import ast

import pytest

from handgrad.derivation.docstrings import derivation_of
from handgrad.derivation.latex.section import sections_of
from handgrad.derivation.latex.verdict import judged
from handgrad.derivation.notation import Kind
from handgrad.derivation.typeset import typeset
from handgrad.rules import catalog

NAMES = ("Sigmoid", "Tanh", "Exp", "Square", "SELU", "SmoothL1", "Minimum", "InfoNCE", "GELU")


def read_back(rule):
    """The verdict on the LaTeX of a rule, with its givens for a header."""
    derivation = derivation_of(rule)
    rows = typeset(derivation, "text").split("\n")[: len(derivation.givens)]
    options = {n: v for n, v in derivation.fields.items() if type(v) in {int, float, str}}
    fields = [f"{name} = {value!r}" for name, value in options.items()]
    header = "; ".join([*fields, *rows, "loss L", "differentials \\delta"])
    text = f"<!-- derivation: {header} -->\n{typeset(derivation)}\n"
    (section,) = sections_of(text, "t.md", type(rule).__name__)
    return judged(section, 0)


@pytest.mark.parametrize("name", NAMES)
def test_the_latex_of_a_rule_is_read_and_holds(name):
    verdict = read_back(catalog.instances(catalog.find(name)[0])[0])
    assert not verdict.unread
    assert [str(link) for link in verdict.outcome.links if not link.ok] == []


def test_the_latex_of_a_rule_is_read_back_to_the_same_tree():
    rule = catalog.instances(catalog.find("Square")[0])[0]
    chains, own = derivation_of(rule).chains, read_back(rule).derivation.chains
    assert [ast.dump(c.links[0].node) for c in own] == [ast.dump(c.links[0].node) for c in chains]
    assert {c.kind for c in own} == {Kind.DEFINITION, Kind.GRADIENT}
