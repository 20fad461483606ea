"""Files and texts with derivations: what is read, and what is refused."""

import os
import re
from pathlib import Path

import pytest

from handgrad import ReLU, check
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.sources import MAX_BYTES, scopes_in_markdown

RIGHT = "x : (N)\ny = x**2\ndx = 2 * dy * x\n"
WRONG = RIGHT.replace("2 * dy", "dy")
BLOCK = "```derivation\n{}```\n"


def written(tmp_path, data):
    path = tmp_path / "notes.md"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def test_a_path_and_its_text_are_checked_alike(tmp_path):
    text = BLOCK.format(WRONG)
    path = written(tmp_path, text)
    assert [d.links for d in check(path).derivations] == [d.links for d in check(text).derivations]
    assert not check(str(path))


def test_a_report_is_printed_as_the_command_prints_it(tmp_path, handgrad):
    path = written(tmp_path, f"# One\n{BLOCK.format(RIGHT)}# Two\n{BLOCK.format(WRONG)}")
    status, output, _ = handgrad("verify", path)
    assert status == 1
    assert str(check(path)).splitlines()[:-1] == output.splitlines()[:-1]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_byte_order_mark_and_line_ends_hide_nothing(tmp_path, mark, end):
    text = f"{BLOCK.format(WRONG)}\nand\n\n{BLOCK.format('z = y' + chr(10))}".replace("\n", end)
    (derivation,) = check(written(tmp_path, mark + text.encode())).derivations
    assert [(link.line, link.ok) for link in derivation.links] == [(4, False)]


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\u2028", "\x85"])
def test_lines_are_counted_as_an_editor_counts_them(separator):
    text = f"a{separator}b\n{BLOCK.format(WRONG)}"
    assert check(text).derivations[0].links[0].line == 5


@pytest.mark.parametrize(
    "opening", ["``` derivation", "```derivation {.numbered}", "   ```derivation", "~~~derivation"]
)
def test_a_block_is_found_however_its_fence_is_written(opening):
    closing = "~~~" if "~" in opening else "```"
    assert not check(f"{opening}\n{WRONG}{closing}\n")


@pytest.mark.parametrize("info", ["python title='a b'", "{note}", "c++", "text, wide"])
def test_another_block_is_left_alone_whatever_its_fence_says(info):
    text = f"```{info}\ncode\n```\n{BLOCK.format(WRONG)}"
    assert not check(text)


def test_a_derivation_in_a_list_is_found():
    block = BLOCK.format(WRONG).replace("\n", "\n      ")
    assert not check(f"1. First,\n\n      {block}\n")


def test_a_block_that_is_not_closed_swallows_no_derivation():
    with pytest.raises(DerivationError, match="3: a derivation begins within the block of line 1"):
        scopes_in_markdown(f"```python\ncode\n{BLOCK.format(WRONG)}", "f")


def test_a_longer_fence_shows_a_block_without_its_being_one():
    shown = f"````markdown\n{BLOCK.format(WRONG)}````\n"
    assert scopes_in_markdown(shown, "f") == []


def test_titles_and_lines_from_strangers_cannot_move_the_cursor():
    text = "# a\x1b[2K\u202eb\n" + BLOCK.format("x : (2)\ny = einsum('\x1b[1A', x)\n")
    said = str(check(text))
    assert "a\ufffd[2K\ufffdb" in said
    assert said.replace("\n", "").isprintable()


def test_a_wrong_link_from_a_stranger_cannot_move_the_cursor():
    text = BLOCK.format("x : (2, 2)\ny = x.T\ndx = einsum('ij\x0c->ij', dy)\n")
    assert str(check(text)).replace("\n", "").isprintable()


def test_what_is_not_a_file_of_text_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "fifo.md")
    os.truncate(written(tmp_path, ""), 100 * 2**30)
    latin = tmp_path / "latin.md"
    latin.write_bytes(b"# \xe9\n")
    refusals = {
        tmp_path / "fifo.md": "not a regular file",
        tmp_path / "notes.md": f"more than {MAX_BYTES} bytes",
        latin: "not UTF-8",
        tmp_path: "directory",
        tmp_path / "none.md": "No such file",
        "/dev/zero": "not a regular file",
        "a\0b.md": "NUL",
    }
    for path, says in refusals.items():
        with pytest.raises(DerivationError, match=says):
            check(path)


def test_a_file_whose_name_is_not_utf_8_is_named_in_what_can_be_printed(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff.md"
    with Path(os.fsdecode(path)).open("w", encoding="utf-8") as file:
        file.write(BLOCK.format(WRONG))
    said = str(check(os.fsdecode(path)))
    assert "\ufffd.md:4: dx = dy * x" in re.sub(r"\s+", " ", said)
    assert said.encode()


def test_a_text_without_a_derivation_says_so():
    with pytest.raises(ValueError, match="no derivation in it"):
        check("# Nothing\n\nhere\n\n```python\n1\n```\n")


def test_an_empty_text_says_so():
    with pytest.raises(ValueError, match="no derivation in it"):
        check("\n")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("nofile.md", r"^'nofile\.md': No such file or directory$"),
        ("none.md#Heading", r"^'none\.md': No such file or directory$"),
        (
            "hello",
            r"^'hello': No such file .*; a text has a line break in it, and a rule is checked by verify",
        ),
        ("ReLU", r"is checked by verify\(ReLU\(\)\)$"),
        ("", "^'': No such file"),
        ("x = 1 " * 900, "^'x = 1 .*': File name too long; a text has a line break in it"),
    ],
)
def test_what_is_no_file_is_named_with_what_may_be_meant(source, says):
    with pytest.raises(DerivationError, match=says) as caught:
        check(source)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("source", [ReLU(), ReLU, 3, None])
def test_what_is_neither_a_text_nor_a_file_is_refused(source):
    with pytest.raises(TypeError, match="pass a text or a file; a rule is checked by verify"):
        check(source)
