"""HTML for notebooks: a frame with its style, tables, and a status in its colour."""

from html import escape

STYLE = """
.handgrad-note { --right: #1a7f37; --wrong: #b42318; --line: #8c959f55; line-height: 1.5; }
@media (prefers-color-scheme: dark) { .handgrad-note { --right: #56d364; --wrong: #ff7b72; } }
[data-jp-theme-light="true"] .handgrad-note { --right: #1a7f37; --wrong: #b42318; }
[data-jp-theme-light="false"] .handgrad-note { --right: #56d364; --wrong: #ff7b72; }
.handgrad-note .right { color: var(--right); }
.handgrad-note .wrong { color: var(--wrong); }
.handgrad-note table { border-collapse: collapse; }
.handgrad-note :is(th, td) { padding: .1rem .6rem; text-align: right; vertical-align: top; }
.handgrad-note :is(th, td):first-child { text-align: left; white-space: pre; }
.handgrad-note thead tr:last-child { border-bottom: 1px solid var(--line); }
.handgrad-note .derivation { display: grid; align-items: center; gap: .4rem .5rem; margin: .5rem 0;
  grid-template-columns: repeat(3, max-content) minmax(1.5rem, 1fr); overflow: auto hidden; padding: .2rem 0; }
.handgrad-note .derivation > div:nth-child(4n + 1) { text-align: right; }
.handgrad-note .derivation > div:nth-child(4n) { padding-left: 1rem; text-align: left; }
.handgrad-note svg { height: auto; }
"""


def noted(*parts):
    """The output of a cell, which brings its own style."""
    return f'<div class="handgrad-note"><style>{STYLE}</style>{"".join(parts)}</div>'


def status(word, *, ok):
    """A status in its colour."""
    return f'<strong class="{"right" if ok else "wrong"}">{escape(word)}</strong>'


def pre(text, kind=""):
    """A text as it stands."""
    kind = f' class="{kind}"' if kind else ""
    return f"<pre{kind}><code>{escape(text)}</code></pre>"


def folded(title, body):
    """Something that opens at a click on its title."""
    return f"<details><summary>{escape(title)}</summary>{body}</details>"


def table(heads, rows):
    """A table. A row has a title and its cells; one of the heads may span several columns."""
    wide = max(len(cells) for _, cells in (*heads, *rows))
    top = "".join(_row("th", title, cells, wide) for title, cells in heads)
    body = "".join(_row("td", title, cells, wide) for title, cells in rows)
    return f'<div class="wide"><table><thead>{top}</thead><tbody>{body}</tbody></table></div>'


def _row(tag, title, cells, wide):
    span = wide // max(1, len(cells))
    spanned = f' colspan="{span}"' if span > 1 else ""
    found = "".join(f"<{tag}{spanned}>{escape(str(cell))}</{tag}>" for cell in cells)
    return f"<tr><{tag}>{escape(title)}</{tag}>{found}</tr>"
