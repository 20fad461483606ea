"""Wrong derivations are found where they are wrong, and nowhere else, with the reason."""

import functools
from copy import deepcopy
from dataclasses import replace

import jax
import pytest

from handgrad.derivation import checking
from handgrad.derivation.branches import Branches
from handgrad.derivation.checking import check_at, check_links
from handgrad.derivation.exploration import further_points
from handgrad.derivation.notation import Kind
from handgrad.derivation.points import Runner
from tests.derivation.wrong import derivation, slips
from tests.derivation.wrong_linear import LINEAR
from tests.derivation.wrong_networks import NETWORKS
from tests.derivation.wrong_pointwise import POINTWISE
from tests.derivation.wrong_reductions import REDUCTIONS

CORPUS = [*LINEAR, *POINTWISE, *REDUCTIONS, *NETWORKS, *slips()]
RIGHT = {wrong.title: wrong.right for wrong in CORPUS}
OFTEN = {wrong.title for wrong in CORPUS if not wrong.slow}


def marked(values, slow):
    """The values of a parameter, some of them for slow tests alone."""
    return [pytest.param(v, marks=pytest.mark.slow) if slow(v) else v for v in values]


HOLDS = {
    "names with marks": "x̂ : (N)\nŷ = 2 * x̂\ndx̂ = 2 * dŷ",
    "the other letter mu": "\u00b5 : (N)\ny = 2 * \u03bc\nd\u00b5 = 2 * dy",
    "a comma at the end": "x : (N,)\ny = 2 * x\ndx = 2 * dy",
    "two gradients": "a : (N)\nb : (N)\ny = a - b\nda, db = dy, -dy",
    "whole numbers in a reference": "x : (N) positive\ny = power(x, 2)\n= x**2\ndx = dy * 2 * x",
    "a constant output": "x : (N)\ny = mean(ones(N))\n= 1",
}


@functools.cache
def points(title):
    """The points of a right derivation, and the comparisons that it makes."""
    branches = Branches()
    with branches.watching():
        runner = Runner(derivation(RIGHT[title], title))
        found = runner.points()
        return found + further_points(runner, found), branches


@functools.cache
def fault(wrong, *, hints):
    """The wrong link of its line, checked without the other lines, with enough time for its hint.

    The points are those of the right derivation: no name of the forward changes its value.
    """
    found, branches = points(wrong.title)
    read = derivation(wrong.text, wrong.title)
    own = [c for c in read.chains if any(link.line == wrong.number for link in c.links)]
    chains = [c for c in read.chains if c.kind is Kind.AUXILIARY or c in own]
    with deepcopy(branches).watching(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(checking, "HINT_SECONDS", 60.0)
        results = check_at(replace(read, chains=chains), found, hints=hints)
    return next(result for result in results if not result.ok)


@pytest.mark.parametrize("title", marked(RIGHT, lambda title: title not in OFTEN))
def test_a_right_derivation_holds_on_every_link(title):
    results = check_at(derivation(RIGHT[title], title), points(title)[0])
    assert results
    assert [str(result) for result in results if not result.ok] == []


@pytest.mark.parametrize("wrong", marked(CORPUS, lambda wrong: wrong.slow), ids=str)
def test_an_error_is_reported_on_its_own_line_and_on_no_other_with_its_cause(wrong):
    results = check_at(derivation(wrong.text, wrong.title), points(wrong.title)[0][:1], hints=False)
    assert {result.line for result in results if not result.ok} <= {wrong.number}
    found = fault(wrong, hints=bool(wrong.words))
    assert found.line == wrong.number
    assert (wrong.words or "") in found.hint


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [w for w in CORPUS if not w.words], ids=str)
def test_where_no_cause_is_known_none_is_named(wrong):
    assert fault(wrong, hints=True).hint == ""


@pytest.mark.parametrize("title", HOLDS)
def test_an_unusual_derivation_holds_whatever_precision_jax_has(title):
    with jax.enable_x64(False):
        results = check_links(derivation(HOLDS[title].splitlines(), title))
    assert results
    assert [str(result) for result in results if not result.ok] == []


def test_one_wrong_gradient_of_two_on_a_line_is_found():
    lines = HOLDS["two gradients"].replace("-dy", "dy").splitlines()
    assert [result.ok for result in check_links(derivation(lines, "wrong"))] == [False]


def test_the_corpus_is_as_large_as_it_should_be():
    assert len(CORPUS) >= 400
    assert len([wrong for wrong in CORPUS if wrong.words]) >= 0.85 * len(CORPUS)
