"""Counts, differences and other people's text, fit to be shown."""

import unicodedata

UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")


def many(count, what):
    """A number of things: 1 link, 2 links."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def listed(names):
    """a, b and c"""
    *others, last = map(str, names)
    return f"{', '.join(others)} and {last}" if others else last


def number(x):
    """A difference in few characters."""
    return "–" if x is None else f"{x:.1e}" if x else "0"


def size(count):
    """A number of bytes in few characters: 1.5 MB."""
    power = min(len(str(count)) - 1, 24) // 3
    return f"{count / 1000**power:.4g} {UNITS[power]}"


def printable(text):
    """A stranger's text without what moves a cursor, turns a line around or is not allowed in XML."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def cells(text):
    """The columns of a terminal that a text takes."""
    return sum(map(cells_of, text))


def cells_of(character):
    """The columns that a character takes: none for a mark on the one before, two for a wide one."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def fitted(text, width):
    """A text that takes a number of columns: cut off, or with spaces behind it."""
    while cells(text) > width - 1:
        text = text[:-1]
    return text + " " * (width - cells(text))
