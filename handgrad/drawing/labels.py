"""Labels: how a picture writes numbers, shapes and names."""

import numpy as np

from handgrad.common.text import cells_of

SMALL = 9  # numbers of an array that are written out


def number(value, digits=4):
    """A number with few digits: 220, 0.7311, 1.2e-5."""
    if isinstance(value, bool | np.bool_):
        return str(value)
    text = f"{float(value):.{digits}g}"
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if e else text.replace("-0", "0") if text == "-0" else text


def amount(value, shape, *, norm=False, numbers=False):
    """What stands at an edge: a number, or the shape of an array, with its norm if that is asked.

    With `numbers`, a small array is written out, its rows divided by semicolons: [1 0; 0.5 -2].
    """
    if not isinstance(value, np.ndarray | np.generic | int | float):
        return ""
    if np.ndim(value) == 0:
        return number(value)
    if numbers and np.ndim(value) <= 2 and 0 < np.size(value) <= SMALL:
        rows = np.atleast_2d(value)
        return f"[{'; '.join(' '.join(number(x, 3) for x in row) for row in rows)}]"
    text = f"({', '.join(shape)})"
    size = np.linalg.norm(np.ravel(np.asarray(value, dtype=float))) if norm else 0.0
    return f"{text} ‖{number(size, 3)}‖" if norm else text


def columns(text):
    """A text as one string a column: marks join the letter before, a wide letter takes two."""
    found = []
    for character in text:
        if not cells_of(character) and found:
            found[-1] += character
        else:
            found += [character, *[""] * (cells_of(character) - 1)]
    return found
