"""Counts, differences and other people's text, fit to be shown."""


def many(count, what):
    """A number of things: 1 link, 2 links."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def number(x):
    """A difference in few characters."""
    return "–" if x is None else f"{x:.1e}" if x else "0"


def printable(text):
    """A stranger's text without what moves a cursor, turns a line around or is not allowed in XML."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
