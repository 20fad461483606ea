"""Second derivatives: what ∂²L/∂x∂z means by entries and whole, and where it may stand."""

import pytest

from handgrad import check
from handgrad.derivation.jacobians import ROWS, SLOPE
from tests.derivation.test_entries import error_of
from tests.derivation.test_local import link_of

START = "X : (N, D)\nw : (D)\nb : ()\np = sigmoid(X @ w + b)\nL = sum(p**3)\n"


@pytest.mark.parametrize(
    ("forward", "line", "read_as"),
    [
        ("x : (N)\nA : (N, N)\nL = x @ A @ x\n", "∂²L/∂x∂x = A + A.T", ""),
        ("x : (N)\nA : (N, N)\nL = x @ A @ x\n", "∂²L/∂x² = A + A.T", ""),
        ("x : (N)\nA : (N, N)\nL = x @ A @ x\n", "∂²L/∂x[i]∂x[j] = A[i, j] + A[j, i]", ""),
        ("x : (N)\nA : (N, N)\nL = x @ A @ x\n", "∂²L/(∂x[i] ∂x[j]) = A[i, j] + A[j, i]", ""),
        ("x : (N)\nA : (N, N)\nL = x @ A @ x\n", "∂²L/∂x[i]∂x[i] = 2 * A[i, i]", ""),
        ("x : (N)\nz : (M)\nL = sum(x)**2 * sum(z)\n", "∂²L/∂x∂z = 2 * sum(x) * ones((N, M))", "x"),
        ("x : (N)\nz : (M)\nL = sum(x)**2 * sum(z)\n", "∂²L/∂x∂z = 2 * sum(x) * ones((M, N))", "z"),
        ("x : (N)\ny = x**3\n", "∂²y/∂x∂x = 6 * x", SLOPE),
        ("x : (N)\nz : (N)\ny = x**3 * z\n", "∂²y/∂x∂z = 3 * x**2", SLOPE),
        ("x : (N)\ny[i] = x[i]**3\n", "∂²y[i]/∂x[j]∂x[k] = 6 * x[i] * δ[i, j] * δ[i, k]", ""),
        ("x : ()\ny = x**2\nL = exp(y)\n", "∂²L/∂x∂x = ∂²L/∂y∂y * (2 * x)**2 + 2 * ∂L/∂y", ""),
    ],
)
def test_a_right_one_holds_and_says_how_it_was_read(forward, line, read_as):
    link = link_of(f"{forward}{line}\n")
    assert link.ok, str(link)
    assert link.read_as == (ROWS.format(read_as) if len(read_as) == 1 else read_as)


@pytest.mark.parametrize(
    "line",
    [
        "∂²L/∂w∂w = X.T @ diag(p) @ X",
        "∂²L/∂w∂b = X.T @ p",
        "∂²L/∂b∂b = 3 * sum(p**2)",
        "∂²L/∂w[i]∂w[j] = ∂L/∂w[i] * ∂L/∂w[j]",
        "∂²L/∂p∂p = 6 * p",
    ],
)
def test_a_wrong_one_is_found(line):
    assert not link_of(f"{START}{line}\n").ok


def test_all_paths_count_between_nodes():
    line = "∂²L/∂w∂w = X.T @ diag(3 * p**3 * (1 - p) * (3 - 4 * p)) @ X"
    assert link_of(f"{START}{line}\n").ok


def test_it_states_no_gradient():
    (found,) = check(f"{START}db = dL * sum(3 * p**3 * (1 - p))\n∂²L/∂w∂b = ∂²L/∂w∂b\n").derivations
    assert found.unstated == ["X", "w"]


def test_numbers_decide_it_and_the_verdict_says_so():
    link = link_of("x : (N)\nL = sum(x**2)\n∂²L/∂x∂x = 2 * eye(N)\n")
    assert link.proof == "by numbers: a second derivative without a first one"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("∂²L = 3", "6:1: a second derivative is written ∂²L/∂x∂z"),
        ("∂²L/∂w = 3", "6:1: a second derivative is written ∂²L/∂x∂z"),
        ("∂²L/∂w∂q = 3", "6: q, of ∂²L/∂w∂q, is not a node"),
        ("∂²L/∂w∂w[i] = w[i] + zz", "6:22: zz is not defined here"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(line, says):
    assert says in error_of(f"{START}{line}\n")


def test_one_that_needs_too_many_numbers_is_refused_soon():
    text = "x : (200)\nA : (200, 200)\nL = sum((A @ x)**2)\n∂²L/∂x∂x = 2 * A.T @ A\n"
    assert "needs more than 300000 numbers at once" in error_of(text)
