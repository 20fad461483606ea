"""Second derivatives are proved from the gradients that hold, and only where those say enough."""

import pytest

from handgrad import check

QUADRATIC = "A : (N, N)\nx : (N)\nf = x @ A @ x / 2\ndx = df * (A + A.T) @ x / 2\n"
LOGISTIC = (
    "X : (N, D)\nt : (N) mask\nw : (D)\np = sigmoid(X @ w)\n"
    "L = -sum(t * log(p) + (1 - t) * log(1 - p))\n∂L/∂w = X.T @ (p - t)\n"
)
MIXED = "x : ()\ny : ()\nf = x**2 * y + y**3\n∂f/∂y = x**2 + 3 * y**2\n"
RIGHT = {
    "quadratic": f"{QUADRATIC}∂²f/∂x∂x = (A + A.T) / 2",
    "by entries": f"{QUADRATIC}∂²f/∂x[i]∂x[j] = (A[i, j] + A[j, i]) / 2",
    "of a matrix": f"{QUADRATIC}∂²f/∂x[i]∂A[j, k] = (δ[i, j] * x[k] + δ[i, k] * x[j]) / 2",
    "turned": f"{QUADRATIC}∂²f/∂A[j, k]∂x[i] = (δ[i, j] * x[k] + δ[i, k] * x[j]) / 2",
    "logistic": f"{LOGISTIC}∂²L/∂w∂w = X.T @ diag(p * (1 - p)) @ X",
    "with a helper": f"{LOGISTIC}R = diag(p * (1 - p))\n∂²L/∂w∂w = X.T @ R @ X",
    "mixed": f"{MIXED}∂²f/∂x∂y = 2 * x\n∂²f/∂y∂x = 2 * x\n∂²f/∂y² = 6 * y",
}
WRONG = {
    "half": f"{QUADRATIC}∂²f/∂x∂x = A + A.T",
    "without its mirror": f"{QUADRATIC}∂²f/∂x∂x = A",
    "half of a square": f"{MIXED}∂²f/∂y² = 3 * y",
    "turned wrongly": f"{QUADRATIC}∂²f/∂A[j, k]∂x[i] = δ[i, j] * x[k]",
    "mixed": f"{MIXED}∂²f/∂x∂y = x",
}
OPEN = {
    "an array": "x : (N)\ny = tanh(x)\n∂y/∂x = 1 - y**2\n∂²y/∂x∂x = -2 * y * (1 - y**2)",
    "no gradient": "x : (N)\nf = sum(x**3)\n∂²f/∂x∂x = 6 * diag(x)",
    "by nodes": "x : (N)\nu = 2 * x\nf = sum(u**3)\n∂f/∂u = 3 * u**2\n∂²f/∂u∂u = 6 * diag(u)",
    "a symmetric move": "S : (N, N) symmetric\nx : (N)\nf = x @ S @ x\n∂f/∂x = 2 * S @ x\n"
    "∂²f/∂x[i]∂S[j, k] = δ[i, j] * x[k] + δ[i, k] * x[j]",
}


def last(text):
    return check(text).derivations[0].links[-1]


@pytest.mark.parametrize("name", RIGHT)
def test_a_second_derivative_of_a_number_is_proved(name):
    links = check(RIGHT[name]).derivations[0].links
    assert [link.proof for link in links if not link.exact] == []


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_second_derivative_is_refused(name):
    link = last(WRONG[name])
    assert not link.ok
    assert link.proof == "refused"


@pytest.mark.parametrize("name", OPEN)
def test_a_second_derivative_that_no_gradient_tells_is_left_to_numbers(name):
    link = last(OPEN[name])
    assert link.ok
    assert link.proof.startswith("by numbers: a second derivative")


def test_a_gradient_for_symmetric_matrices_is_not_differentiated_by_them():
    """2 S x has the slope 2 δᵢⱼ xₖ by S, and the gradient of xᵀ S x has not."""
    text = OPEN["a symmetric move"]
    link = last(text.replace("δ[i, j] * x[k] + δ[i, k] * x[j]", "2 * δ[i, j] * x[k]"))
    assert not link.exact
    assert not link.ok
