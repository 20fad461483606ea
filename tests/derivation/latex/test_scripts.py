r"""Script letters: \mathcal L and \ell are names of their own where L and l are used, too."""

import pytest

from handgrad import check

MATRIX = r"""<!-- derivation: A : (N, N); x : (N); loss \mathcal{L} -->
$$L = A + A^\top$$
$$y = L x$$
$$\frac{\partial \mathcal{L}}{\partial x} = L^\top \frac{\partial \mathcal L}{\partial y}$$
$$\frac{\partial \mathcal L}{\partial L} = \frac{\partial \mathcal L}{\partial y} x^\top$$
"""
GIVEN = r"""<!-- derivation: L : (N, N); x : (N); loss \mathscr L -->
$$\mathscr{L} = x^\top L x$$
$$\nabla_x \mathscr L = (L + L^\top) x, \quad \nabla_L \mathscr{L} = x x^\top$$
"""
INDEX = r"""<!-- derivation: x : (N); loss \ell -->
$$\ell = \sum_l x_l^2$$
$$\frac{\partial \ell}{\partial x} = 2 x$$
"""
SAME = r"""<!-- derivation: x : (N); loss \mathcal L -->
$$L = \sum_i x_i^2$$
$$\frac{\partial \mathcal L}{\partial x} = 2 x$$
"""


def status(text):
    (found,) = check(text).derivations
    return found.status


@pytest.mark.parametrize("text", [MATRIX, GIVEN, INDEX], ids=["node", "given", "index"])
def test_a_script_letter_is_a_name_of_its_own_beside_the_plain_one(text):
    assert status(text) == "PASS"


def test_a_script_letter_may_be_the_plain_one():
    assert status(SAME) == "PASS"


@pytest.mark.parametrize(
    ("text", "right", "wrong"),
    [
        (MATRIX, r"L^\top \frac", r"2 L^\top \frac"),
        (GIVEN, r"(L + L^\top) x", "2 L x"),
        (INDEX, "= 2 x", "= x"),
        (SAME, "= 2 x", "= x"),
    ],
    ids=["node", "given", "index", "same"],
)
def test_an_error_beside_script_letters_is_wrong(text, right, wrong):
    assert right in text
    assert status(text.replace(right, wrong)) == "WRONG"
