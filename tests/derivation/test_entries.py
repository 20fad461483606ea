"""Entries: what an index means, where it runs, and what is said where it does not fit."""

import numpy as np
import pytest

from handgrad import check
from handgrad.derivation.points import Runner
from handgrad.derivation.sources import scopes_in_text


def names_of(text):
    """The values of all names at a random point."""
    (scope,) = scopes_in_text(text, "text")
    return Runner(scope.derivation()).points()[0].names


def error_of(text):
    (derivation,) = check(text).derivations
    return derivation.error or " ".join(link.problem for link in derivation.links)


VALUES = {
    "a product and a sum": (
        "A : (N, M)\nB : (M, K)\nC[i, k] = sum[j](A[i, j] * B[j, k])",
        lambda n: n["C"] - n["A"] @ n["B"],
    ),
    "the order of the indices": ("A : (N, M)\nB[j, i] = A[i, j]", lambda n: n["B"] - n["A"].T),
    "a diagonal": ("A : (N, N)\nd[i] = A[i, i]", lambda n: n["d"] - np.diag(n["A"])),
    "an outer product": (
        "a : (N)\nb : (M)\nC[j, i] = a[i] * b[j]",
        lambda n: n["C"] - np.outer(n["b"], n["a"]),
    ),
    "several sums at once": (
        "A : (N, M)\ny = sum[i, j](A[i, j] * (i + 1))",
        lambda n: n["y"] - np.sum(n["A"] * (np.arange(len(n["A"]))[:, None] + 1)),
    ),
    "a mean, a maximum and a product": (
        "x : (N)\ny = mean[i](x[i]) + max[i](x[i]) * prod[i](x[i]) - min[i](x[i])",
        lambda n: n["y"] - np.mean(n["x"]) - np.max(n["x"]) * np.prod(n["x"]) + np.min(n["x"]),
    ),
    "the Kronecker delta": (
        "x : (N)\nD[i, j] = x[i] * δ[i, j]",
        lambda n: n["D"] - np.diag(n["x"]),
    ),
    "a shifted index with its range": (
        "x : (N)\nd[i : N - 1] = x[i + 1] - x[i]",
        lambda n: n["d"] - np.diff(n["x"]),
    ),
    "a where that leaves the edge out": (
        "x : (N)\nd[i : N] = x[i] - where(i > 0, x[i - 1], 0)",
        lambda n: n["d"] - np.diff(n["x"], prepend=0),
    ),
    "a range that depends on an index": (
        "x : (N)\nc[i : N] = sum[j : i + 1](x[j])",
        lambda n: n["c"] - np.cumsum(n["x"]),
    ),
    "a mean over a range that depends on an index": (
        "x : (N)\nc[i : N] = mean[j : 0 : i + 1](x[j])",
        lambda n: n["c"] - np.cumsum(n["x"]) / (1 + np.arange(len(n["x"]))),
    ),
    "labels": (
        "E : (V, D)\nt : (N) label(V)\ny[n, d] = E[t[n], d]",
        lambda n: n["y"] - n["E"][n["t"]],
    ),
    "entries of a whole array": (
        "x : (N, D)\np[i, j] = softmax(x)[i, j]",
        lambda n: n["p"] - np.exp(n["x"]) / np.sum(np.exp(n["x"]), axis=1, keepdims=True),
    ),
    "whole arrays beside steps": (
        "x : (T, N)\nW : (N, M)\ny[t] = x[t] @ W",
        lambda n: n["y"] - n["x"] @ n["W"],
    ),
    "a step and an index": (
        "x : (T, N)\nW : (N, M)\ny[i, t] = (x[t] @ W)[i]",
        lambda n: n["y"] - (n["x"] @ n["W"]).T,
    ),
    "a sum over steps": (
        "x : (T, N)\nz : (T, M)\nS = sum[t](outer(x[t], z[t]))",
        lambda n: n["S"] - n["x"].T @ n["z"],
    ),
    "one number for all entries": ("x : (N)\ny[i] = x[i] * 0 + 3", lambda n: n["y"] - 3),
}


@pytest.mark.parametrize("name", VALUES)
def test_the_value_is_that_of_whole_arrays(name):
    text, difference = VALUES[name]
    assert np.max(np.abs(difference(names_of(f"{text}\n")))) < 1e-13


