"""Texts from strangers: each gets a result or one sentence, soon, and nothing of it is executed."""

import json
import re
import subprocess
import sys
import time

import pytest

from handgrad.derivation import report
from handgrad.derivation.checking import check_links
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.report import check
from handgrad.derivation.sources import scopes_in_markdown
from tests.derivation.bombs import BOMBS
from tests.derivation.fuzz import peak_memory

SECONDS = 5  # of a busy machine
START = "x : (N, D)\ny = x * 2\n"
DEEP = 300
LINES = [
    # what Python would run
    "z = __import__('os')",
    "z = ().__class__",
    "z = x.__class__",
    "z = (lambda a: a)(x)",
    "z = [a for a in x]",
    "z = f'{x}'",
    "z = (a := x)",
    "z = x.T.T.base",
    "z = x.dtype",
    "z = x.tofile",
    "z = x.data",
    "z = x.T(x)",
    "z = (x)(x)",
    "z = exp.T",
    "z = exp(exp)",
    "z = exp(*x)",
    "z = sum(x, **x)",
    "z = sum(x, out=x)",
    "z = sum(x, 0, x)",
    "z = exp(x, x)",
    "z = norm()",
    "z = where(x)",
    "z = yield x",
    "z = await x",
    "z = x if x else x",
    "z = x and x",
    "z = {1: x}",
    "del x",
    "import os",
    "$(rm)",
    "a : (yield x)",
    "a : (b := 3)",
    "a : (lambda: 0)",
    "a : () = open('f')",
    "t : (N) label(exec('1'))",
    # what is not an array
    "dx = (((x, 0.5), 1) + 1)",
    "dx = ((x, 0.5), 1)",
    # what is too large
    "z = 9**9**9",
    "z = 10**1000",
    "z = 2**-5000",
    "z = " + "9" * 1900,
    "z = (1,)*10**9",
    "z = x.shape * 10**9",
    "z = arange(10**12)",
    "z = arange(2**53)",
    "z = ones((10**6, 10**6))",
    "z = eye(10**6)",
    "z = one_hot(x, 10**12)",
    "z = diag(arange(100000))",
    "z = broadcast_to(x, (10**9,))",
    "z = reshape(x, (10**6, -1))",
    "z = take(x, (10**9,))",
    "z = take(x, arange(100000))",
    "z = take_along_axis(x, arange(100000)[None, :], axis=0)",
    "z = cumsum(x, axis=10**9)",
    "z = x[10**9]",
    "z = einsum('ab,cd,ef,gh,ij,kl,mn->abcdefghijklmn', x, x, x, x, x, x, x)",
    "a : (1, 100000)\nb : (100000, 1)\nz = einsum('ij,ij->ij', a, b)",
    "a : (1, 100000)\nb : (100000, 1)\nz = einsum('...i,...i->...', a, b)",
    "a : (100000)\nz = a[:, None] * a[None, :]",
    "a : (100000)\nz = outer(a, outer(a, a))",
    "a : (100000, 1, 1)\nb : (1000, 1, 1, 1)\nz = a @ b",
    "a : (100000, 1)\nb : (1, 100000)\nz = add(a, b)",
    "a : (100000, 1)\nb : (1, 100000)\nc : (100000)\nz = affine(a, b, c)",
    "a : (1, 1, 8, 8)\nz = im2col(a, padding=(10**9, 10**9))",
    "a : (1, 1, 8, 8)\nz = conv2d(a, a, a, padding=(5000, 5000))",
    "a : ()\nz = copy(a, copies=10**6)",
    "a : (10**9)",
    "a : (2**40) = 1",
    "a : (3) = 10**30",
    "t : (N, 10**5) label(10**12)",
    "z = x + " + "(" * DEEP + "1" + ")" * DEEP,
    "z = " + "-" * 1500 + "x",
    "z = " + "x+" * 900 + "x",
    "z = " + "not " * DEEP + "x",
    "z = " + "x + " * 30_000,
    "z = concat((" + "x," * 500 + "))",
    # what is no text
    "z\0 = x",
    "z = '\ud800'",
    "z = x\u202e + 1",
    "z = \\",
    "z = 'a' * 2",
    "z = b'a'",
    "z = 1j * x",
    "z = (-8)**0.5",
    "z = ...",
    "z = None + x",
    "z = einsum(x, x)",
    "z = einsum('" + "i" * 70 + "', x)",
    "z = 0x1for x",
    "z = 1if 1else 2",
    "z = '\\d'",
    "z : (N) = 1 = 2",
    "z =",
    "z = = x",
    "z = x; y",
    "for : (N)",
    "N : (N)",
    "dx : (N)",
    "dX = 2 * dy",
    "q = dy\ndq = dy",
    "dz = dx\ndx = 2 * dy",
    "a : (N) nowhere",
    "a : (N)" + " " * 1900 + "!",
    "a : (-1)",
    "a : (1.5)",
    "a : (N == D)",
    "a, b = x",
    "a, a = x, x",
    "dx, z = x, x",
    "p, q = dy",
    "None = x",
    "x.T = 1",
    "δx = 1",
]
TEXTS = {
    "an open fence": "```derivation\nx : (N)\n",
    "a block of 10,000 lines": "```derivation\nx : (N)\n" + "x = x\n" * 10_000 + "```\n",
    "a block of 10,000 inputs": "```derivation\n"
    + "".join(f"x{i} : (N)\n" for i in range(10_000))
    + "```\n",
}
HARMLESS = {
    "a heading of spaces": "# " + " " * 50_000 + "x",
    "a heading of signs": "# " + "# " * 20_000 + "x",
    "a fence of spaces": "```" + " " * 50_000 + "!",
    "a wall of fences": "```derivation\n```\n" * 5_000,
    "a wall of headings": "#\n# \n" * 5_000,
    "a wall of backticks": "`" * 100_000,
    "nothing": "",
}


