"""Counts, differences and other people's text, fit to be shown."""

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