ERRORS = {
    "W : (M, N)\nx : (N)\ny[i] = W[i, j] * x[j]": "is a sum over j missing?",
    "x : (N)\ny = x[j]": "is a sum over j missing?",
    "W : (M, N)\nx : (N)\ny[i] = sum[j](W[j, i] * x[j])": "j runs over",
    "x : (N)\nz[j] = x[j + 1]": "the range of j is not known: state it, as in j : n",
    "x : (N)\nz[j : N] = x[j + 1]": "j + 1 leaves x, which has the size",
    "x : (N)\nz[j : N] = x[j - 1]": "j - 1 leaves x, which has the size",
    "x : (N)\ny = sum[x](x[x])": "x is already defined, so it cannot be an index here",
    "x : (N)\ny[i] = sum[i](x[i])": "i is already defined, so it cannot be an index here",
    "x : (N, M)\ny[i] = sum[j](x[i])": "the range of j is not known",
    "x : (N, M)\ny[i, j] = x[i, j] + x[j]": "j runs over",
    "x : (N)\ny[i] = x": "the range of i is not known",
    "x : (N)\nz : (N)\ny[i] = x[i] + z": "z is an array here: give it its indices",
    "x : (N)\ny[i] = softmax(x[i])": "softmax takes whole arrays",
    "x : (N)\ny = median[i](x[i])": "median[i] is not one of sum[j](…)",
    "x : (N)\ny = δ[0]": "δ takes two indices",
    "x : (N)\ny[i, i] = x[i]": "in front of a definition stand letters alone",
    "x : (N)\ny[2 * i] = x[i]": "in front of a definition stand letters alone",
    "x : (N)\ny[i : 0] = x[i]": "the range of i is empty",
    "x : (N)\ny[i : 1.5] = x[i]": "the range of i is made of whole numbers",
    "x : (N)\nz : (N)\ny[i] = x[z[i]]": "z[i] is not an index",
    "x : (N)\ny = sum[i](x[i], 2)": "of one expression",
    "A : (N, N)\ny = sum[i](A[i, i])\nj[i, j] = dy * δ[i, j]": "the range of j is not known",
}


@pytest.mark.parametrize("text", ERRORS)
def test_what_does_not_fit_is_one_sentence(text):
    assert ERRORS[text] in error_of(f"{text}\n")


def test_claims_may_have_their_indices_in_any_order():
    text = "A : (N, M)\ny = sum[i, j](A[i, j]**2)\n{} = 2 * dy * A[{}]\n"
    assert check(text.format("dA[i, j]", "i, j"))
    assert check(text.format("dA[a, b]", "a, b"))
    assert not check(text.format("dA[i, j]", "i, 0"))


def test_an_identity_by_entries_is_held_entry_by_entry():
    text = "x : (N, D)\np = softmax(x)\nsum[j](p[i, j]) = {}\n"
    assert check(text.format(1))
    assert not check(text.format("p[i, 0] / p[i, 0] + p[i, 0]"))


def test_a_wrong_index_is_mended_in_the_hint():
    text = "W : (N, N)\nx : (N)\ny[i] = sum[j](W[i, j] * x[j])\ndx[j] = sum[i](W[j, i] * dy[i])\n"
    (link,) = check(text).derivations[0].links
    assert link.hint == "it holds with `W[i, j]` in the place of `W[j, i]`"


def test_entries_that_no_line_states_are_counted():
    (derivation,) = check("x : (4)\ny = sum(x**2)\ndx[0] = 2 * dy * x[0]\n").derivations
    assert derivation.unstated == ["x (3 of its 4 numbers)"]


@pytest.mark.parametrize(
    "lines",
    [
        "y[n] = sum(X[n, :])\ndX[n, :] = dy[n] * ones(D)",
        "y[d] = sum[n](X[n, :] @ X[n, :]) * w[d]\ndw = sum(X**2) * dy",
        "z[n, k] = X[n, :] @ V[:, k]\ndV[:, k] = sum[n](dz[n, k] * X[n, :])",
    ],
)
def test_a_whole_axis_may_stand_beside_an_index(lines):
    assert check(f"X : (N, D)\nw : (D)\nV : (D, K)\n{lines}\n").ok


def test_the_classes_of_labels_may_be_a_size_that_comes_later():
    text = "t : (N) label(C)\nz : (N, C)\nL = -sum[n](log_softmax(z)[n, t[n]])\n"
    assert check(f"{text}dz = dL * (softmax(z) - one_hot(t, C))\n").ok
    assert not check(f"{text}dz = dL * (softmax(z) - one_hot(t, C) / C)\n").ok