def faults(text):
    """What is wrong with the derivations in a text, line by line."""
    results = [
        r for scope in scopes_in_markdown(text, "f") for r in check_links(scope.derivation())
    ]
    return [result for result in results if not result.ok]


def refusals(text):
    """What is said against a text: its faults, or what keeps it from being read."""
    try:
        return faults(text)
    except DerivationError as error:
        return [error]


def assert_is_refused(text):
    start = time.thread_time()
    found = refusals(text)
    assert time.thread_time() - start < SECONDS
    assert found
    assert all(len(str(refusal).splitlines()) == 1 and refusal.line for refusal in found)


@pytest.fixture(scope="module", autouse=True)
def _loaded():
    """JAX and the references are loaded by one check, which the time of another is not to hold."""
    assert not faults(f"```derivation\n{START}z = add(x, y)\n```\n")


@pytest.mark.parametrize(
    "line", LINES, ids=lambda line: line[:40].encode("unicode_escape").decode()
)
def test_a_hostile_line_is_refused_in_one_sentence(line):
    assert_is_refused(f"```derivation\n{START}{line}\n```\n")


@pytest.mark.parametrize("name", TEXTS)
def test_a_hostile_file_is_refused_in_one_sentence(name):
    assert_is_refused(TEXTS[name])


@pytest.mark.parametrize("name", HARMLESS)
def test_a_file_without_derivations_is_read_at_once(name):
    start = time.thread_time()
    assert scopes_in_markdown(HARMLESS[name], "f") == []
    assert time.thread_time() - start < SECONDS


@pytest.mark.parametrize("text", BOMBS, ids=lambda text: text[:60].replace("\n", ";"))
def test_a_bomb_is_answered_within_five_seconds_and_500_megabytes(text):
    begin, before = time.thread_time(), peak_memory()
    said = re.sub(r"\s+", " ", str(check(text)))
    assert time.thread_time() - begin < 5
    assert peak_memory() - before < 500 * 2**20
    assert any(words in said for words in BOMBS[text].split("|"))


@pytest.mark.parametrize("field", ["[0] * 3", "'text'", "{1: 2}", "[[1]]", "{1}", "b'bytes'"])
def test_a_field_that_is_not_a_number_is_not_multiplied(tmp_path, field):
    source = f'class A:\n    """y = x\n\n        x : (N)\n        y = x * sum(f * 10**9)\n    """\n\n    f: object = {field}\n'
    path = tmp_path / "a.py"
    path.write_text(source, encoding="utf-8")
    (derivation,) = check(path).derivations
    assert derivation.error
    assert len(derivation.error.splitlines()) == 1


def test_time_is_shared_by_all_derivations_of_a_text(monkeypatch):
    monkeypatch.setattr(report, "SECONDS", 0.0)
    monkeypatch.setattr(report, "SECONDS_A_LINE", 0.0)
    text = "# a\n```derivation\nx : (N)\ny = x\n```\n"
    assert all("longer" in derivation.error for derivation in check(text + text).derivations)


def test_mutated_and_random_texts_have_a_result_or_one_sentence_and_nothing_is_executed():
    command = [sys.executable, "-m", "tests.derivation.fuzz", "1500"]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert found["texts"] == 1500
    assert found["run"] >= 150
    assert found["checked"] >= 80
    assert found["slowest"] < SECONDS
    assert found["megabytes"] < 500
    assert found["surprises"] == []


@pytest.mark.parametrize("text", ["x : (N)\ny = 1or x\n", "x : (N)\ny = einsum('\\d', x)\n"])
def test_the_parser_prints_no_warning(text, recwarn):
    assert not check(text)
    assert not recwarn
