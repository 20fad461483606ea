"""Markdown as HTML: the part of it in which derivations are written.

Headings, paragraphs, lists, tables, quotations, rules, fenced blocks, displays of LaTeX, and in a
line `code`, $x^2$, **bold**, *italic*, [links](to) and ![images](of). Comments are not shown.
Everything else is text; HTML in a text is shown and not obeyed.
"""

import re
from dataclasses import dataclass, replace
from html import escape

from handgrad.common.html import pre
from handgrad.derivation.latex.blocks import pieces_of
from handgrad.derivation.sources import FENCE, HEADING, WORD
from handgrad.pages.formulas import formula

ITEM = re.compile(r"\s{0,3}(?P<mark>[*+-]|\d{1,9}[.)])\s+(?P<text>.*)")
RULE = re.compile(r"\s{0,3}\|?\s*:?-{2,}:?\s*(\|\s*:?-+:?\s*)*\|?\s*")
BREAK = re.compile(r"\s{0,3}(?P<mark>[-*_])(?:[ \t]*(?P=mark)){2,}\s*")
QUOTE = re.compile(r"[ ]{0,3}(?:>\s*)+")
MOST_COMMENTED = 200  # lines of one comment
INLINE = re.compile(
    r"(?P<ticks>`+)(?P<code>.+?)(?P=ticks)(?!`)"
    r"|(?P<comment><!--(?:[^<]|<(?!!--))*?-->)"
    r"|(?<![\\$])\$(?![$\s])(?P<math>[^$\n]{1,300}?)(?<!\s)\$(?![$\d])"
    r"|!\[(?P<alt>[^\]\[]*)\]\((?P<source>[^()\s]*)\)"
    r"|\[(?P<text>[^\]\[]*)\]\((?P<to>[^()\s]*)\)"
    r"|\*\*(?P<strong>[^*\n]+)\*\*"
    r"|(?<!\w)\*(?P<em>[^*\s](?:[^*\n]*[^*\s])?)\*(?!\w)"
)


@dataclass(frozen=True)
class Block:
    """A piece of a document: its kind, its lines of text, and the number of the first one.

    A kind is "heading", "paragraph", "list", "table", "quote", "break", "comment", "code",
    "derivation" or "equation"; `level` is that of a heading, and `info` what stands behind the fence
    of code.
    """

    kind: str
    lines: tuple[str, ...]
    number: int
    level: int = 0
    info: str = ""

    @property
    def last(self):
        return self.number + len(self.lines) - 1


