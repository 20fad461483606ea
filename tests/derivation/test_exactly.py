"""A check says which links are proved, and needs no numbers where all of them are."""

import subprocess
import sys

import pytest

from handgrad import check
from handgrad.derivation import exactly
from handgrad.derivation.exactly import DOUBT, REFUSED
from handgrad.exact.proof import Proof

SIGMOID = "x : (N)\ny = 1 / (1 + exp(-x))\ndx = dy * y * (1 - y)\n"
WRONG = "x : (N, D)\ny = sum(x, axis=0)\ndx = dy / N * ones_like(x)\n"
STEP = "x : (N)\ny = where(x > 0, x, 0)\ndx = dy * (x > 0)\n"
ROUNDED = "x : () = 1\ny = exp(x) = 2.718\ndx = dy * y\n"


def links_of(text, **options):
    return check(text, **options).derivations[0].links


def test_a_proved_link_says_so():
    (link,) = links_of(SIGMOID)
    assert link.exact
    assert "proved" in link.proof


def test_a_link_that_needs_numbers_says_why():
    rounded, gradient = links_of(ROUNDED)
    assert rounded.ok
    assert not rounded.exact
    assert rounded.proof == "by numbers: a rounded number"
    assert gradient.exact


def test_a_wrong_link_is_wrong_and_refused():
    (link,) = links_of(WRONG)
    assert not link.ok
    assert not link.exact
    assert link.proof == "refused"
    assert "N times too small" in link.hint


def test_both_sides_of_a_comparison_are_proved_and_seen():
    (derivation,) = check(STEP).derivations
    assert derivation.ok
    assert derivation.links[0].exact


def test_a_branch_that_was_not_seen_stays_incomplete():
    (derivation,) = check("x : (N) positive\ny = where(x > 0, x, 0)\ndx = dy\n").derivations
    assert derivation.status == "INCOMPLETE"


def test_the_table_counts_what_is_proved():
    said = str(check(ROUNDED))
    assert said.splitlines()[1].split() == ["text", "2", "1", "PASS"]
    assert "2 links (1 exact)" in said


def test_links_in_json_say_whether_they_are_exact():
    (derivation,) = check(ROUNDED).to_dict()["derivations"]
    assert [link["exact"] for link in derivation["links"]] == [False, True]


def test_gradients_that_no_line_states_are_listed_without_numbers_too():
    (derivation,) = check("x : (N)\nw : (N)\ny = x * w\ndx = dy * w\n").derivations
    assert derivation.unstated == ["w"]
    assert derivation.links[0].exact


@pytest.mark.parametrize(
    ("text", "imported"), [(SIGMOID, "False"), (STEP, "False"), (ROUNDED, "True")]
)
def test_jax_is_imported_for_numbers_alone(text, imported):
    code = f"import sys, handgrad; handgrad.check({text!r}); print('jax' in sys.modules)"
    command = [sys.executable, "-c", code]
    assert (
        subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        == imported
    )


LATE = ("jax", "handgrad.rules", "handgrad.derivation.latex.parsing", "handgrad.derivation.diagnosis",
        "concurrent.futures", "numpy.fft", "numpy.ma")  # fmt: skip


def test_a_file_of_proofs_imports_nothing_that_it_does_not_need(tmp_path):
    path = tmp_path / "notes.md"
    path.write_text(f"# Notes\n\n```derivation\n{SIGMOID}```\n", encoding="utf-8")
    code = "import sys; from handgrad.cli.entry import main; status = main(['verify', sys.argv[1]])"
    code += f"; print(status, [name for name in {LATE} if name in sys.modules], file=sys.stderr)"
    command = [sys.executable, "-c", code, str(path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stderr == "0 []\n"


def test_numbers_are_compared_where_they_are_asked_for(monkeypatch):
    monkeypatch.setattr(exactly, "first_proofs", None)
    assert links_of(SIGMOID, numbers=True)[0].exact


@pytest.mark.parametrize(
    ("text", "proof", "said"),
    [(WRONG, Proof(proved=True, bits=99), DOUBT), (SIGMOID, Proof(refused=True), REFUSED)],
)
def test_where_the_two_disagree_the_link_says_so(monkeypatch, text, proof, said):
    monkeypatch.setattr(exactly, "prove_links", lambda *_: [proof])
    (link,) = links_of(text, numbers=True)
    assert not link.exact
    assert link.proof == said
    assert said in str(check(text, numbers=True)).replace("\n      ", " ")


def test_a_difference_below_rounding_is_seen():
    (link,) = links_of("x : (N)\ny = x\ndx = dy * (1 + 1e-17)\n")
    assert link.proof == REFUSED
