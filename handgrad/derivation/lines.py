"""Lines: the text of a derivation in pieces, each with its place."""

import itertools
import re
from dataclasses import dataclass, replace

from handgrad.derivation.errors import DerivationError
from handgrad.derivation.expressions import MAX_CHARACTERS

GIVEN = re.compile(r"(?s)\s*+(?P<name>[^\W\d](?:\w|[\u0300-\u036f])*+)\s*+:\s*+\((?P<rest>.*)")
DOMAIN = re.compile(
    r"(?s)\s*+(?P<const>const\b)?+\s*+(?P<domain>[a-z_]*+)\s*+(\((?P<argument>[^()]*+)\))?\s*+"
    r"(?P<still>const\b)?+\s*+(=(?P<value>.*))?"
)
IMPLICIT = re.compile(
    r"(?s)\s*+(?P<name>[^\W\d](?:\w|[\u0300-\u036f])*+)\s*+:\s*+(?P<kind>fixed_point|root)\s*+"
    r"\((?P<body>.*)\)\s*"
)
WORDS = re.compile(r"(∂?)([^\W\d]\w*+)")
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
    for line in _joined([replace(line, text=_without_comment(line.text)) for line in lines]):
        text = line.text
        if text.lstrip().startswith("=") and not text.lstrip().startswith("=="):
            if not found:
                raise DerivationError("there is nothing before this `=`", line.number, 1)
            found[-1].append(line)
        else:
            found.append([line])
    return found


def claimed_in(statements):
    """The names of which statements speak as of nodes, dx or ∂x, and what such a name is made of."""
    names = set()
    for lines in reversed(statements):
        words = [word for line in lines for word in WORDS.findall(line.text)]
        names |= {word for sign, word in words if sign}
        names |= {word[1:] for sign, word in words if word[0] in "dδ"}
        if words and words[0][1] in names:
            names |= {word for _, word in words}
    return names


def _joined(lines):
    """The lines that are not empty; those within parentheses are one, up to where they close."""
    i = 0
    while i < len(lines):
        line = lines[i]
        if len(line.text) > MAX_CHARACTERS:
            raise DerivationError(f"a line has at most {MAX_CHARACTERS} characters", line.number)
        count = _until_closed(lines, i)
        text = "\n".join(other.text for other in lines[i : i + count]).rstrip()
        if text.strip():
            yield Line(text, line.number)
        i += count


def _until_closed(lines, start):
    """How many lines there are from one whose parentheses are open to where they close; else 1."""
    depth = length = 0
    for count, line in enumerate(itertools.islice(lines, start, None), 1):
        depth += _depth(line.text)
        length += len(line.text) + 1
        if depth <= 0 and length <= MAX_CHARACTERS:
            return count
        if depth <= 0 or length > MAX_CHARACTERS:
            break
    return 1


def _depth(text):
    """How many more parentheses a text opens than it closes."""
    return sum(map(text.count, "([{")) - sum(map(text.count, ")]}"))


def split(rest, line):
    """The shape of a given, up to its closing parenthesis, and what follows, and where."""
    depths = itertools.accumulate(((c == "(") - (c == ")") for c in rest), initial=1)
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
            before = line.text[:start]
            row_start = before.rfind("\n") + 1
            yield piece, line.number + before.count("\n"), start - row_start + 1
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
