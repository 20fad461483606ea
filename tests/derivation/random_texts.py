"""Random texts: derivations with a few changes, random sentences of the notation, and soup."""

import re

import numpy as np

from handgrad.derivation.vocabulary import vocabulary

PIECES = re.compile(r"[^\W\d][\w\u0300-\u036f]*|\d+|\s+|.")
NAME = re.compile(r"[^\W\d][\w\u0300-\u036f]*")
PUNCTUATION = (
    "( ) [ ] , : = == + - * / ** @ .T ... < > % // ' # \n ; \\ { } ! ~ | & ^ ` ``` 0 -1 1e9"
)
WORDS = (
    "x y W N D dy dx δx δy axis keepdims True None real positive label spd mask inf pi lambda for"
)
PYTHON = "__import__('os') ().__class__ eval exec open import del yield f'{x}' x.base 9**9**9"
FUNCTIONS = list(vocabulary(np))
TOKENS = f"{PUNCTUATION} {WORDS} {PYTHON}".split(" ") + FUNCTIONS
OPERATORS = ("+", "-", "*", "/", "**", "@", "%", "//", "<", ">=", "==")
LEAVES = (
    "x",
    "W",
    "v",
    "s",
    "N",
    "D",
    "0",
    "1",
    "2",
    "-1",
    "0.5",
    "x.T",
    "pi",
    "1000",
    "None",
    "...",
)
ENDINGS = (".T", ".shape", ".ndim", "[0]", "[:, None]", "[..., 1:]", "[-1]", "[::2]", "[None]")
OPTIONS = (
    "",
    ", axis=0",
    ", axis=-1, keepdims=True",
    ", 1",
    ", (1, 0)",
    ", axis=(0, 1)",
    ", x",
    ", N",
)
GIVENS = "x : (N, D)\nW : (D, N)\nv : (D) positive\ns : ()"


def pick(rng, items):
    """One of the items."""
    return items[rng.integers(len(items))]


def mutated(rng, scope):
    """The text of a scope with a few of its tokens or lines changed."""
    text = "\n".join(line.text for line in scope.lines)
    for _ in range(rng.integers(1, 4)):
        if rng.random() < 0.4:
            text = renamed(rng, text)
        else:
            parts = PIECES.findall(text) if rng.random() < 0.7 else text.splitlines(keepends=True)
            text = "".join(changed(rng, parts))
    return text


def renamed(rng, text):
    """A text with one of its names in the place of another."""
    names = list(NAME.finditer(text))
    if not names:
        return text
    old, new = pick(rng, names), pick(rng, names)
    return text[: old.start()] + new[0] + text[old.end() :]


def changed(rng, parts):
    """A list of tokens, or of lines, with one change."""
    if not parts:
        return parts
    i, j = rng.integers(len(parts), size=2)
    match rng.integers(6):
        case 0:
            del parts[i]
        case 1:
            parts[i], parts[j] = parts[j], parts[i]
        case 2:
            parts.insert(i, parts[j])
        case 3:
            parts.insert(i, pick(rng, TOKENS))
        case 4:
            parts[i] = pick(rng, TOKENS)
        case 5:
            parts.insert(i, chr(rng.integers(pick(rng, (128, 0x3000, 0x11_0000)))))
    return parts


def sentences(rng, _scope):
    """Definitions, and a gradient, made of random expressions that follow the grammar."""
    lines = [f"y{i} = {expression(rng, 4)}" for i in range(rng.integers(1, 4))]
    return "\n".join([GIVENS, *lines, f"dx = {expression(rng, 3)}"])


def expression(rng, depth):
    """A random expression."""
    if depth == 0 or rng.random() < 0.2:
        return pick(rng, LEAVES)
    inner = expression(rng, depth - 1)
    match rng.integers(5):
        case 0:
            return f"{pick(rng, FUNCTIONS)}({inner}{pick(rng, OPTIONS)})"
        case 1:
            return f"({inner}){pick(rng, ENDINGS)}"
        case 2:
            return f"({inner}, {expression(rng, depth - 1)})"
    return f"({inner} {pick(rng, OPERATORS)} {expression(rng, depth - 1)})"


def soup(rng, _scope):
    """Lines of random tokens under some givens."""
    lines = [
        pick(rng, ("y = ", "dx = ", "", "a : ("))
        + pick(rng, (" ", "")).join(pick(rng, TOKENS) for _ in range(rng.integers(1, 12)))
        for _ in range(rng.integers(1, 6))
    ]
    return "\n".join([GIVENS, *lines])
