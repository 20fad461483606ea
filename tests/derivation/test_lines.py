"""Lines: parentheses over several of them, options that are words, and the place of what is wrong."""

import warnings

import pytest

from handgrad import check
from tests.derivation.test_entries import error_of

FOLDED = """\
x : (N,
     D)
μ = mean(
    x, axis=-1,   # over the features
    keepdims=True)
y = (
    x - μ
) = (x
     - mean(x, axis=-1, keepdims=True))
dx = (
    dy
    - mean(dy, axis=-1, keepdims=True)
)
= dy - (
    mean(dy, axis=0)
)
"""


def links_of(text):
    (found,) = check(text).derivations
    assert not found.error
    return found.links


def test_a_line_goes_on_until_its_parentheses_close():
    links = links_of(FOLDED)
    assert [(link.line, link.ok) for link in links] == [(8, True), (10, True), (14, False)]
    assert links[1].text == "( dy - mean(dy, axis=-1, keepdims=True) )"


def test_what_is_wrong_has_its_own_line_and_column_within_parentheses():
    text = FOLDED.replace("    - mean(dy, axis", "    - mean(dq, axis")
    assert error_of(text).startswith("12:12: dq is not defined here")
    assert error_of(FOLDED.replace("    dy\n", "    dy !\n")).startswith("11:8: ")


def test_parentheses_that_never_close_swallow_no_line():
    said = error_of("x : (N)\ny = tanh(x\ndx = dy * (1 - y**2)\nz = 3\n")
    assert said == "2:9: 'tanh(x' is not an expression: '(' was never closed"


def test_an_option_is_compared_with_a_word():
    text = 'mode = "cubic"\nx : (N)\ny = where(mode == "cubic", x**3, x)\n'
    text += 'dx = dy * where(mode != "plain", 3 * x**2, 1)\n   = where(mode == "plain", dy, dy * x**2)\n'
    assert [link.ok for link in links_of(text)] == [True, False]
    entries = 'mode = "plain"\nx : (N)\ny[n] = where(mode == "cubic", x[n]**3, 2 * x[n])\n'
    assert all(link.ok for link in links_of(f"{entries}dx[n] = 2 * dy[n]\n"))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('y = where(x == "a", x, 0)', "x is an array, and only an option is compared with a word"),
        ('y = "a" + x', "is not allowed in a derivation"),
        ('y = where(mode < "a", x, 0)', "a str is not a number to compute with"),
    ],
)
def test_words_stand_nowhere_else(line, says):
    assert says in error_of(f'mode = "a"\nx : (N)\n{line}\n')


def test_a_gradient_whose_range_disagrees_is_wrong_on_its_line_with_a_hint():
    text = "x : (J)\nW : (I, J)\ny[i] = sum[j](W[i, j] * x[j])\ndx[j] = sum[i](dy[i] * W[j, i])\n"
    (link,) = links_of(text)
    assert (link.line, link.hint) == (4, "it holds with `W[i, j]` in the place of `W[j, i]`")
    assert "j runs over" in link.problem


def test_a_gradient_may_state_the_range_of_its_steps():
    text = "a : (D)\nB : (T, D)\nA : (D, D)\nh[0] = a * B[0]\nh[t+1] = (h[t] @ A) * B[t+1]\n"
    text += "y = h[T-1]\ndh[T-1] = dy\ndh[t : T - 1] = A @ (dh[t+1] * B[t+1])\n"
    assert [link.ok for link in links_of(text)] == [True, True]
    assert [link.ok for link in links_of(text.replace("= A @", "= A.T @"))] == [True, False]


def test_a_range_has_more_than_one_number_where_sizes_allow_it():
    text = "x : (N, C, H)\nk : (F, C, R)\ny[n, f, i : H - R + 1] = sum[c, r](k[f, c, r] * x[n, c, i + r])\n"
    wrong = f"{text}dk[f, c, r] = sum[n, i : H - R + 1](dy[n, f, i] * x[n, c, r])\n"
    assert not any(check(wrong, seed=seed) for seed in range(6))


def test_numbers_that_overflow_warn_nobody():
    text = "x : (N)\ny = where(x > 0, exp(exp(x)), x)\ndx = dy * where(x > 0, exp(x + exp(x)), 1)\n"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check(text)


def test_the_shape_of_a_solution_may_be_an_axis_of_what_stands_beside_it():
    text = "W : (D, D)\nU : (D, K)\nx : (K)\nz : fixed_point(tanh(0.1 * W @ z + U @ x))\n"
    text += "s = 1 - z**2\ny = 2 * z\n"
    text += "dx = U.T @ (s * solve((eye(D) - 0.1 * s[:, None] * W).T, 2 * dy))\n"
    assert all(link.ok for link in links_of(text))
