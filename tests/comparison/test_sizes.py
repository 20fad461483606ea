"""Sizes of the inputs: by the letters of a derivation, or chosen."""

import itertools
import math

import numpy as np
import pytest

from handgrad.common.random import generator
from handgrad.comparison.sizes import (
    COMFORTABLE,
    candidates,
    inputs_at,
    letters_of,
    numbers_in,
    shapes_of,
    spelled,
)
from handgrad.derivation.docstrings import derivation_of
from handgrad.derivation.lines import Line
from handgrad.derivation.reading import read
from handgrad.derivation.shapes import find_shapes
from tests.comparison.small import small_sizes
from tests.rules_and_cases import ONE_OF_EACH

every_rule = pytest.mark.parametrize("rule", ONE_OF_EACH, ids=repr)


def derivation(text):
    return read(Line(line, number) for number, line in enumerate(text.splitlines(), 1))


LAYER = derivation("x : (..., I)\nW : (I, O)\ny = x @ W")
STRIDED = derivation("x : (N, H)\nP = H // 2 + 1\nI = eye(N)\nt : (P) label(N)\ny = I @ x")


@every_rule
def test_the_shapes_are_those_of_the_derivation(rule):
    found = derivation_of(rule)
    sizes = small_sizes(found)
    drawn = [size for letter, size in sizes.items() if letter != "..."]
    _, shapes = find_shapes(found, iter(drawn).__next__, lambda _: (2, 3))
    assert shapes_of(found, sizes) == shapes


@every_rule
def test_the_chosen_sizes_are_comfortable_and_not_small(rule):
    found = derivation_of(rule)
    chosen = next(candidates(found, {}))
    assert list(chosen) == letters_of(found)
    assert numbers_in(found, chosen) <= COMFORTABLE
    assert numbers_in(found, chosen) >= COMFORTABLE / 16 or not chosen or len(chosen) > 4


def test_the_letters_stand_in_the_order_of_the_shapes():
    assert letters_of(LAYER) == ["...", "I", "O"]
    assert letters_of(STRIDED) == ["N", "H"]


def test_a_definition_may_stand_in_a_shape():
    assert shapes_of(STRIDED, {"N": 1000, "H": 9}) == {"x": ((1000, 9), None), "t": ((5,), 1000)}


def test_each_candidate_is_smaller_than_the_one_before():
    tried = [numbers_in(LAYER, sizes) for sizes in candidates(LAYER, {})]
    assert len(tried) > 3
    assert all(a > b for a, b in itertools.pairwise(tried))


def test_a_shape_of_nothing_but_leading_axes_has_two():
    (axes,) = next(candidates(derivation("x : (...)\ny = x"), {})).values()
    assert len(axes) == 2
    assert math.prod(axes) <= COMFORTABLE


def test_the_given_sizes_are_kept_by_every_candidate():
    for sizes in candidates(LAYER, {"I": 11}):
        assert sizes["I"] == 11
    given = {"O": 2, "...": (3, 4), "I": 5}
    assert list(candidates(LAYER, given)) == [given]


@pytest.mark.parametrize("most", [2**8, 2**18, 2**22])
@every_rule
def test_there_are_as_many_numbers_as_wanted_or_as_few_as_there_can_be(rule, most):
    found = derivation_of(rule)
    chosen = numbers_in(found, next(candidates(found, {}, most)))
    *_, fewest = (numbers_in(found, sizes) for sizes in candidates(found, {}, 2**60))
    assert chosen <= max(most, fewest)
    assert chosen > most / 32 or not letters_of(found)


def test_what_is_given_counts_among_the_numbers():
    (sizes, *_) = candidates(LAYER, {"O": 2**12}, 2**16)
    assert sizes == {"...": (16,), "I": 12, "O": 2**12}
    assert list(candidates(LAYER, {"O": 2**30}))[-1]["O"] == 2**30


def test_a_size_that_there_is_not_is_answered_with_those_there_are():
    with pytest.raises(ValueError, match=r"has no size Q: its sizes are \.\.\., I, O$"):
        next(candidates(LAYER, {"Q": 3}))
    with pytest.raises(ValueError, match=r"has no size Q: its shapes are fixed$"):
        next(candidates(derivation("x : (3)\ny = x"), {"Q": 3}))


def test_inputs_have_the_precision_that_is_asked_for_and_labels_stay_whole():
    x, t = inputs_at(STRIDED, {"N": 4, "H": 6}, generator(0), "float32")
    assert x.dtype == np.float32
    assert x.shape == (4, 6)
    assert np.issubdtype(t.dtype, np.integer)
    assert t.shape == (4,)


def test_sizes_are_spelled_as_they_are_written():
    assert spelled({"N": 4, "...": (2, 3)}) == "N = 4, ... = 2 × 3"