def with_newlines(text):
    """A text of which each line ends with a newline alone."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def blocks_of(text):
    """The blocks of a Markdown text, in their order."""
    text = with_newlines(text)
    found, at, number = [], 0, 1
    for begin, end in [*_displays(text), (len(text), len(text))]:
        found += _between(text[at:begin], number)
        number += text.count("\n", at, begin)
        if begin < end:
            found.append(Block("equation", tuple(text[begin:end].rstrip().split("\n")), number))
        number += text.count("\n", begin, end)
        at = end
    return found


def _displays(text):
    """Where each display of LaTeX begins and ends."""
    kinds = {"equation", "unclosed"}
    return [piece.span for piece in pieces_of(text) if piece.kind in kinds]


def _between(text, number):
    """The blocks of a text without displays, of which the first line has a number."""
    lines, found, i = text.split("\n"), [], 0
    while i < len(lines):
        if not lines[i].strip():
            i += 1
            continue
        block, i = _block(lines, i)
        found.append(replace(block, number=block.number + number - 1))
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
    if BREAK.fullmatch(lines[i]):
        return Block("break", (lines[i],), i + 1), i + 1
    if end := _end_of_comment(lines, i):
        return Block("comment", tuple(lines[i:end]), i + 1), end
    end = next((j for j in range(i + 1, len(lines)) if _ends(lines, j)), len(lines))
    return Block(_kind(lines[i:end]), tuple(lines[i:end]), i + 1), end


def _end_of_comment(lines, i):
    """Where the comment ends with which a line begins; 0 if there is none, or it is not closed."""
    if not lines[i].lstrip().startswith("<!--"):
        return 0
    ahead = enumerate(lines[i : i + MOST_COMMENTED], i + 1)
    return next((end for end, line in ahead if "-->" in line), 0)


def _kind(lines):
    """What lines that stand together are."""
    if "|" in lines[0] and len(lines) > 1 and RULE.fullmatch(lines[1]):
        return "table"
    if QUOTE.match(lines[0]):
        return "quote"
    return "list" if ITEM.fullmatch(lines[0]) else "paragraph"


def _closes(line, fence):
    match = FENCE.fullmatch(line)
    return match and match["fence"].startswith(fence["fence"]) and not match["info"]


def _ends(lines, j):
    """Whether a paragraph, a list, a quotation or a table ends before a line."""
    return (
        not lines[j].strip()
        or BREAK.fullmatch(lines[j]) is not None
        or bool(QUOTE.match(lines[j])) > bool(QUOTE.match(lines[j - 1]))
        or FENCE.fullmatch(lines[j]) is not None
        or HEADING.fullmatch(lines[j]) is not None
        or bool(ITEM.fullmatch(lines[j]))
        > bool(ITEM.fullmatch(lines[j - 1]) or lines[j - 1][:1].isspace())
    )


def html_of(block):
    """A block of text as HTML."""
    return SHOWN[block.kind](block)


def _heading(block):
    return f"<h{block.level}>{inline(block.lines[0])}</h{block.level}>"


def _paragraph(block):
    text = inline(" ".join(line.strip() for line in block.lines))
    return f"<p>{text}</p>" if text.strip() else ""


def _quote(block):
    inside = blocks_of("\n".join(QUOTE.sub("", line, count=1) for line in block.lines))
    return f"<blockquote>{''.join(map(html_of, inside))}</blockquote>"


def _as_it_stands(block):
    return pre("\n".join(block.lines))


def inline(text):
    """A line of text with its emphasis, code and links."""
    parts, end = [], 0
    for match in INLINE.finditer(text):
        parts += [escape(text[end : match.start()]), _marked(match)]
        end = match.end()
    return "".join([*parts, escape(text[end:])])


def _marked(match):
    """What one mark of a line encloses."""
    text = match[match.lastgroup]
    match match.lastgroup:
        case "code":
            return f"<code>{escape(text.strip() or text)}</code>"
        case "math":
            return formula(text) or f"<code>{escape(text)}</code>"
        case "strong" | "em" as tag:
            return f"<{tag}>{inline(text)}</{tag}>"
        case "source":
            return _image(match)
        case "to":
            return _link(match)
    return ""  # a comment


def _link(match):
    if ":" in match["to"] and not match["to"].startswith(("https://", "http://")):
        return escape(match[0])
    return f'<a href="{escape(match["to"])}">{inline(match["text"])}</a>'


def _image(match):
    """An image that lies beside the page, or comes over https; of any other, the text."""
    source = match["source"]
    if source.startswith("//") or (":" in source and not source.startswith("https://")):
        return escape(match[0])
    return f'<img src="{escape(source)}" alt="{escape(match["alt"])}">'


def _list(block):
    items, numbered = [], False
    for line in block.lines:
        if match := ITEM.fullmatch(line):
            numbered = numbered or match["mark"][0].isdigit()
            items.append(match["text"])
        else:
            items[-1] += f" {line.strip()}"
    tag = "ol" if numbered else "ul"
    return f"<{tag}>{''.join(f'<li>{inline(item)}</li>' for item in items)}</{tag}>"


def _table(block):
    head, _, *rows = [_cells(line) for line in block.lines]
    top = "".join(f"<th>{inline(cell)}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{inline(c)}</td>' for c in row)}</tr>" for row in rows)
    return (
        f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _cells(line):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


SHOWN = {
    "heading": _heading,
    "paragraph": _paragraph,
    "comment": _paragraph,  # what stands behind it
    "list": _list,
    "table": _table,
    "quote": _quote,
    "break": lambda _: "<hr>",
    "code": _as_it_stands,
    "derivation": _as_it_stands,
    "equation": _as_it_stands,
}
