"""Typesetting: what is written, and that all of it can be read by TeX and by browsers."""

import re
from pathlib import Path
from xml.parsers import expat

import pytest

import handgrad.derivation
from handgrad.derivation.docstrings import derivation_of
from handgrad.derivation.formulas import Typesetter
from handgrad.derivation.sources import scopes_in_text, scopes_of
from handgrad.derivation.styles import Latex
from handgrad.derivation.typeset import statements, typeset
from handgrad.rules import catalog
from tests.rules_and_cases import CLASSES

GIVENS = "x : (N, D)\nW : (D, K)\nA : (N, N)\nu : (N)\nv : (N)\ns : ()\ny = x\n"
DOCUMENTS = [
    *sorted(Path(handgrad.derivation.__file__).parent.glob("*.md")),
    Path(__file__).parent / "right.md",
]
SCOPES = [scope for path in DOCUMENTS for scope in scopes_of(path)]


def derivation(text):
    (scope,) = scopes_in_text(text, "test")
    return scope.derivation()


def latex(expression):
    """An expression as LaTeX, without the spaces that TeX ignores."""
    *_, last = statements(derivation(f"{GIVENS}0 = {expression}\n"), "latex")
    return re.sub(r"(?<![a-z]) | (?![a-zA-Z])", "", last.links[0][1])


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("u * v", r"u\odot v"),
        ("s * u", r"s\,u"),
        ("2 * u * 3", r"2\,u\cdot3"),
        ("x @ W", r"x\,W"),
        ("(u * v) @ x", r"\left(u\odot v\right)\,x"),
        ("A @ (dy / x)", r"A\,\left(\frac{1}{x}\odot\frac{\partial\mathcal{L}}{\partial y}\right)"),
        ("x.T", r"x^{\top}"),
        ("dy.T @ x", r"\left(\frac{\partial\mathcal{L}}{\partial y}\right)^{\top}\,x"),
        ("u / (1 + v)", r"\frac{u}{1+v}"),
        ("dy / N", r"\frac{1}{N}\,\frac{\partial\mathcal{L}}{\partial y}"),
        ("-u**2", r"-u^{2}"),
        ("(-u)**2", r"\left(-u\right)^{2}"),
        ("u - (v - s)", r"u-\left(v-s\right)"),
        ("u - v + s", r"u-v+s"),
        ("u + -v", r"u+\left(-v\right)"),
        ("exp(-u)", r"\mathrm{e}^{-u}"),
        ("exp(u / s)", r"\exp\left(\frac{u}{s}\right)"),
        ("sqrt(u + 1e-5)", r"\sqrt{u+10^{-5}}"),
        ("sum(u)", r"\sum u"),
        ("sum(x, axis=0) * u", r"\left(\sum_{\text{axis0}}x\right)\odot u"),
        ("sum[i](u[i] * v[i])", r"\sum_{i}u_{i}\,v_{i}"),
        ("sum[i](u[i]) * s", r"\left(\sum_{i}u_{i}\right)\,s"),
        ("sum[i](u[i] + v[i])", r"\sum_{i}\left(u_{i}+v_{i}\right)"),
        ("sum[n : N - 1](u[n + 1])", r"\sum_{0\le n<N-1}u_{n+1}"),
        ("sum[i, j](A[i, j] * δ[i, j])", r"\sum_{i,j}A_{ij}\,\delta_{ij}"),
        ("norm(u)", r"\left\|u\right\|"),
        ("inner(u, v)", r"\left\langle u,v\right\rangle"),
        ("outer(u, v)", r"u\,v^{\top}"),
        ("solve(A, u)", r"A^{-1}\,u"),
        ("u * (v > 0)", r"u\odot\left[v>0\right]"),
        ("u[:, None] * x", r"u\odot x"),
        ("u[:, None] * s * x", r"u\,s\odot x"),
        ("A * u[:, None] + x", r"A\odot u+x"),
        ("s * u[:, None] + x", r"s\,u_{:,\text{None}}+x"),
        ("where(u > 0, u, 0)", r"\begin{cases}u&\text{if}u>0\\0&\text{otherwise}\end{cases}"),
        ("sigmoid(u)", r"\sigma\left(u\right)"),
        ("log_softmax(x, axis=-1)", r"\operatorname{log-softmax}_{\text{axis-1}}\left(x\right)"),
    ],
)
def test_an_expression_as_latex(expression, says):
    assert latex(expression).replace("if }", "if}") == says


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("x : (N, D)", r"x &\in \mathbb{R}^{N \times D}"),
        ("x : () = 3", "x &= 3"),
        ("t : (N) label(C)", r"t &\in \left\{ 0 ,  \dots  , C - 1 \right\}^{N}"),
        ("n : (N) label(C + 1)", r"n &\in \left\{ 0 ,  \dots  , C \right\}^{N}"),
        ("x : (N + 1, D)", r"x &\in \mathbb{R}^{\left( N + 1 \right) \times D}"),
        ("x̂ : (N) positive", r"\hat{x} &\in \mathbb{R}_{ > 0}^{N}"),
        ("A : (D, D) spd const", r"A &\in \mathbb{R}^{D \times D}\text{, spd, constant}"),
        ("W_out : (N) interval(0, 1)", r"W_{\mathrm{out}} &\in \left( 0 , 1 \right)^{N}"),
    ],
)
def test_a_given_as_latex(given, says):
    assert says in typeset(derivation(f"C = 3\n{given}\n"), "latex")


