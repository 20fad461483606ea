"""Inputs for code in a file: the option --input NAME=SHAPE[:DOMAIN][:TYPE][:const]."""

import argparse
import ast
import math
import unicodedata
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.cli.console import UsageError, is_whole
from handgrad.common.random import generator
from handgrad.derivation.bounds import MAX_AXES
from handgrad.derivation.domains import DOMAINS, draw
from handgrad.derivation.errors import DerivationError
from handgrad.judge.domains import HELD, stated

TYPES = ("float64", "float32", "float16", "bfloat16")
FORM = (
    "NAME=SHAPE[:DOMAIN][:TYPE][:const], such as x=4x3, t=4:label:5, s=:positive:float32, "
    "'u=3:interval(0,1)', m=4x3:const or eps=1e-6"
)
MOST = 10**7  # numbers: the judge keeps some copies of them


@dataclass(frozen=True)
class Input:
    """One input, as the command line states it; `argument` is that of its domain.

    What is held has no gradient. An option has a value, such as 1e-6, -1 or True, and no shape.
    """

    text: str
    name: str
    shape: tuple[int, ...]
    domain: str
    argument: Any
    dtype: str | None
    value: Any = None
    held: bool = False

    def drawn(self, seed):
        """Random numbers of this shape, domain and type; an option's value."""
        if self.value is not None:
            return self.value
        try:
            rng = generator(seed, "input", self.name)
            array = draw(rng, self.domain, self.shape, self.argument)
        except DerivationError as error:
            raise UsageError(f"--input {self.text}: {error}") from None
        return array if self.dtype is None else array.astype(_dtype(self.dtype))


def input_option(text):
    """The type of --input."""
    name, found, rest = text.partition("=")
    name = unicodedata.normalize("NFKC", name)  # as Python reads it
    shape, *words = rest.split(":")
    if not found or not name.isidentifier():
        raise _malformed(text, f"an input is {FORM}")
    if (value := _option(rest)) is not None:
        return Input(text, name, (), "real", None, None, value)
    sizes = _sizes(text, shape)
    held = words[-1:] == [HELD]
    words = words[:-1] if held else words
    dtype = words.pop() if words and words[-1] in TYPES else None
    domain, argument = _domain(text, words.pop(0)) if words else ("real", None)
    if domain == "label":
        argument = _classes(text, words if argument is None else [str(argument)])
    if words:
        raise _malformed(text, f"an input is {FORM}")
    return Input(text, name, sizes, domain, argument, dtype, held=held)


def _domain(text, words):
    """A domain and its argument, such as those of interval(0,1)."""
    name = words.partition("(")[0]
    if name not in DOMAINS:
        known = f"neither a domain ({', '.join(DOMAINS)}) nor a type ({', '.join(TYPES)})"
        raise _malformed(text, f"{words!r} is {known}")
    try:
        domain = stated(words)
    except ValueError as error:
        raise _malformed(text, str(error)) from None
    return name, domain.argument if domain else None


def _option(rest):
    """The value of an option: a number that is not a size, or True or False; else None."""
    try:
        value = ast.literal_eval(rest)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    is_size = type(value) is int and value >= 0
    return value if isinstance(value, bool | int | float) and not is_size else None


def _sizes(text, shape):
    sizes = shape.split("x") if shape else []
    if not all(map(is_whole, sizes)):
        raise _malformed(text, f"{shape[:40]!r} is not a shape such as 4x3")
    sizes = tuple(map(int, sizes))
    if len(sizes) > MAX_AXES:
        raise _malformed(text, f"an input has at most {MAX_AXES} axes, not {len(sizes)}")
    if math.prod(max(1, size) for size in sizes) > MOST:
        raise _malformed(text, f"an input has at most {MOST} numbers")
    return sizes


def _classes(text, words):
    """The number that follows `label`, taken from the words."""
    if not words or not is_whole(words[0]) or not 1 <= int(words[0]) <= MOST:
        why = f"label needs the number of classes, from 1 to {MOST}, as in t=4:label:5"
        raise _malformed(text, why)
    return int(words.pop(0))


def _dtype(name):
    from jax import numpy as jnp

    return np.dtype(getattr(jnp, name))


def _malformed(text, why):
    return argparse.ArgumentTypeError(f"{text[:60]!r}: {why}")
