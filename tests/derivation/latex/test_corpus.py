"""Equations as people write them: the right ones hold, a slip is found where it is, and no more."""

import functools
import re
from pathlib import Path

import pytest

from handgrad.derivation.latex.section import sections_of
from handgrad.derivation.latex.verdict import judged
from handgrad.derivation.report import check_scopes
from tests.derivation.latex.slips import SLIPS

HERE = Path(__file__).parent
MANY_SEEDS = range(2, 8)


def sections(name):
    """The sections of a corpus, by their titles."""
    text = (HERE / name).read_text(encoding="utf-8")
    return {section.title: section for section in sections_of(text, name, name)}


RIGHT, UNREADABLE = sections("right.md"), sections("unreadable.md")


@functools.cache
def report(title, seed=0):
    (found,) = check_scopes([RIGHT[title]], seed)
    return found


@functools.cache
def text_of(title):
    """The text of one section, from its heading on."""
    text = (HERE / "right.md").read_text(encoding="utf-8")
    (part,) = re.findall(rf"(?ms)^## {re.escape(title)}\n.*?(?=^## |\Z)", text)
    return part


@pytest.mark.parametrize("title", RIGHT)
def test_a_right_equation_holds_as_it_is_read(title):
    assert report(title).status == "PASS", str(report(title))


@pytest.mark.slow
@pytest.mark.parametrize("title", RIGHT)
def test_a_right_equation_holds_at_many_seeds(title):
    assert [seed for seed in MANY_SEEDS if report(title, seed).status != "PASS"] == []


def test_the_corpus_is_as_large_as_it_should_be():
    assert len(RIGHT) >= 50
    assert sum(len(section.equations) for section in RIGHT.values()) >= 200
    assert len(SLIPS) >= 100


@pytest.mark.parametrize("slip", SLIPS, ids=str)
def test_a_slip_is_reported_on_its_own_line_and_on_no_other(slip):
    before, right, after = text_of(slip.title).partition(slip.right)
    assert right
    (section,) = sections_of(before + slip.wrong + after, "slip.md", "slip")
    line = 1 + before.count("\n")
    starts = [side[0].line for e in section.equations for side in e.sides]
    verdict = judged(section, 0)
    wrong = {link.line for link in verdict.outcome.links if not link.ok}
    wrong |= {line for line, *_ in verdict.unread}
    assert wrong == {max(start for start in starts if start <= line)}


def test_most_slips_are_called_wrong_and_the_others_not_read():
    unread = [slip for slip in SLIPS if slip.wrong in NOT_READ]
    assert len(unread) <= 0.05 * len(SLIPS)


NOT_READ = ("= x^\\top x", "x_{n+k-2}")  # a number for a matrix; an index that leaves its array


def test_the_notes_hold_but_for_the_derivative_that_is_called_a_gradient():
    found = {d.title: d for d in check_scopes(sections("notes.md").values(), 0)}
    links = {title: [link for link in d.links if not link.ok] for title, d in found.items()}
    wrong = links.pop("A derivative for the upstream gradient")
    text = (HERE / "notes.md").read_text(encoding="utf-8").split("\n")
    assert [text[link.line - 1] for link in wrong] == [r"\frac{\partial L}{\partial y}=exp(x)"]
    assert not any(links.values())
    assert not any(d.unread or d.error for d in found.values())
    assert sum(len(d.links) for d in found.values()) == 24


@pytest.mark.parametrize("title", UNREADABLE)
def test_what_is_not_read_is_never_called_right_or_wrong(title):
    (found,) = check_scopes([UNREADABLE[title]], 0)
    assert found.status == "INCOMPLETE", str(found)
    assert found.unread
    assert all(len(words) <= 90 for *_, words in found.unread)
    assert all(link.ok for link in found.links)
