r"""Script letters: \mathcal L, \mathscr L and \ell as names of their own beside L and l.

Most texts write a letter in one way, and then all of these mean the same. Where a section has both,
each script letter may be a name by itself.
"""

import re
from dataclasses import replace

from handgrad.derivation.latex.header import header_of

STYLES = {"mathcal", "mathscr"}
WRITTEN = re.compile(
    r"\\(?:mathcal|mathscr)\s*+(?:\{\s*+([A-Za-z])\s*+\}|([A-Za-z]))|\\el(l)(?![A-Za-z])"
)
COMMAND = re.compile(r"\\[A-Za-z]++")
LETTER = re.compile(r"(?<![^\W_])[A-Za-z](?![^\W_])")


def told_apart(section):
    """The section whose script letters are names of their own; None where no letter is written both ways."""
    equations = [*section.equations, *section.asides]
    sides = [side for e in equations for side in (*e.sides, e.condition)]
    parts = [part for side in sides for part in _parts(side)]
    script = {letter for _, letter in parts} | set(map(_letter, WRITTEN.finditer(section.source)))
    rest = COMMAND.sub(" ", WRITTEN.sub(" ", section.source))
    plain = {tokens[0].text for tokens, letter in parts if not letter}
    both = script & (plain | set(LETTER.findall(rest)) | set(section.givens))
    if not both:
        return None

    def renamed(match):
        letter = _letter(match)
        return f"\\{name_of(letter)} " if letter in both else match[0]

    return replace(
        section,
        header=header_of(WRITTEN.sub(renamed, section.source), section.line),
        equations=[_with_names(e, both) for e in section.equations],
        asides=[_with_names(e, both) for e in section.asides],
    )


def _letter(match):
    return match[1] or match[2] or match[3]


def name_of(letter):
    """The name of a script letter."""
    return f"script{letter}"


def _parts(tokens):
    r"""(some tokens, the letter if they are one in script) in their order, as \mathcal { L }, "L"."""
    i = 0
    while i < len(tokens):
        count, letter = _script(tokens, i)
        yield tokens[i : i + count], letter
        i += count


def _script(tokens, i):
    """(the number of tokens, the letter) of a letter in script at a place; (1, "") where is none."""
    if tokens[i].kind != "command":
        return 1, ""
    if tokens[i].text == "ell":
        return 1, "l"
    texts = [t.text for t in tokens[i + 1 : i + 4]] if tokens[i].text in STYLES else []
    inside, count = (texts[1:2], 4) if texts[::2] == ["{", "}"] else (texts[:1], 2)
    known = [text for text in inside if len(text) == 1 and text.isascii() and text.isalpha()]
    return (count, known[0]) if known else (1, "")


def _with_names(equation, letters):
    """The equation with a name in the place of each of these letters in script."""
    sides = tuple(_named(side, letters) for side in equation.sides)
    return replace(equation, sides=sides, condition=_named(equation.condition, letters))


def _named(tokens, letters):
    found = []
    for part, letter in _parts(tokens):
        named = [replace(part[0], text=name_of(letter))] if letter in letters else part
        found.extend(named)
    return tuple(found)
