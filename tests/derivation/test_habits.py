"""Habits from code, books and LaTeX get a message that names the right spelling."""

import pytest

from tests.derivation.test_entries import error_of

START = "x : (N, D)\nW : (D, M)\n"
HABITS = {
    "y = dot(x, W)": "write a @ b",
    "y = x^2": "write ** for a power",
    "y = np.exp(x)": "write exp, without np",
    "y = torch.sigmoid(x)": "write sigmoid, without torch",
    "y = np.pi * x": "write pi, without np",
    "y = x.sum()": "write sum(x)",
    "y = (x + 1).sum()": "write sum(…) as a function",
    "y = x · W": "for · write * between numbers, @ between matrices",
    "y = x × 2": "for × write *",
    "y = x − 2": "for − write -",
    "y = xᵀ": "for ᵀ write .T",
    "y = x²": "for ² write **2",
    "y = ∑(x)": "for ∑ write sum[i](…)",
    "y = x ≤ 2": "for ≤ write <=",
    "y = ln(x)": "write log(x)",
    "y = [a for a in x]": "write sum[j](…) for a sum over j",
    "y = 1 if x else 2": "write where(condition, a, b)",
    "y = 0 < x < 1": "write one comparison at a time",
    "y = x and x": "write logical_and(a, b)",
    "y = not x": "write logical_not(a)",
    "y = x @ W\ndx = dout @ W.T": "the upstream gradient of y is dy",
    "y = x @ W\n∂x = dy @ W.T": "a local derivative is ∂y/∂x, a gradient dx",
    "z : N\ny = x": "a shape stands in parentheses, z : (N)",
    "y = x**2\nℓ = y\nl = y": "l and ℓ are one name to Python",
    "L = sum(x)\np = exp(x)\ndx = dL + x": "if L is meant, move p above it",
    "δ = 1.0\ny = δ * x": "not a name: write delta",
    "y = x**2\ndx = dy * 2 * x\nL = sum(y)\ndx = dL * 2 * x": "so it has none of its own: move it above that",
    "L = sum(x)\ndL/dx = 1": "a derivative is written ∂L/∂x",
    "y = max(0, x)": "write maximum(a, b) of two, max(a, axis=0) over an axis",
}


@pytest.mark.parametrize("lines", HABITS)
def test_the_message_names_the_right_spelling(lines):
    assert HABITS[lines] in error_of(f"{START}{lines}\n")
