"""Counts and differences in words."""


def many(count, what):
    """A number of things: 1 link, 2 links."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def number(x):
    """A difference in few characters."""
    return "–" if x is None else f"{x:.1e}" if x else "0"
