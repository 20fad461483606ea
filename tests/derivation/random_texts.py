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
ENTRIES = "sum[j]( mean[i,j]( max[k]( prod[t]( [i,j] [i+1] [t-1] [t] [i:N] δ[i,j] ∂y/∂x ∂y[i]/∂x[j] ∂²L/∂x∂x"
ENTRIES += ' ∂²L/∂x[i]∂x[j] ∂²y/∂x² ∂² x=="a" mode="a"\n (\n'
ENTRIES += " h[t+1] h[0] where(i==j, fixed_point( root( const symmetric interval(0,1) x[i,j]"
PYTHON = "__import__('os') ().__class__ eval exec open import del yield f'{x}' x.base 9**9**9"
FUNCTIONS = list(vocabulary(np))
TOKENS = f"{PUNCTUATION} {WORDS} {ENTRIES} {PYTHON}".split(" ") + FUNCTIONS
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
LETTERS = ("i", "j", "k", "t")
SHIFTS = ("", "", "", " + 1", " - 1", " + j", " * 2", " - N")
ARRAYS = {"x": 2, "W": 2, "v": 1, "s": 0, "y": 1, "h": 1, "δ": 2}
BEGINNINGS = (
    "y[i] = sum[j](x[i, j] * v[j])",
    "y[i, j] = x[i, j] * v[j]\nh[i] = mean[j](y[i, j] * W[j, i])",
    "h[0] = v\nh[t+1 : N] = tanh(h[t] * s + x[t])\ny = sum(h)",
    "h[0, i] = v[i]\nh[t+1 : N, i] = h[t, i] * sum[j](W[i, j] * x[j, i])\ny[t] = logsumexp[i](h[t, i])",
)
HEADS = ("y[i]", "y[i, j]", "h[t+1]", "h[t]", "h[0]", "y[n : N - 1]", "y[i, i]", "y")
CLAIMS = (
    "dx[i, j]",
    "dv[j]",
    "dh[t]",
    "dx",
    "δy[i]",
    "∂y[i]/∂x[j, k]",
    "∂y/∂x",
    "∂h[i]/∂v[j]",
    "dh[N]",
)
REDUCED = ("sum", "mean", "max", "min", "prod", "logsumexp", "norm")
ENTRYWISE = ("exp", "tanh", "sqrt", "where", "abs", "softmax")
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


def indexed(rng, _scope):
    """Definitions and claims by entries, with local derivatives, steps and implicit nodes."""
    lines = (
        [pick(rng, BEGINNINGS)]
        if rng.random() < 0.8
        else [f"{pick(rng, HEADS)} = {entry(rng, 3)}" for _ in range(rng.integers(1, 4))]
    )
    if rng.random() < 0.2:
        lines.append(f"z : {pick(rng, ('root', 'fixed_point'))}({expression(rng, 2)} - z)")
    claims = [f"{pick(rng, CLAIMS)} = {entry(rng, 3)}" for _ in range(rng.integers(1, 3))]
    return "\n".join([GIVENS, *lines, *claims])


def entry(rng, depth):
    """A random expression of entries."""
    if depth == 0 or rng.random() < 0.2:
        return _entry(rng)
    inner = entry(rng, depth - 1)
    match rng.integers(6):
        case 0:
            return f"{pick(rng, REDUCED)}[{_bound(rng)}]({inner})"
        case 1:
            return f"{pick(rng, ENTRYWISE)}({inner})"
        case 2:
            condition = f"{pick(rng, LETTERS)} {pick(rng, ('==', '<', '>='))} {_index(rng)}"
            return f"where({condition}, {inner}, {entry(rng, depth - 1)})"
        case 3:
            return f"{inner} @ {pick(rng, ('x', 'x.T', 'W[t]', 'v'))}"
    return f"({inner} {pick(rng, OPERATORS)} {entry(rng, depth - 1)})"


def _entry(rng):
    """An entry of an array, with as many indices as it has axes, or with one more or fewer."""
    name = pick(rng, tuple(ARRAYS))
    count = max(0, ARRAYS[name] + int(rng.choice((0, 0, 0, 0, 1, -1))))
    if rng.random() < 0.1:
        return pick(rng, ("∂y/∂x", "∂y[i]/∂x[j, k]", "i", "t", "N", "1", "dy[i]", "dh[t+1]", "dy"))
    return f"{name}[{', '.join(_index(rng) for _ in range(count))}]" if count else name


def _index(rng):
    return pick(rng, LETTERS) + pick(rng, SHIFTS) if rng.random() < 0.9 else pick(rng, LEAVES)


def _bound(rng):
    """The letters that a reduction takes, some with ranges of their own."""
    ranges = ("", "", "", " : N", " : 1 : N", " : i", " : 10**9", " : -1", " : x")
    letters = rng.permutation(LETTERS)[: rng.integers(1, 3)]
    return ", ".join(f"{letter}{pick(rng, ranges)}" for letter in letters)
