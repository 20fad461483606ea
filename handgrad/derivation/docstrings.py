"""The derivation in a docstring: its indented lines."""

from functools import lru_cache

from handgrad.derivation.lines import Line, is_given
from handgrad.derivation.reading import read


def derivation_of(rule):
    """The derivation of a rule, from its docstring; the rule's fields are names in it."""
    cls, fields = type(rule), getattr(rule, "__dict__", {})
    if all(map(_is_plain, fields.values())):
        return _read_once(cls.__doc__, cls.__name__, repr(fields), *fields.items())
    return read(indented_lines(cls.__doc__), fields, cls.__name__)


@lru_cache(maxsize=64)
def _read_once(docstring, name, _, *fields):
    """The derivation, which is asked for many times; the text tells 1 from 1.0 and True."""
    return read(indented_lines(docstring), dict(fields), name)


def _is_plain(value):
    """Whether a field is a number, a text, or a tuple of these."""
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, int | float | str)


def indented_lines(docstring, start=1):
    """The indented lines of a docstring whose first line has the number `start`.

    A docstring that holds nothing else below its first line has them at any indentation.
    """
    numbered = enumerate((docstring or "").expandtabs().splitlines(), start)
    body = [Line(text, number) for number, text in numbered if text.strip() and number > start]
    margin = min((_indentation(line) for line in body), default=0)
    deep = [line for line in body if _indentation(line) >= margin + 4]
    return body if not deep and body and is_given(body[0].text) else deep


def _indentation(line):
    return len(line.text) - len(line.text.lstrip())
