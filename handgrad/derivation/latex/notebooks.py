"""Notebooks: their Markdown cells as one text, each line where it stands in the file."""

import json

from handgrad.derivation.errors import DerivationError


def markdown_of(text):
    """The Markdown of a notebook, with empty lines in the place of all else.

    A notebook has one line of its file for each line of a cell; where it has not, the lines of the
    cells are numbered as if they stood in one text.
    """
    try:
        cells = json.loads(text)["cells"]
        sources = [_lines(c["source"]) for c in cells if c["cell_type"] == "markdown"]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise DerivationError("this is not a notebook") from None
    wanted = [line for source in sources for line in source]
    placed = _in_place(text.split("\n"), wanted)
    return "\n\n".join("\n".join(source) for source in sources) if placed is None else placed


def _lines(source):
    joined = source if isinstance(source, str) else "".join(map(str, source))
    return joined.replace("\r\n", "\n").split("\n")


def _in_place(rows, wanted):
    """The wanted lines at the rows of the file that hold them; None where there are no such rows."""
    found, i = [""] * len(rows), 0
    for line in wanted:
        if not line:
            continue
        while i < len(rows) and _text(rows[i]) != line:
            i += 1
        if i == len(rows):
            return None
        found[i] = line
        i += 1
    return "\n".join(found)


def _text(row):
    """The line of a cell that a row of the file holds; "" where it holds something else."""
    stripped = row.strip().removesuffix(",")
    if not stripped.startswith('"'):
        return ""
    try:
        return str(json.loads(stripped)).rstrip("\n")
    except ValueError:
        return ""