def test_a_step_is_an_index_and_another_name_with_a_number_is_not():
    shown = typeset(derivation("h0 : (N)\nx : (T, N)\nh[0] = h0\nh[t+1] = tanh(h[t] + x[t])\n"))
    assert r"h_{0} &= \operatorname{h0}" in shown
    assert r"h_{t + 1} &= \tanh" in shown


def test_a_local_derivative_has_the_indices_of_both():
    text = "x : (N)\ny[i] = x[i]**2\n∂y[i]/∂x[j] = δ[i, j] * 2 * x[j]\n"
    assert r"\frac{\partial y_{i}}{\partial x_{j}} &= \delta_{ij} \cdot 2\, x_{j}" in typeset(
        derivation(text)
    )


class Counting(Latex):
    """LaTeX that counts the exponentials it writes."""

    count = 0

    def upright(self, letter):
        self.count += 1
        return super().upright(letter)


@pytest.mark.parametrize("depth", [3, 36])
def test_each_node_is_written_once(depth):
    text = f"x : ()\ny = {'exp(' * depth}x{')' * depth}\n"
    style = Counting()
    write = Typesetter(style, frozenset("xy"), {})
    write(derivation(text).definitions[0].links[0].node)
    assert style.count == depth


def test_each_link_stands_on_its_line():
    *_, last = statements(derivation("x : (N)\ny = x**2\ndx = 2 * dy * x\n   = dy * x * 2\n"))
    assert [link.line for link, _ in last.links] == [3, 4]
    assert [sign for _, sign, _ in last.rows] == ["=", "="]


@pytest.mark.parametrize("scope", SCOPES, ids=lambda scope: scope.title)
def test_every_derivation_can_be_written_in_every_style(scope):
    read = scope.derivation()
    assert_well_formed(typeset(read, "mathml"))
    assert_balanced(typeset(read, "latex"))
    (again,) = scopes_in_text(typeset(read, "text"), "again")
    assert typeset(again.derivation(), "latex") == typeset(read, "latex")


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_rule_can_be_written(cls):
    read = derivation_of(catalog.instances(cls)[0])
    assert_well_formed(typeset(read, "mathml"))
    assert_balanced(typeset(read, "latex"))


def assert_well_formed(text):
    expat.ParserCreate().Parse(text, True)


def assert_balanced(text):
    for opening, closing in [(r"(?<!\\)\{", r"(?<!\\)\}"), (r"\\left\b", r"\\right\b")]:
        assert len(re.findall(opening, text)) == len(re.findall(closing, text))
    assert not re.search(r"\\(partial|odot|cdot|times)[A-Za-z]", text)
