"""What is typeset as LaTeX is read back: the same formulas, and each holds."""

import ast
import re
from dataclasses import replace

import pytest

from handgrad.derivation.docstrings import derivation_of
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.expressions import elements
from handgrad.derivation.latex.section import sections_of
from handgrad.derivation.latex.verdict import judged
from handgrad.derivation.notation import Chain
from handgrad.derivation.typeset import statements, typeset
from handgrad.rules import catalog

NAMES = (
    "Sigmoid", "Tanh", "Exp", "Square", "SELU", "SmoothL1", "Minimum", "GELU", "RMSNorm", "Solve",
    "VAEKL", "SoftmaxCrossEntropyWithLabels", "TakeAlongAxis", "LayerNorm", "LogDet", "Mean",
    "CumSum", "NLL", "HardTanh", "Copy", "GRUCell", "RoPE", "Conv1d", "SegmentSum", "QR",
)  # fmt: skip
READ_BACK = 221  # rules of the catalog, and more
GIVEN, OPTION = re.compile(r"\w+ : \("), re.compile(r'\w+ = "')
ALL = [cls.__name__ for family in catalog.families().values() for cls in family]


def first(name):
    return catalog.instances(catalog.find(name)[0])[0]


def read_back(rule):
    """The verdict on the LaTeX of a rule, with its givens, what their sizes need, and its fields
    for a header.
    """
    derivation = derivation_of(rule)
    rows = typeset(derivation, "text").split("\n")
    last = max(n for n, row in enumerate(rows) if GIVEN.match(row))
    givens = [row for row in rows[: last + 1] if not OPTION.match(row)]
    fields = [f"{name} = {value!r}" for name, value in derivation.fields.items()]
    options = ["loss \\mathcal{L}", "differentials \\delta", "indices 0"]
    header = "; ".join([*fields, *givens, *options])
    text = f"<!-- derivation: {header} -->\n{typeset(derivation)}\n"
    (section,) = sections_of(text, "t.md", type(rule).__name__)
    return judged(section, 0)


def formulas(derivation):
    """What stands in front of each link, and the link, as they are typeset; a list at its commas."""
    found = [s for s in statements(one_by_one(derivation), "latex") if isinstance(s.item, Chain)]
    return {(statement.left, text) for statement in found for _, text in statement.links}


def one_by_one(derivation):
    """A derivation in which `a, b = c, d` is `a = c` and `b = d`, as it is read back."""
    order = [own for item in derivation.order for own in parts(item)]
    return replace(derivation, order=order)


def parts(item):
    lists = isinstance(item, Chain) and all(isinstance(k.node, ast.Tuple) for k in item.links)
    if not lists or len(item.heads) < 2:
        return [item]
    return [
        replace(
            item,
            targets=item.targets[n : n + 1],
            heads=(head,),
            links=tuple(replace(k, node=elements(k.node)[n]) for k in item.links),
        )
        for n, head in enumerate(item.heads)
    ]


def mark(name):
    """What comes of the LaTeX of a rule: "same" where all of it is read back and holds, "WRONG" where
    something is said not to hold.
    """
    try:
        verdict = read_back(first(name))
    except DerivationError:
        return "NOT READ"
    if not all(link.ok for link in verdict.outcome.links):
        return "WRONG"
    missing = formulas(derivation_of(first(name))) - formulas(verdict.derivation)
    return "NOT READ" if verdict.unread or missing else "same"


@pytest.mark.parametrize("name", NAMES)
def test_the_latex_of_a_rule_is_read_back_to_the_same_formulas_and_holds(name):
    assert mark(name) == "same"


@pytest.mark.slow
def test_most_of_the_catalog_is_read_back_and_nothing_is_called_wrong():
    marks = {name: mark(name) for name in ALL}
    assert [name for name in ALL if marks[name] == "WRONG"] == []
    assert list(marks.values()).count("same") >= READ_BACK
