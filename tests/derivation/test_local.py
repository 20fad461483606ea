"""Local derivatives: what ∂y/∂x means by entries and whole, and how products of them read."""

import pytest

from handgrad import check
from tests.derivation.test_entries import error_of

NET = "x : (N)\nW : (N, M)\na = x @ W\ny = tanh(a)\nL = sum(y**3)\n"


def link_of(text):
    (link,) = check(text).derivations[0].links
    return link


@pytest.mark.parametrize(
    ("line", "read_as"),
    [
        ("∂y/∂a = 1 - y**2", "read as the slope of each number"),
        ("∂a/∂x = W.T", "read as a Jacobian, the axes of a first"),
        ("∂a/∂x = W", "read as a Jacobian, the axes of x first"),
        ("∂y/∂x = (1 - y**2)[:, None] * W.T", "read as a Jacobian, the axes of y first"),
        ("∂L/∂y = 3 * y**2", ""),
        ("∂L/∂W = outer(x, 3 * y**2 * (1 - y**2))", ""),
        ("∂a[j]/∂x[i] = W[i, j]", ""),
        ("∂L/∂x[i] = sum[j](W[i, j] * ∂L/∂a[j])", ""),
    ],
)
def test_a_right_one_says_how_it_was_read(line, read_as):
    link = link_of(f"{NET}{line}\n")
    assert link.ok, str(link)
    assert link.read_as == read_as


@pytest.mark.parametrize(
    "line",
    [
        "∂y/∂a = 1 - y",
        "∂y/∂x = 1 - y**2",
        "∂a/∂x = W @ W.T",
        "∂L/∂a = ∂L/∂y * ∂y/∂a * 2",
        "∂a[j]/∂x[i] = W[i, 0]",
        "∂L/∂x = ∂L/∂a",
    ],
)
def test_a_wrong_one_is_found(line):
    assert not link_of(f"{NET}{line}\n").ok


@pytest.mark.parametrize(
    "line",
    [
        "∂L/∂a = ∂L/∂y * ∂y/∂a",
        "∂L/∂x = ∂L/∂y * ∂y/∂a @ ∂a/∂x",
        "∂L/∂x = ∂L/∂y * ∂y/∂x",
        "∂L/∂x = W @ ∂L/∂a",
        "dx = dL * ∂L/∂x",
        "da = dy * ∂y/∂a",
        "dx = -(-da @ ∂a/∂x)",
    ],
)
def test_products_meet_at_the_node_that_they_share(line):
    head = "da = dL * ∂L/∂a\ndy = dL * ∂L/∂y\n"
    assert check(f"{NET}{head}{line}\n")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("∂y = 2", "∂y stands alone: a local derivative is ∂y/∂x, a gradient dy"),
        ("dx = 2 / ∂x", "∂x stands below 2"),
        ("∂y/∂q = 2", "q, of ∂y/∂q, is not a node of the forward"),
        ("∂N/∂x = 2", "N, of ∂N/∂x, is not a node"),
        ("dx = ∂y/∂x**2", "stands"),
    ],
)
def test_what_is_no_derivative_is_one_sentence(line, says):
    assert says in error_of(f"{NET}{line}\n")


def test_a_jacobian_that_is_taken_for_a_slope_is_mended_in_the_hint():
    link = link_of("x : (N)\ny = softmax(x)\ndx = dy * ∂y/∂x\n")
    assert link.hint == "it holds with `dy @ ∂y/∂x` in the place of `dy * ∂y/∂x`"


@pytest.mark.parametrize(
    "lines",
    [
        "p = softmax(a)\n∂p/∂a = diag(p) - outer(p, p)\nq = p**2\nS = sum(q)\n∂S/∂q = 1 + 0 * q",
        "δa = δx @ W + x @ δW\nS = sum(a**2)\nδS = 2 * inner(a, δa)\ndx = 2 * dS * W @ a",
    ],
)
def test_a_node_may_stand_behind_a_local_derivative_or_a_differential(lines):
    assert check(f"{NET}{lines}\n").ok


def test_what_is_defined_behind_a_gradient_is_a_name_alone():
    assert not check(f"{NET}dy = 3 * dL * y**2\nS = sum(y)\n∂S/∂y = 1 + 0 * y\n").ok


def test_the_derivative_by_a_lower_triangular_matrix_may_be_one_too():
    said = check("A : (D, D) lower\nL = sum(A @ A)\n∂L/∂A = tril(A @ ones((D, D)) * 0 + 1)\n")
    assert not said.ok
    right = "A : (D, D) lower\nx : (D)\nL = x @ A @ x\n∂L/∂A = tril(outer(x, x))\n"
    assert link_of(right).read_as == "read for moves of the lower triangle"
