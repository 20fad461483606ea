"""Sections: headers, where equations stand, and what is said of a section as a whole."""

import json

import pytest

from handgrad import check
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.report import check_scopes
from handgrad.derivation.sources import scopes_in_markdown, scopes_of

RIGHT = "$$y = x^2$$\n$$\\nabla_x y = 2x$$\n"
WRONG = "$$\\nabla_x y = 3x$$\n"
UNREAD = "$$\\nabla_x y = \\Lambda x$$\n"
HEADER = "<!-- derivation: x : () -->\n"


def only(text):
    (found,) = check(text).derivations
    return found


def test_each_equation_is_counted():
    found = only(HEADER + RIGHT + WRONG + UNREAD)
    assert found.equations == {"define": 1, "hold": 1, "WRONG": 1, "NOT READ": 1}
    assert "4 equations: 1 define, 1 hold, 1 WRONG, 1 NOT READ → WRONG" in str(found)
    assert found.to_dict()["unread"] == [(5, 16, "Λ is not known")]


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (RIGHT, "PASS"),
        (RIGHT + WRONG, "WRONG"),
        (RIGHT + UNREAD, "INCOMPLETE"),
        (UNREAD, "INCOMPLETE"),
        ("$$y = x^2$$\n", "VACUOUS"),
        ("", "VACUOUS"),
        (RIGHT + "<!-- prose -->\n" + UNREAD, "PASS"),
        (RIGHT + "$$\\frac{\\partial y}{\\partial x}$$\n", "PASS"),
        (RIGHT + "$$\\Lambda = \\Gamma x$$\n", "INCOMPLETE"),
        (RIGHT + "$${\\nabla_x y = 3x} + 1$$\n", "INCOMPLETE"),
    ],
)
def test_a_section_passes_if_all_of_it_was_read_and_holds(text, status):
    assert only(f"# t\n{HEADER}{text}").status == status


def test_a_prose_mark_counts_for_one_equation():
    assert only(f"{HEADER}{RIGHT}<!-- prose -->\n{UNREAD}{WRONG}").status == "WRONG"


@pytest.mark.parametrize(
    "equation",
    [
        "$$\n{}\n$$",
        "\\[ {} \\]",
        "\\begin{{equation}}\n{}\n\\end{{equation}}",
        "\\begin{{align*}}\n{}\n\\end{{align*}}",
        "$$\\begin{{aligned}} {} \\end{{aligned}}$$",
        "${}$",
        "   - ${}$.",
        "> $$\n> {}\n> $$",
        "```math\n{}\n```",
    ],
)
def test_an_equation_is_found_wherever_it_stands(equation):
    claim = equation.format("\\frac{\\partial y}{\\partial x} = 3x")
    found = only(f"{HEADER}{RIGHT}\n{claim}\n")
    assert found.equations["WRONG"] == 1


@pytest.mark.parametrize(
    "text",
    [
        "```python\n$$\\nabla_x y = 3x$$\n```",
        "<!-- $$\\nabla_x y = 3x$$ -->",
        "costs $3 = x$ or $4",
    ],
)
def test_what_is_not_an_equation_is_left_alone(text):
    assert only(f"{HEADER}{RIGHT}\n{text}\n").status == "PASS"


def test_equations_without_a_header_are_left_alone():
    assert scopes_in_markdown(f"# a\n{RIGHT}", "f") == []


def test_a_header_ends_at_the_next_header_and_at_a_heading():
    text = f"# a\n{HEADER}{RIGHT}## b\n{RIGHT}# c\n$$y = 3$$\n# d\n{HEADER}{RIGHT}{HEADER}{WRONG}"
    found = check(text).derivations
    assert [(d.title, sum(d.equations.values())) for d in found] == [
        ("a", 4),
        ("d, line 11", 2),
        ("d, line 14", 1),
    ]


def test_a_row_goes_on_where_it_begins_with_a_sign():
    chain = "$$\\begin{aligned}\\frac{dy}{dx} &= x \\\\ &+ x \\\\ &= 2x \\\\ &= 3x\\end{aligned}$$"
    found = only(f"{HEADER}$$y = x^2$$\n{chain}\n")
    assert [link.ok for link in found.links] == [True, True, False]


def test_several_equations_stand_on_one_line():
    found = only(
        HEADER + "$$y = x^2, \\quad u = 3y \\qquad \\frac{du}{dy} = 3,\\; \\frac{dy}{dx} = 2x$$\n"
    )
    assert found.equations == {"define": 2, "hold": 2}


def test_columns_part_equations_and_hold_remarks():
    rows = "y &= x^2 & u &= 3y \\\\ \\frac{du}{dy} &= 3 & \\frac{dy}{dx} &= 4x && \\text{(by the rule)}"
    found = only(f"{HEADER}\\begin{{align}}\n{rows}\n\\end{{align}}\n")
    assert found.equations == {"define": 2, "hold": 1, "WRONG": 1}


