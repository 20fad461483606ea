"""The derivations that come with the package, and the code held against them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import handgrad.derivation
from handgrad import GELU, Multiply, verify
from handgrad.derivation.checking import check_links
from handgrad.derivation.sources import scopes_in_markdown
from handgrad.judge.oracles.derivation import compare_with_derivation
from tests.rules_and_cases import CLASSES, RULES

FOLDER = Path(handgrad.derivation.__file__).parent
SCOPES = [
    scope
    for path in sorted(FOLDER.glob("*.md"))
    for scope in scopes_in_markdown(path.read_text(encoding="utf-8"), path.name)
]


ENGLISH = [scope for scope in SCOPES if scope.path != "book.ko.md"]  # that says the same


@pytest.mark.parametrize("scope", ENGLISH, ids=lambda scope: f"{scope.path}: {scope.title}")
def test_every_link_of_the_documents_holds(scope):
    links = check_links(scope.derivation(), seed=1)
    assert links
    assert not [str(link) for link in links if not link.ok]


def test_the_documents_hold_more_than_a_hundred_links():
    found = {scope.path for scope in SCOPES}
    assert found == {"book.md", "book.ko.md", "exact.md", "latex.md", "notation.md"}
    chains = [chain for scope in ENGLISH for chain in scope.derivation().chains]
    assert sum(len(chain.checked) for chain in chains) > 100


def test_the_book_says_the_same_in_korean():
    book, korean = (
        [[line.text for line in scope.lines] for scope in SCOPES if scope.path == path]
        for path in ("book.md", "book.ko.md")
    )
    assert book == korean


@pytest.mark.parametrize("cls", CLASSES)
def test_every_rule_has_a_derivation_that_runs_and_holds(cls):
    """The judge has done so for the first rule of a class, where every law is tried."""
    first, *variants = [rule for rule in RULES if type(rule) is cls]
    found = [compare_with_derivation(rule, seed=2) for rule in variants]
    if not any(links for links, _ in found):  # the derivation may be that of the first alone
        found.append(compare_with_derivation(first, seed=2))
    assert any(links for links, _ in found)
    assert not [fault for _, faults in found for fault in faults]


@dataclass(frozen=True)
class Picks:
    """y = x[t], one of the first rows, and a gradient twice too large

    x : (5, N)
    t : (K) label(count)
    y[k, n] = x[t[k], n]
    dx[c, n] = sum[k](where(c == t[k], dy[k, n], 0))
    """

    count: int = 3

    def forward(self, x, t):
        return x[t], (x, t)

    def backward(self, residuals, dy):
        x, t = residuals
        return 2 * (np.arange(len(x))[:, None] == t) @ dy, None


@dataclass(frozen=True)
class Doubles:
    """y = 2 x

    x : (N, D)
    y = 2 * x
    dx = 2 * dy
    """

    factor: float = 2.0

    def forward(self, x):
        return self.factor * x, ()

    def backward(self, residuals, dy):
        return (self.factor * dy,)


class DerivesWrongly(Doubles):
    """y = 2 x

    x : (N, D)
    y = 2 * x
    dx = dy
    """


class DerivesAnother(Doubles):
    """y = 3 x

    x : (N, D)
    y = 3 * x
    dx = 3 * dy
    """


class DerivesNothing(Doubles):
    """y = 2 x

    x : (N, D)
    y = 2 * z
    """


def messages(rule):
    return " ".join(finding.message for finding in verify(rule).findings)


def test_code_that_is_what_its_docstring_derives_passes():
    assert verify(Doubles()).ok
    assert verify(Doubles()).links == 1


def test_a_wrong_line_of_a_docstring_is_named_by_its_line():
    assert "line 5 of the docstring, dx = dy: off by" in messages(DerivesWrongly())
    assert "a factor factor is missing" in messages(DerivesWrongly())


def test_code_that_is_not_what_its_docstring_derives_is_wrong():
    assert "the code's y is not the derivation's" in messages(DerivesAnother())
    assert "the code's dx is not the derivation's" in messages(DerivesAnother())


def test_a_docstring_that_cannot_be_run_is_a_finding_or_a_refusal():
    with pytest.raises(ValueError, match="z is not defined"):
        verify(DerivesNothing())
    assert not verify(DerivesNothing(), np.array([0.5, 1.5])).links


def test_an_option_that_the_docstring_does_not_name_is_not_held_against_it():
    assert compare_with_derivation(Doubles(3.0), 0) == ([], [])
    assert len(compare_with_derivation(Multiply(), 0)[0]) == 3


def test_a_derivation_covers_an_option_that_is_a_word():
    checked, faults = compare_with_derivation(GELU("tanh"), 0)
    assert (len(checked), faults) == (6, [])


def test_an_option_in_the_range_of_a_label_is_one_that_a_derivation_speaks_of():
    assert compare_with_derivation(Picks(4), 0)[1] == ["the code's dx is not the derivation's"] * 3
