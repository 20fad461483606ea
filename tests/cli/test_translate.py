"""`handgrad translate`, and `handgrad verify` on equations of LaTeX."""

import json

import pytest

NOTES = """# One

<!-- derivation: x : (n); A : (m, n); loss L -->

$$y = A x$$
$$\\frac{\\partial L}{\\partial x} = A^\\top \\frac{\\partial L}{\\partial y}$$
"""
UNREAD = "$$\\frac{\\partial L}{\\partial A} = \\Lambda x^\\top$$\n"


@pytest.fixture
def notes(tmp_path):
    def write(text):
        path = tmp_path / "notes.md"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_each_equation_is_written_in_the_notation(handgrad, notes):
    status, output, _ = handgrad("translate", notes(NOTES))
    assert status == 0
    assert output.split("\n\n") == [
        "# One",
        "    x : (n)\n    A : (m, n)",
        "5: y = A x\n    y = A @ x",
        "6: \\frac{\\partial L}{\\partial x} = A^\\top \\frac{\\partial L}{\\partial y}\n    dx = A.T @ dy",
        "",
    ]


def test_an_equation_that_was_not_read_makes_the_status_1(handgrad, notes):
    status, output, _ = handgrad("translate", notes(NOTES + UNREAD))
    assert status == 1
    assert "7:35: NOT READ: Λ is not known" in output


def test_a_file_without_a_header_says_what_to_do(handgrad, notes):
    status, _, errors = handgrad("translate", notes("```derivation\nx : ()\ny = x\n```\n"))
    assert status == 2
    assert "<!-- derivation:" in errors
    assert handgrad("translate", "ReLU")[0] == 2


def test_verify_counts_the_equations(handgrad, notes):
    status, output, _ = handgrad("verify", notes(NOTES + UNREAD))
    assert status == 1
    assert "3 equations: 1 define, 1 hold, 1 NOT READ → INCOMPLETE" in output
    assert "NOT READ: Λ is not known" in " ".join(output.split())


def test_verify_writes_the_counts_as_json(handgrad, notes):
    status, output, _ = handgrad("verify", "--json", notes(NOTES + UNREAD))
    (found,) = json.loads(output)["derivations"]
    assert status == 1
    assert not found["ok"]
    assert found["equations"] == {"define": 1, "hold": 1, "NOT READ": 1}
    assert found["unread"] == [[7, 35, "Λ is not known"]]


def test_a_section_is_drawn_as_it_was_read(handgrad, notes):
    status, output, _ = handgrad("draw", notes(NOTES))
    assert status == 0
    assert "@" in output