def test_shapes_in_the_text_are_givens():
    text = "<!-- derivation: loss L -->\nLet $X \\in \\mathbb{R}^{N \\times D}$, $w \\in \\mathbb R^D$.\n"
    text += "$$y = Xw$$\n$$\\frac{\\partial L}{\\partial w} = X^\\top \\frac{\\partial L}{\\partial y}$$\n"
    assert only(text).status == "PASS"


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("x : N", "a shape stands in parentheses"),
        ("x : (N) nowhere", "there is no domain"),
        ("alias W", "is not of the form alias"),
        ("loss 3", "is not a name"),
        ("adjoint \\foo", "is not one of"),
        ("differentials D", "is not one of"),
        ("layout both", "is not a layout"),
    ],
)
def test_a_header_that_cannot_be_read_says_why(header, says):
    said = only(f"\n<!-- derivation: {header} -->\n$$y = x$$\n").error
    assert says in said
    assert said.startswith("2:")


def test_a_header_that_cannot_be_read_stops_its_own_section_alone():
    text = f"# one\n<!-- derivation: loss -->\n{RIGHT}# two\n{HEADER}{RIGHT}"
    assert [found.status for found in check(text).derivations] == ["ERROR", "PASS"]


def test_a_header_may_take_several_lines():
    text = "<!-- derivation:\nx : (n)\ny = 2 * x; z = y**2\n-->\n$$\\frac{\\partial z}{\\partial y} = 2y$$\n"
    assert only(text).status == "PASS"


def test_a_tex_file_is_read(tmp_path):
    path = tmp_path / "paper.tex"
    body = "\\section{One}\n% derivation: x : ();\n%  a : ()\n\\[ y = a x^2 % a comment\n\\]\n"
    path.write_text(
        body + "\\begin{equation}\n\\frac{dy}{dx} = 3ax\n\\end{equation}\n", encoding="utf-8"
    )
    (found,) = check_scopes(scopes_of(str(path)), 0)
    assert (found.title, found.status) == ("One", "WRONG")
    assert [link.line for link in found.links] == [7]


def test_a_notebook_is_read_where_its_lines_stand(tmp_path):
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": ["# One\n", HEADER, "$$y = x^2$$"]},
        {"cell_type": "code", "metadata": {}, "source": ["x = 1\n"], "outputs": []},
        {"cell_type": "markdown", "metadata": {}, "source": ["then\n", "$$\\frac{dy}{dx} = 3x$$"]},
    ]
    path = tmp_path / "notes.ipynb"
    path.write_text(json.dumps({"cells": cells}, indent=1), encoding="utf-8")
    (found,) = check_scopes(scopes_of(str(path)), 0)
    assert found.status == "WRONG"
    row = path.read_text(encoding="utf-8").split("\n")[found.links[0].line - 1]
    assert "frac{dy}{dx} = 3x" in row
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    (found,) = check_scopes(scopes_of(str(path)), 0)
    assert found.status == "WRONG"


def test_what_is_not_a_notebook_says_so(tmp_path):
    path = tmp_path / "notes.ipynb"
    path.write_text("[1, 2]", encoding="utf-8")
    with pytest.raises(DerivationError, match="not a notebook"):
        scopes_of(str(path))


def test_fenced_derivations_and_equations_share_a_file():
    text = (
        f"# a\n```derivation\nx : ()\ny = x**2\ndx = 2 * x * dy\n```\n# b\n{HEADER}{RIGHT}{WRONG}"
    )
    assert [(d.title, d.status) for d in check(text).derivations] == [("a", "PASS"), ("b", "WRONG")]


JACOBIANS = """<!-- derivation: A : (m, n); B : (k, m); x : (n){} -->
$$y = Ax, \\quad z = By$$
$$\\frac{{\\partial y}}{{\\partial x}} = {}$$
$$\\frac{{\\partial z}}{{\\partial y}} = {}$$
"""


@pytest.mark.parametrize(
    ("layout", "first", "second", "wrong"),
    [
        ("", "A", "B", []),
        ("", "A^\\top", "B^\\top", []),
        ("", "A", "B^\\top", [4]),
        ("; layout denominator", "A", "B^\\top", [3]),
        ("; layout numerator", "A^\\top", "B^\\top", [3, 4]),
    ],
)
def test_the_jacobians_of_a_section_are_in_one_layout(layout, first, second, wrong):
    found = only(JACOBIANS.format(layout, first, second))
    assert [link.line for link in found.links if not link.ok] == wrong
    assert not found.unread


@pytest.mark.parametrize(("layout", "status"), [("numerator", "PASS"), ("denominator", "WRONG")])
def test_a_derivative_by_a_matrix_is_transposed_in_the_numerator_layout(layout, status):
    text = f"<!-- derivation: A : (n, m); X : (m, n); layout {layout} -->\n"
    assert (
        only(
            text + "$$f = \\operatorname{tr}(AX)$$\n$$\\frac{\\partial f}{\\partial X} = A$$\n"
        ).status
        == status
    )


def test_a_gradient_is_not_wrong_where_a_definition_was_not_read():
    text = "<!-- derivation: x : (); loss L -->\n$$u = x^2$$\n$$y = \\Lambda u$$\n"
    found = only(text + "$$\\frac{\\partial L}{\\partial x} = 3 x$$\n")
    assert found.status == "INCOMPLETE"
    assert [words for *_, words in found.unread] == ["Λ is not known", "a definition was not read"]


def test_what_is_named_on_the_way_back_is_not_the_output():
    text = "<!-- derivation: x : (n); loss L -->\n$$y = \\tanh x$$\n$$s = 1 - y^2$$\n"
    text += "$$\\frac{\\partial L}{\\partial x} = s \\frac{\\partial L}{\\partial y}$$\n"
    assert only(text).status == "PASS"
