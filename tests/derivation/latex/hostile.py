r"""Hostile LaTeX: python -m tests.derivation.latex.hostile 20000 prints a report as JSON.
A seed may follow, so that a campaign can be run in parts.

Changed equations of the corpus and soup of commands go through the whole check, in a process with a
hook that sees whatever Python executes, imports or opens.
"""

import json
import re
import sys
import time
from importlib import import_module
from pathlib import Path

import numpy as np

from handgrad import check
from handgrad.derivation.latex.section import sections_of
from handgrad.derivation.latex.translation import Translator
from handgrad.derivation.shapes import without_warnings
from handgrad.rules import catalog
from tests.derivation.fuzz import WARM, Watch, peak_memory
from tests.derivation.random_texts import pick

PIECES = re.compile(r"\\[a-zA-Z]+|\\.|[a-zA-Z]+|\d+|\s+|.")
MARK = re.compile("⟦(.*?)⇒.*?⟧")  # what is right, and a slip
SOUP = [
    r"\frac",
    r"\partial",
    r"\partial^2",
    r"\nabla",
    r"\nabla^2",
    r"\mathbb{E}_{i \sim p}",
    "{",
    "}",
    "^",
    "_",
    r"\begin{cases}",
    r"\end{cases}",
    r"\\",
    "&",
    r"\sum",
    "_{i=1}^n",
    "(",
    ")",
    "[",
    "]",
    "|",
    r"\|",
    r"\left",
    r"\right",
    r"\left.",
    r"\right|_{x=0}",
    r"\over",
    r"f(x)",
    r"f'(x)",
    r"\phi(u) = \phi(\phi(u))",
    r"\quad x > 0",
    r"i = 1, \dots, n",
    r"$u = x - y$",
    r"\lfloor",
    "||",
    r"\log p = ",
    "MSE",
    r"\mathbf",
    r"\hat",
    r"\text{if}",
    "=",
    "+",
    "-",
    r"\cdot",
    r"\odot",
    "^T",
    r"^\top",
    "'",
    r"\int",
    r"\lim",
    r"\input{/etc/passwd}",
    r"\write18{ls}",
    r"\loop",
    r"\def\x{\x\x}",
    r"\newcommand",
    r"\x",
    "W",
    "i",
    "0",
    "9",
    "9^{9^9}",
    r"\sqrt",
    r"\log",
    r"\max",
    r"\exp",
    ";",
    ":",
    "$$",
    "$",
    r"\[",
    r"\]",
    "<!--",
    "-->",
    "%",
    r"\mathbb{1}",
    r"\delta",
    r"\nabla",
    "\u00e9",
    r"\infty",
    "x",
    "x",
    "v",
    "y",
    "L",
    r"\frac{\partial",
    r"L}{\partial",
    "x}",
    r"\sigma(x)",
    "__import__('os')",
    r"\e",
    r"\u0000",
]
WARMED = 4  # one of so many texts is checked before anything is measured
HEADER = "<!-- derivation: x : (N, D); W : (D, M); v : (D); loss L -->\n"
STARTS = ("y = ", r"\frac{\partial L}{\partial x} = ", r"\frac{\partial y}{\partial v} = ", "")


def sections():
    """The sections of the corpora, as texts."""
    for path in sorted(Path(__file__).parent.glob("*.md")):
        text = MARK.sub(r"\1", path.read_text(encoding="utf-8"))
        yield from re.split(r"(?m)^(?=## )", text)[1:]


def mutated(rng, text):
    """A section with a few of its pieces changed."""
    parts = PIECES.findall(text)
    for _ in range(rng.integers(1, 5)):
        i, j = rng.integers(len(parts), size=2)
        match rng.integers(5):
            case 0:
                del parts[i]
            case 1:
                parts[i], parts[j] = parts[j], parts[i]
            case 2:
                parts.insert(i, parts[j])
            case 3:
                parts.insert(i, pick(rng, SOUP))
            case 4:
                parts[i] = pick(rng, SOUP)
    return "".join(parts)


def soup(rng, _text):
    """Equations of random commands below a header."""
    rows = [
        pick(rng, STARTS) + " ".join(pick(rng, SOUP) for _ in range(rng.integers(1, 20)))
        for _ in range(rng.integers(1, 5))
    ]
    return HEADER + "\n".join(f"$${row}$$" for row in rows)


def main(texts, seed=20):
    """Check changed and random equations, and print what came of them."""
    rng = np.random.default_rng(seed)
    seeds = list(sections())
    check(WARM)
    for family in catalog.families():  # loaded here, and not while calls are watched
        import_module(f"handgrad.reference.{family}")
    for text in seeds[::WARMED]:
        check(text)
    watch, begin = Watch(), peak_memory()
    found = {"texts": 0, "read": 0, "slowest": 0.0, "slowest text": ""}
    for number in range(texts):
        watch.text = (mutated, mutated, soup)[number % 3](rng, pick(rng, seeds)) + "\n"
        start = time.thread_time()
        with watch, without_warnings():
            for section in sections_of(watch.text, "f", "f"):
                Translator(section, 0).translated()
        with watch:
            watch.looks = False  # JAX imports and opens files of its own
            report = check(watch.text)
            found["read"] += any(d.links for d in report.derivations)
            str(report)
        seconds = time.thread_time() - start
        if seconds > found["slowest"]:
            found |= {"slowest": seconds, "slowest text": watch.text}
        found["texts"] += 1
    found["megabytes"] = (peak_memory() - begin) / 2**20
    json.dump(found | {"surprises": watch.seen}, sys.stdout)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
