"""Markdown as HTML: the part of it in which derivations are written.

Headings, paragraphs, lists, tables, fenced blocks, and in a line `code`, **bold**, *italic* and
[links](to). Everything else is text; HTML in a text is shown and not obeyed.
"""

import re
from dataclasses import dataclass
from html import escape

from handgrad.common.html import pre
from handgrad.derivation.sources import FENCE, HEADING, WORD

ITEM = re.compile(r"\s{0,3}(?P<mark>[*+-]|\d{1,9}[.)])\s+(?P<text>.*)")
RULE = re.compile(r"\s{0,3}\|?\s*:?-{2,}:?\s*(\|\s*:?-+:?\s*)*\|?\s*")
INLINE = re.compile(
    r"(?P<ticks>`+)(?P<code>.+?)(?P=ticks)(?!`)"
    r"|\[(?P<text>[^\]\[]*)\]\((?P<to>[^()\s]*)\)"
    r"|\*\*(?P<strong>[^*\n]+)\*\*"
    r"|(?<!\w)\*(?P<em>[^*\s](?:[^*\n]*[^*\s])?)\*(?!\w)"
)


@dataclass(frozen=True)
class Block:
    """A piece of a document: its kind, its lines of text, and the number of the first one.

    A kind is "heading", "paragraph", "list", "table", "code" or "derivation"; `level` is that of a
    heading, and `info` what stands behind the fence of code.
    """

    kind: str
    lines: tuple[str, ...]
    number: int
    level: int = 0
    info: str = ""

    @property
    def last(self):
        return self.number + len(self.lines) - 1


def blocks_of(text):
    """The blocks of a Markdown text, in their order."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    found, i = [], 0
    while i < len(lines):
        if not lines[i].strip():
            i += 1
            continue
        block, i = _block(lines, i)
        found.append(block)
    return found


def _block(lines, i):
    """The block that begins at a line, and where the next one may begin."""
    if fence := FENCE.fullmatch(lines[i]):
        end = next((j for j in range(i + 1, len(lines)) if _closes(lines[j], fence)), len(lines))
        kind = "derivation" if fence["info"] == WORD else "code"
        return Block(kind, tuple(lines[i + 1 : end]), i + 2, info=fence["info"]), end + 1
    if heading := HEADING.fullmatch(lines[i]):
        title = heading["title"].strip().rstrip("#").rstrip()
        level = len(lines[i].strip()) - len(lines[i].strip().lstrip("#"))
        return Block("heading", (title,), i + 1, level), i + 1
    end = next((j for j in range(i + 1, len(lines)) if _ends(lines, j)), len(lines))
    kind = "paragraph"
    if "|" in lines[i] and end - i > 1 and RULE.fullmatch(lines[i + 1]):
        kind = "table"
    elif ITEM.fullmatch(lines[i]):
        kind = "list"
    return Block(kind, tuple(lines[i:end]), i + 1), end


def _closes(line, fence):
    match = FENCE.fullmatch(line)
    return match and match["fence"].startswith(fence["fence"]) and not match["info"]


def _ends(lines, j):
    """Whether a paragraph, a list or a table ends before a line."""
    return (
        not lines[j].strip()
        or FENCE.fullmatch(lines[j]) is not None
        or HEADING.fullmatch(lines[j]) is not None
        or bool(ITEM.fullmatch(lines[j]))
        > bool(ITEM.fullmatch(lines[j - 1]) or lines[j - 1][:1].isspace())
    )


def html_of(block):
    """A block of text as HTML."""
    match block.kind:
        case "heading":
            return f"<h{block.level}>{inline(block.lines[0])}</h{block.level}>"
        case "list":
            return _list(block.lines)
        case "table":
            return _table(block.lines)
        case "code" | "derivation":
            return pre("\n".join(block.lines))
    return f"<p>{inline(' '.join(line.strip() for line in block.lines))}</p>"


def inline(text):
    """A line of text with its emphasis, code and links."""
    parts, end = [], 0
    for match in INLINE.finditer(text):
        parts += [escape(text[end : match.start()]), _marked(match)]
        end = match.end()
    return "".join([*parts, escape(text[end:])])


def _marked(match):
    if match["code"] is not None:
        return f"<code>{escape(match['code'].strip() or match['code'])}</code>"
    if match["strong"] is not None:
        return f"<strong>{inline(match['strong'])}</strong>"
    if match["em"] is not None:
        return f"<em>{inline(match['em'])}</em>"
    if ":" in match["to"] and not match["to"].startswith(("https://", "http://")):
        return escape(match[0])
    return f'<a href="{escape(match["to"])}">{inline(match["text"])}</a>'


def _list(lines):
    items, numbered = [], False
    for line in lines:
        if match := ITEM.fullmatch(line):
            numbered = numbered or match["mark"][0].isdigit()
            items.append(match["text"])
        else:
            items[-1] += f" {line.strip()}"
    tag = "ol" if numbered else "ul"
    return f"<{tag}>{''.join(f'<li>{inline(item)}</li>' for item in items)}</{tag}>"


def _table(lines):
    head, _, *rows = [_cells(line) for line in lines]
    top = "".join(f"<th>{inline(cell)}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{inline(c)}</td>' for c in row)}</tr>" for row in rows)
    return (
        f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _cells(line):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
