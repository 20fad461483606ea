"""LaTeX from strangers: a result or one sentence, soon, and nothing of it is executed."""

import contextlib
import json
import subprocess
import sys
import time

import pytest

from handgrad import check
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.latex.section import sections_of
from tests.derivation.latex.hostile import HEADER

SECONDS = 5
DEEP = 1000
EQUATIONS = {
    "fractions": r"\frac{" * 1300,
    "braces": "{" * DEEP + "x" + "}" * DEEP,
    "parentheses": "(" * DEEP + "x" + ")" * DEEP,
    "fences": r"\left(" * DEEP + "x" + r"\right)" * DEEP,
    "roots": r"\sqrt" * DEEP + "x",
    "accents": r"\hat" * DEEP + "x",
    "styles": r"\mathbf" * DEEP + "x",
    "boxes": r"\boxed{" * DEEP + "x" + "}" * DEEP,
    "sums": r"\sum_i" * 900 + "x_i",
    "powers": "x" + "^{x" * DEEP + "}" * DEEP,
    "towers": "9^{9^{9^{9^9}}} x",
    "logarithms": r"\log " * DEEP + "x",
    "logarithms of products": r"\log x v " * 300,
    "many factors": "v " * 1500,
    "many products": r"x W \cdot " * 300 + "x",
    "many quotients": r"v/v " * 300,
    "many cases": r"\begin{cases}" + r"x & x > 0 \\ " * 400 + r"\end{cases}",
    "nested cases": r"\begin{cases} " * 300 + "x" + r"\end{cases}" * 300,
    "a long number": "9" * 100_000,
    "a large range": r"\sum_{i=1}^{99999999999} x_{i1}",
    "a long sum": r"\sum_{i=" + "9" * 10_000 + "}^{D} v_i",
    "ones": r"\mathbf{1}" * 30,
    "identities": "I " * 30,
    "too long": "x + " * 5000 + "x",
    "a file": r"\input{/etc/passwd}",
    "a command of the shell": r"\immediate\write18{ls}",
    "a macro": r"\def\x{\x\x}\x",
    "no text": "\x00\x1b[2K\u202e\ud800",
}
TEXTS = {
    "many equations": HEADER + "$$y = x$$\n" * 60_000,
    "many openings": HEADER + r"\begin{align}\begin{equation}\[ " * 20_000,
    "dollars": HEADER + "$" * 300_000,
    "spaces": (" " * 1000 + "\n") * 900,
    "a line of spaces": HEADER + " " * 300_000 + "$",
    "comments": "<!-- derivation: " * 50_000,
    "fences of all lengths": HEADER + "\n".join("`" * k for k in range(1300, 2, -1)),
    "shapes": HEADER + r"$X \in \mathbb{R}^{N}$ " * 30_000,
    "an alias": "<!-- derivation: x : (N); alias " + "{" * 2000 + " = x -->\n$$y = x$$\n",
}


@pytest.mark.parametrize("name", EQUATIONS)
def test_a_hostile_equation_is_not_read_or_has_a_result(name):
    start = time.thread_time()
    (found,) = check(f"{HEADER}$$y = {EQUATIONS[name]}$$\n").derivations
    assert time.thread_time() - start < SECONDS
    assert found.status in {"INCOMPLETE", "VACUOUS", "ERROR"}
    assert str(found).replace("\n", "").isprintable()


FOUND = (  # by a fuzz
    "<!-- derivation: r : () -->\n$$y = \\begin{cases} r & |r|  1 \\\\ -r & |r| > 1 \\end{cases}$$\n",
    "<!-- derivation: x : () -->\n$$y = \\begin{cases} & x > 0 \\\\ 0 & x \\le 0 \\end{cases}$$\n",
    "<!-- derivation: x : (); y : () -->\n$$t = x + y$$\n$$z=t^2$$\n$$\\frac{\\partial  }{\\partial t}\\frac{\\partial t}{\\partial x}=2$$\n",
)


@pytest.mark.parametrize("text", FOUND)
def test_what_a_fuzz_found_has_a_result(text):
    (found,) = check(text).derivations
    assert found.status in {"INCOMPLETE", "VACUOUS", "PASS"}


@pytest.mark.parametrize("name", TEXTS)
def test_a_hostile_text_is_divided_at_once(name):
    start = time.thread_time()
    with contextlib.suppress(DerivationError):
        sections_of(TEXTS[name], "f", "f")
    assert time.thread_time() - start < SECONDS


@pytest.mark.parametrize("texts", [150, pytest.param(20_000, marks=pytest.mark.slow)])
def test_mutated_and_random_equations_have_a_result_or_one_sentence(texts):
    command = [sys.executable, "-m", "tests.derivation.latex.hostile", str(texts)]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert found["texts"] == texts
    assert found["read"] >= texts / 10
    assert found["slowest"] < SECONDS
    assert found["megabytes"] < 500
    assert found["surprises"] == []
