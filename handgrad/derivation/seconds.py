"""Second derivatives: ∂²L/∂x∂z is one name in the tree, with the axes of L, then x, then z.

Python has no ² in a name, and ∂x[i]∂x[j] has no operator. So the text of one is joined, before it
is parsed, to a name of the same width that Python can read.
"""

import re

PARTIAL = "∂"
LETTER = "ꝺ"  # what Python takes for the first letter of a name, in the place of ∂
SECOND = f"{PARTIAL}²"
WORD = r"[^\W\d](?:(?!²)[\w\u0300-\u036f])*+"
INDEX = r"\[(?:[^\[\]]|\[[^\[\]]*+\])*+\]"
WRITTEN = re.compile(
    rf"∂²\s*+(?P<y>{WORD})(?P<i>{INDEX})?+\s*+/\s*+(?P<open>\(\s*+)?+∂(?P<a>{WORD})(?P<j>{INDEX})?+"
    rf"(?:\s*+(?:\*\s*+)?+∂(?P<b>{WORD})(?P<k>{INDEX})?+|(?P<square>²|\*\*2))(?(open)\s*+\))"
)


def joined(text):
    """The text with each second derivative as one name with one subscript."""
    return WRITTEN.sub(_joined, text) if SECOND in text else text


def without_marks(text):
    """The text without the ² of second derivatives, so that its names are left."""
    return joined(text).replace(SECOND, PARTIAL)


def _joined(match):
    a, j = match["a"], match["j"]
    b, k = (a, j) if match["square"] else (match["b"], match["k"])
    words = LETTER.join(("", "", match["y"], a, b))
    indices = ",".join(part[1:-1] for part in (match["i"], j, k) if part)
    whole = f"{words}[{indices}]" if indices else words
    return whole.ljust(len(match[0]))


def spelled_out(word):
    """The name ∂²y/∂a∂b, of what it was joined to; "" for another word."""
    y, *moved = word[2:].split(LETTER) if word.startswith(2 * LETTER) else ("",)
    return f"{SECOND}{y}/{PARTIAL}{f'{PARTIAL}'.join(moved)}" if len(moved) == 2 else ""


def is_second(name):
    """Whether a name is a second derivative."""
    return name.startswith(SECOND)


def of_second(name):
    """The y, a and b of ∂²y/∂a∂b."""
    y, _, below = name.removeprefix(SECOND).partition(f"/{PARTIAL}")
    a, _, b = below.partition(PARTIAL)
    return y, a, b
