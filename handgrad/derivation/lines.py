"""Lines: the text of a derivation in pieces, each with its place."""

import re
from dataclasses import dataclass
from itertools import accumulate

from handgrad.derivation.errors import DerivationError
from handgrad.derivation.expressions import MAX_CHARACTERS

GIVEN = re.compile(r"\s*+(?P<name>[^\W\d](?:\w|[\u0300-\u036f])*+)\s*+:\s*+\((?P<rest>.*)")
DOMAIN = re.compile(
    r"\s*+(?P<const>const\b)?+\s*+(?P<domain>[a-z_]*+)\s*+(\((?P<argument>[^()]*+)\))?\s*+"
    r"(?P<still>const\b)?+\s*+(=(?P<value>.*))?"
)
IMPLICIT = re.compile(
    r"\s*+(?P<name>[^\W\d](?:\w|[\u0300-\u036f])*+)\s*+:\s*+(?P<kind>fixed_point|root)\s*+"
    r"\((?P<body>.*)\)\s*"
)
COMPARISON = re.compile(r"[=<>!]=|.==|==")


@dataclass(frozen=True)
class Line:
    """A line of text and its number in the file."""

    text: str
    number: int


def is_given(text):
    """Whether a line has the form of a given."""
    return GIVEN.fullmatch(_without_comment(text)) is not None


def statements(lines):
    """The lines without comments, those that begin with `=` joined to the one before."""
    found = []
    for line in lines:
        text = _without_comment(line.text).rstrip()
        if len(text) > MAX_CHARACTERS:
            raise DerivationError(f"a line has at most {MAX_CHARACTERS} characters", line.number)
        if not text.strip():
            continue
        if text.lstrip().startswith("=") and not text.lstrip().startswith("=="):
            if not found:
                raise DerivationError("there is nothing before this `=`", line.number, 1)
            found[-1].append(Line(text, line.number))
        else:
            found.append([Line(text, line.number)])
    return found


def split(rest, line):
    """The shape of a given, up to its closing parenthesis, and what follows, and where."""
    depths = accumulate(((c == "(") - (c == ")") for c in rest), initial=1)
    end = next((i for i, depth in enumerate(depths) if depth == 0), 0)
    domain = DOMAIN.fullmatch(rest[end:])
    if not end or domain is None:
        message = f"{line.text.strip()!r} is not of the form `name : (shape) domain = value`"
        raise DerivationError(message, line.number, 1)
    return rest[: end - 1], domain, end


def parts(line):
    """The pieces of a line between its `=`, as arguments for `parse`: text, line, column."""
    start = 0
    for end in [*_equals_signs(line.text), len(line.text)]:
        piece = line.text[start:end]
        if piece.strip() or start:
            yield piece, line.number, start + 1
        start = end + 1


def _equals_signs(text):
    """Where `=` stands outside parentheses and quotes, and is not part of ==, <=, >= or !=."""
    depth, quote = 0, ""
    for i, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "=" and depth == 0 and not COMPARISON.match(text, max(0, i - 1)):
            yield i


def _without_comment(text):
    quote = ""
    for i, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "#":
            return text[:i]
    return text
