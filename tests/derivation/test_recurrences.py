"""Recurrences: states step by step, and gradients through all that comes later."""

import numpy as np
import pytest

from handgrad import check
from tests.derivation.test_entries import error_of, names_of

RNN = """x : (T, N)
W : (N, N)
h0 : (N)
h[0] = h0
h[t+1] = tanh(h[t] @ W + x[t])
y[t] = h[t]
"""


def test_states_are_those_of_a_loop():
    names = names_of(RNN)
    h = [names["h0"]]
    for x in names["x"]:
        h.append(np.tanh(h[-1] @ names["W"] + x))
    np.testing.assert_allclose(names["h"], h, rtol=1e-14)


def test_the_gradient_of_a_state_counts_what_comes_later():
    names = names_of(RNN)
    dh = names["dy"][-1]
    for t in reversed(range(len(names["x"]))):
        da = dh * (1 - names["h"][t + 1] ** 2)
        dh = names["dy"][t] + da @ names["W"].T
        np.testing.assert_allclose(names["dh"][t], dh, rtol=1e-11)


def test_a_state_may_run_backwards():
    names = names_of("x : (T)\nb[T] = 0.5\nb[t] = 2 * b[t+1] + x[t]\ny = b[0]\n")
    b = [0.5]
    for x in names["x"][::-1]:
        b.append(2 * b[-1] + x)
    np.testing.assert_allclose(names["b"], b[::-1], rtol=1e-14)


def test_two_first_states_may_be_given():
    names = names_of(
        "n = 6\nx : ()\nf[0] = x\nf[1] = 2 * x\nf[t+2 : 5] = f[t+1] + f[t]\ny = f[6]\n"
    )
    fibonacci = [1, 2, 3, 5, 8, 13, 21]
    np.testing.assert_allclose(names["f"], names["x"] * np.array(fibonacci), rtol=1e-14)


def test_states_may_need_each_other():
    names = names_of(
        "a0 : ()\na[0] = a0\nb[0] = 1\na[t+1 : 3] = a[t] * b[t]\nb[t+1] = b[t] + a[t+1]\ny = a[3]\n"
    )
    a, b = names["a0"], 1
    for _ in range(3):
        a = a * b
        b = b + a
    np.testing.assert_allclose([names["y"], names["b"][3]], [a, b], rtol=1e-13)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("dh[t] = dy[t] + (dh[t+1] * (1 - h[t+1]**2)) @ W.T", False),
        ("dh[t] = (dh[t+1] * (1 - h[t+1]**2)) @ W.T", True),
        ("dh[t] = dy[t] + (dh[t+1] * (1 - h[t]**2)) @ W.T", True),
        ("dh[t] = dy[t] + (dh[t+1] * (1 - h[t+1]**2)) @ W", True),
        ("dW = sum[t](outer(h[t], dh[t+1] * (1 - h[t+1]**2)))", False),
        ("dW = sum[t](outer(h[t+1], dh[t+1] * (1 - h[t+1]**2)))", True),
        ("dx[t] = dh[t+1] * (1 - h[t+1]**2)", False),
        ("dx[t] = dh[t] * (1 - h[t+1]**2)", True),
        ("dh0 = dh[0]", False),
        ("dh0 = dh[1]", True),
        ("dh[T] = dy[T]", False),
        ("∂h[t+1, i]/∂h[t, j] = (1 - h[t+1, i]**2) * W[j, i]", False),
        ("∂h[t+1, i]/∂h[t, j] = (1 - h[t+1, i]**2) * W[i, j]", True),
    ],
)
def test_claims_about_steps(line, wrong):
    assert bool(check(f"{RNN}{line}\n")) != wrong


ERRORS = {
    "x : (T)\nh[0] = 0.0\ny = sum(x)": "h has a first state, and no step as in h[t+1] = …",
    "x : (T)\nh[0] = 0.0\nh[t+1] = h[t] + x[s]\ny = h[T]": "s is free on the right",
    "x : (T)\nh[0] = 0.0\nh[t+1] = h[t]\ny = h[0]": "the range of t is not known",
    "x : (T)\nh[0] = zeros(3)\nh[t+1] = h[t][0] + x[t]\ny = h[T, 0]": "has the shape (3,) in one step",
    "x : (T)\nh[0] = 0.0\nh[0] = 1.0\nh[t+1] = h[t] + x[t]\ny = h[T]": "step 0 of h is defined twice",
    "x : (T)\nh[0] = 0.0\nz = h\nh[t+1] = h[t] + x[t]\ny = h[T]": "no step as in h[t+1]",
    "x : (T)\nh[0] = 0.0\nh[t+1] = h[t] + x[t+1]\ny[t] = h[t] + x[t+3]": "",
}


@pytest.mark.parametrize("text", ERRORS)
def test_what_is_no_recurrence_is_one_sentence(text):
    said = error_of(f"{text}\n")
    assert ERRORS[text] in said
    assert len(said.splitlines()) <= 1


def test_a_step_that_counts_from_the_end_is_refused():
    text = "x : (T)\nh[0] = 0.0\nh[t+1] = h[t] + x[t - 1]\ny = h[T]\n"
    assert "t - 1 is -1: leave that out by a where" in error_of(text)


def test_the_gradient_of_a_state_that_is_the_output_has_all_paths_in_exact_arithmetic_too():
    text = "x : (T, N)\nW : (N, N)\nh0 : (N)\nh[0] = h0\nh[t+1] = h[t] @ W + x[t]\n"
    (found,) = check(
        f"{text}dx[t] = dh[t+1]\ndW = sum[t](outer(h[t], dh[t+1]))\ndh0 = dh[0]\n"
    ).derivations
    assert [(link.ok, link.exact, link.disputed) for link in found.links] == [
        (True, True, False)
    ] * 3
