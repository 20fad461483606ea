"""`handgrad book` as its user sees it."""

from pathlib import Path

import pytest

NOTES = "# Square\n\n```derivation\nx : (N)\ny = x**2\ndx = {} * dy * x\n```\n"


@pytest.mark.parametrize(
    ("factor", "status", "says"), [(2, 0, "all that stands on them is right"), (3, 1, "Square")]
)
def test_notes_become_pages(handgrad, tmp_path, factor, status, says):
    notes = tmp_path / "notes.md"
    notes.write_text(NOTES.format(factor), encoding="utf-8")
    found, output, errors = handgrad("book", notes, "-o", tmp_path / "site")
    assert (found, errors) == (status, "")
    assert says in output
    assert (tmp_path / "site" / "index.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nowhere.md", "-o", "site"), "nowhere.md: No such file"),
        (("empty.md", "-o", "site"), "empty.md: there is nothing to write a page of"),
        (("notes.txt", "-o", "site"), "notes.txt must end in .md"),
        (("-o", "/dev/null"), "-o /dev/null is not a directory"),
        ((), "-o/--output"),
    ],
)
def test_what_cannot_be_made_is_said_in_one_sentence(
    handgrad, tmp_path, monkeypatch, arguments, says
):
    monkeypatch.chdir(tmp_path)
    Path("empty.md").touch()
    status, output, errors = handgrad("book", *arguments)
    assert (status, output) == (2, "")
    assert says in errors
    assert not Path("site").exists()


def test_a_folder_that_may_not_be_searched_is_said(handgrad, tmp_path, monkeypatch):
    def refusing(self, **_):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "exists", refusing)
    site = tmp_path / "closed" / "site"
    status, output, errors = handgrad("book", "-o", site)
    assert (status, output) == (2, "")
    assert errors == f"handgrad: {site} cannot be written: Permission denied\n"
