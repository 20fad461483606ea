"""Equations that were written before the reader saw them: none is called wrong, and slips are found."""

import re
from pathlib import Path

import pytest

from handgrad.derivation.latex.section import sections_of
from handgrad.derivation.latex.verdict import judged

HERE = Path(__file__).parent
MARK = re.compile("⟦(?P<right>.*?)⇒(?P<wrong>.*?)⟧")
HEADING = re.compile(r"(?m)^(?=## |\\section)")
TITLE = re.compile(r"(?:## |\\section\{)([^}\n]*)")
UNREAD = {
    "Evaluated at a point": 2,  # values at a point
    "CTC forward variables": 1,  # indices in parentheses
    "Momentum form": 1,  # a derivative from one step to the next
    "Ng's notation": 1,  # a sample in a superscript behind a label
}
AMBIGUOUS = {("Temperature and log-sum-exp", "p z")}  # p z is a product of vectors, too
SOME, FEW = 4, 18  # of the sections, and of the slips, that are tried each time


def clean(text):
    return MARK.sub(lambda match: match["right"], text)


SECTIONS = {
    found[1]: part
    for name in ("blind.md", "blind.tex")
    for part in HEADING.split((HERE / name).read_text(encoding="utf-8"))
    if (found := TITLE.match(part))
}
SLIPS = [
    pytest.param(title, match, id=f"{title}: {match['wrong']}")
    for title, text in SECTIONS.items()
    for match in MARK.finditer(text)
    if (title, match["wrong"]) not in AMBIGUOUS
]


def verdict_on(text):
    (section,) = sections_of(text, "blind", "blind")
    return section, judged(section, 0)


def assert_held(title):
    """Read all equations but those that are known for not being read, and call none wrong."""
    _, verdict = verdict_on(clean(SECTIONS[title]))
    assert [str(link) for link in verdict.outcome.links if not link.ok] == []
    assert len(verdict.unread) == UNREAD.get(title, 0), verdict.unread


@pytest.mark.parametrize("title", [*SECTIONS][::SOME])
def test_no_right_equation_is_called_wrong(title):
    assert_held(title)


@pytest.mark.slow
@pytest.mark.parametrize("title", SECTIONS)
def test_no_right_equation_of_all_is_called_wrong(title):
    assert_held(title)


def test_the_corpus_is_as_large_as_it_should_be():
    found = [s for text in SECTIONS.values() for s in sections_of(clean(text), "blind", "blind")]
    assert len(found) == len(SECTIONS) >= 105
    assert sum(len(section.equations) for section in found) >= 360
    assert len(SLIPS) >= 180


def assert_found(title, match):
    """Report the slip on its own line, and none elsewhere but where it is used."""
    text = SECTIONS[title]
    before = clean(text[: match.start()])
    section, verdict = verdict_on(before + match["wrong"] + clean(text[match.end() :]))
    line = 1 + before.count("\n")
    starts = [side[0].line for e in section.equations for side in e.sides]
    wrong = {link.line for link in verdict.outcome.links if not link.ok}
    wrong |= {at for at, *_ in verdict.unread}
    assert max(start for start in starts if start <= line) in wrong


@pytest.mark.parametrize(("title", "match"), SLIPS[::FEW])
def test_a_slip_is_found_on_its_line(title, match):
    assert_found(title, match)


@pytest.mark.slow
@pytest.mark.parametrize(("title", "match"), SLIPS)
def test_every_slip_is_found_on_its_line(title, match):
    assert_found(title, match)
