"""The derivation in a docstring: its indented lines."""

from handgrad.derivation.lines import Line, is_given
from handgrad.derivation.reading import read


def derivation_of(rule):
    """The derivation of a rule, from its docstring; the rule's fields are names in it."""
    cls = type(rule)
    return read(indented_lines(cls.__doc__), getattr(rule, "__dict__", {}), cls.__name__)


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
