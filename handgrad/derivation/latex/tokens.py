r"""Tokens: `\frac{\partial L}{\partial W}` in pieces, each with its line and column."""

import re
from dataclasses import dataclass, replace

from handgrad.derivation.latex.errors import UnreadError

MAX_TOKENS = 4000
MAX_NUMBER = 30  # digits
PIECE = re.compile(
    r"(?P<space>\s+|%[^\n]*|\\[,;:!> ]|~)"
    r"|\\(?P<edge>begin|end)\s*\{(?P<name>[a-zA-Z]{1,20})\*?\}"
    r"|\\(?P<command>[a-zA-Z]+\*?|[^a-zA-Z])"
    r"|(?P<number>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
    r"|(?P<letter>[^\W\d_])"
    r"|(?P<sign>.)"
)
SPACES = {"quad", "qquad", "enspace", "thinspace", "hspace", "vspace"}
DROPPED = {
    "limits", "nolimits", "displaystyle", "textstyle", "scriptstyle", "nonumber", "notag",
    "left", "right", "middle", "big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr",
    "biggl", "biggr", "Biggl", "Biggr", "quad", "qquad", "enspace", "thinspace", "negthinspace",
    "normalsize", "small", "large", "hfill", "medspace", "thickspace", "allowbreak", "strut",
}  # fmt: skip
WITH_ARGUMENT = {
    "tag",
    "label",
    "color",
    "hspace",
    "vspace",
    "ref",
    "eqref",
    "phantom",
    "intertext",
}
SAME = {
    "lvert": "|", "rvert": "|", "vert": "|", "mid": "|", "lbrace": "\\{", "rbrace": "\\}",
    "lbrack": "[", "rbrack": "]", "lparen": "(", "rparen": ")", "gt": ">", "lt": "<", "ast": "*",
    "colon": ":", "land": "wedge", "dfrac": "frac", "tfrac": "frac", "cfrac": "frac",
    "lVert": "\\|", "rVert": "\\|", "Vert": "\\|", "parallel": "\\|", "leq": "le", "geq": "ge",
    "leqslant": "le", "geqslant": "ge", "neq": "ne", "intercal": "top", "Rightarrow": "implies",
    "Longrightarrow": "implies", "iff": "implies", "Leftrightarrow": "implies",
    "therefore": "implies", "coloneqq": "=", "triangleq": "=", "equiv": "=", "oslash": "/", "hadamard": "odot",
}  # fmt: skip


@dataclass(frozen=True)
class Token:
    r"""A piece of LaTeX: a letter, a number, a sign, a command without its \, or an edge.

    `glued` says that it follows the piece before without a space.
    """

    kind: str
    text: str
    line: int
    column: int
    glued: bool = False

    def __str__(self):
        return f"\\{self.text}" if self.kind == "command" else self.text


HEIGHT = re.compile(r"\s*\[-?[0-9.]{1,9}\s*(?:pt|em|ex|mm|cm|in|mu)\]")  # of the gap behind \\
NOTHING = re.compile(r"\s*\.")  # the delimiter that is none, as in \right.


def tokens_of(text, line, column=1):
    """The tokens of a text that begins at this line and column."""
    found, start, glued, at = [], column - 1, True, 0
    while match := PIECE.match(text, at):
        token = _token(match, line, at + start + 1, glued)
        glued = token is not None
        if token is not None:
            found.append(token)
        if len(match[0]) > MAX_NUMBER and match.lastgroup == "number":
            raise UnreadError("a number this long", line, 1)
        if len(found) > MAX_TOKENS:
            raise UnreadError("the equation is too long", line, 1)
        if "\n" in match[0]:
            line += match[0].count("\n")
            start = -(at + match[0].rindex("\n") + 1)
        at = match.end()
        if match["command"] in WITH_ARGUMENT:
            at = _after_argument(text, at)
        elif match["command"] in {"left", "right"} and (dot := NOTHING.match(text, at)):
            at = dot.end()
        elif match["command"] == "\\" and (height := HEIGHT.match(text, at)):
            at = height.end()
    return found


def with_norms(tokens):
    """The tokens, with one for the two of each || that is a norm's; those of |a||b| are left."""
    found, opened, i = [], [False], 0
    while i < len(tokens):
        token, after = tokens[i], tokens[i + 1] if i + 1 < len(tokens) else None
        if token.text in {"(", "[", "\\{", "{"}:
            opened.append(False)
        elif token.text in {")", "]", "\\}", "}"}:
            opened = opened[:-1] or [False]
        elif token.text == "|" and after and after.text == "|" and after.glued and not opened[-1]:
            token = replace(token, text="\\|")
            i += 1
        elif token.text == "|":
            opened[-1] = not opened[-1]
        found.append(token)
        i += 1
    return found


def _token(match, line, column, glued):
    """The token that was matched; None for what only moves or numbers things."""
    kind = match.lastgroup or "sign"
    text = match[kind] or ""
    if kind == "name":
        return Token("begin" if match["edge"] == "begin" else "end", text, line, column)
    if kind == "space":
        return None
    if kind != "command":
        return Token(kind, text, line, column, glued)
    if text in DROPPED or text in WITH_ARGUMENT:
        return Token("gap", text, line, column) if text in SPACES else None
    if text in "{}|\\":
        return Token("sign", f"\\{text}", line, column)
    text = SAME.get(text.rstrip("*"), text.rstrip("*"))
    kind = "sign" if not text[-1].isalpha() else kind
    return Token(kind, text, line, column)


def _after_argument(text, at):
    """Where the argument in braces ends that begins here."""
    match = re.compile(r"\s*\{[^{}]{0,200}\}").match(text, at)
    return match.end() if match else at
