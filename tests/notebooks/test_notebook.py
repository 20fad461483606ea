"""What handgrad shows in a notebook, without one."""

import numpy as np
import pytest

from handgrad import Add, Affine, Layer, Parallel, ReLU, Residual, Sequential, check, verify

LATEX = "<!-- derivation: x : (N); loss L -->\n$$y = x + x$$\n$$L = \\sum_i y_i$$\n"


class Slip:
    """y = x² & more

    x : (N)
    y = x**2
    dx = 2 * dy * x
    """

    def forward(self, x):
        return x**2, (x,)

    def backward(self, residuals, dy):
        (x,) = residuals
        return (dy * x,)


def test_a_verdict_shows_its_status_its_diagnosis_and_its_script():
    verdict = verify(Slip())
    text = verdict._repr_html_()
    assert '<strong class="wrong">WRONG</strong>' in text
    assert verdict.diagnosis.split(":")[0] in text
    assert "<details><summary>to see it</summary>" in text
    assert text.count("<div") == text.count("</div>")


def test_a_report_shows_each_derivation_with_its_title():
    notes = "# {}\n\n```derivation\nx : (N)\ny = x**2\ndx = {}dy * x\n```\n"
    text = check(notes.format("A < B", "") + notes.format("C", "2 * "))._repr_html_()
    assert "A &lt; B: " in text
    assert (text.count("✓"), text.count("✗")) == (1, 1)


def test_a_report_on_what_cannot_be_typeset_shows_its_lines():
    assert "is not an expression" in check("x : (N)\ny = x *\n")._repr_html_()
    assert "equations" in check(LATEX)._repr_html_()


@pytest.mark.parametrize("backward", [False, True])
def test_a_net_shows_every_layer_in_its_place(backward):
    rng = np.random.default_rng(4)
    inner = Parallel(Layer(Add()), Layer(Affine(), np.eye(3), np.ones(3)), Sequential())
    net = Sequential(Residual(inner), Layer(ReLU()))
    if backward:
        net.forward(rng.normal(size=(5, 3)))
        net.backward(rng.normal(size=(5, 3)))
    text = net._repr_html_()
    names = ["Sequential", "  Residual", "    Parallel", "      Affine()", "      Sequential"]
    assert [text.index(f"<td>{name}<") for name in names] == sorted(
        text.index(f"<td>{name}<") for name in names
    )
    assert "12 parameters" in text
    norm = f"{np.linalg.norm(net.grads[0]):.3g}" if backward else ""
    assert f"<td>W</td><td>(3, 3)</td><td>{norm}</td>" in text


def test_a_net_says_what_it_is_made_of():
    net = Sequential(Layer(ReLU()), Parallel(Layer(Add()), Sequential()))
    assert repr(net) == "Sequential(Layer(ReLU()), Parallel(Layer(Add()), Sequential()))"
