"""The manifest of a file of golden vectors: what every array in it is."""

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.common.npz import digest
from handgrad.common.strict_json import is_a, item, loads

FORMAT = "handgrad golden vectors"
VERSION = 1
RESULTS = ("output", "gradient")
NOISE = {"output": "output noise", "gradient": "gradient noise"}
ROLES = ("input", "upstream", *RESULTS, *NOISE.values())
DTYPES = ("<f8", "<f4", "<i8", "|b1")
MAX_BYTES = 2**24  # of a manifest; that of every rule has a tenth
MAX_ARRAYS = 1000  # of an entry
MAX_NUMBERS = 2**16  # in the arrays of an entry
MAX_LENGTH, MAX_DEPTH = 64, 3  # of an option that is a list
SMALL = 1024  # an option that is a whole number may be this much for arrays of any size
LOWEST = -100  # the label that losses ignore, as in torch; sizes are not below 0
MAX_PRODUCT = 4096  # of an option's whole numbers: a rule may visit each number of a window
HOW = (
    "Run a rule on the arrays input and upstream of an entry, in the entry's precision. Each "
    "number of its outputs and gradients may be off from the float64 numbers here by 16 times the "
    "number in the array of that noise. Write your arrays to an .npz file under the names they "
    "have here, any of them, and let handgrad verify --golden FILE --against YOURS judge them."
)


@dataclass(frozen=True)
class Stored:
    """One array of an entry: its name in the file, its role, and what it must be.

    `index` is that of the argument or of the output, and `argument` what the rule calls it.
    """

    name: str
    role: str
    index: int
    argument: str
    shape: tuple[int, ...]
    dtype: str
    sha256: str

    @classmethod
    def of(cls, array, name, role, index, argument):
        return cls(name, role, index, argument, array.shape, array.dtype.str, digest(array))


@dataclass(frozen=True)
class Entry:
    """One rule with its options, at one case, in one precision."""

    rule: str
    options: dict[str, Any]
    case: str
    precision: str
    arrays: tuple[Stored, ...]

    def __str__(self):
        options = ", ".join(f"{name}={value!r}" for name, value in self.options.items())
        return f"{self.rule}({options}), {self.case}, {self.precision}"

    def having(self, *roles):
        """The arrays of these roles, in order."""
        return [stored for stored in self.arrays if stored.role in roles]

    @property
    def whole_numbers(self):
        """The whole numbers in its options."""
        return _whole_numbers(tuple(self.options.values()))

    def noise_of(self, result):
        """The noise floor of an output or a gradient."""
        (noise,) = (n for n in self.having(NOISE[result.role]) if n.index == result.index)
        return noise


@dataclass(frozen=True)
class Manifest:
    """What a file of golden vectors holds, and what it was made with."""

    handgrad: str
    numpy: str
    seed: int
    precisions: dict[str, Any]
    entries: tuple[Entry, ...]

    def encoded(self):
        """The manifest as an array of bytes: JSON, in UTF-8."""
        whole = {"format": FORMAT, "version": VERSION, "how": HOW} | dataclasses.asdict(self)
        text = json.dumps(whole, ensure_ascii=False, allow_nan=False)
        return np.frombuffer(text.encode(), np.uint8)


def decoded(array):
    """The manifest in an array of bytes. Raises ValueError, in one sentence."""
    if array.dtype != np.uint8 or array.ndim != 1 or array.size > MAX_BYTES:
        raise ValueError(f"its manifest is not an array of at most {MAX_BYTES} bytes")
    try:
        whole = loads(array.tobytes().decode())
    except ValueError as error:
        raise ValueError(f"its manifest is not JSON in UTF-8: {error}") from None
    if not isinstance(whole, dict) or whole.get("format") != FORMAT:
        raise ValueError(f"its manifest does not say that it holds {FORMAT}")
    try:
        return _manifest(whole)
    except ValueError as error:
        raise ValueError(f"its manifest is not right: {error}") from None


def _manifest(whole):
    version = item(whole, "version", int)
    if version != VERSION:
        advice = ": a newer handgrad reads it" if version > VERSION else ""
        raise ValueError(f"its format version is {version}, and this is {VERSION}{advice}")
    return Manifest(
        item(whole, "handgrad", str),
        item(whole, "numpy", str),
        item(whole, "seed", int),
        item(whole, "precisions", dict),
        tuple(map(_entry, item(whole, "entries", list))),
    )


def _entry(raw):
    rule, case, precision = (item(raw, name, str) for name in ("rule", "case", "precision"))
    options = {name: _option(value) for name, value in item(raw, "options", dict).items()}
    if misnamed := [name for name in options if not name.isidentifier()]:
        raise ValueError(f"{misnamed[0][:40]!r} is not the name of an option")
    arrays = tuple(map(_stored, item(raw, "arrays", list)))
    entry = Entry(rule, options, case, precision, arrays)
    _refuse_what_is_too_large(entry)
    _refuse_what_does_not_fit(entry)
    return entry


def _stored(raw):
    shape = tuple(item(raw, "shape", list))
    if not all(is_a(n, int) and n >= 0 for n in shape):
        raise ValueError(f"an array has the shape {str(shape)[:100]!r}")
    texts = {n: item(raw, n, str) for n in ("name", "role", "argument", "dtype", "sha256")}
    stored = Stored(index=item(raw, "index", int), shape=shape, **texts)
    if stored.role not in ROLES or stored.dtype not in DTYPES:
        raise ValueError(f"{stored.name!r} is called {stored.role!r} of {stored.dtype!r}")
    return stored


def _option(value, depth=MAX_DEPTH) -> Any:
    """An option as a rule has it: lists are tuples."""
    if isinstance(value, list) and len(value) <= MAX_LENGTH and depth:
        return tuple(_option(inner, depth - 1) for inner in value)
    if value is None or isinstance(value, bool) or is_a(value, float) or is_a(value, str):
        return value
    raise ValueError(f"{str(value)[:40]!r} is not the value of an option")


def _refuse_what_is_too_large(entry):
    """Nothing that a rule would work on for longer than the file's own arrays can tell."""
    numbers = sum(math.prod(stored.shape) for stored in entry.arrays)
    if len(entry.arrays) > MAX_ARRAYS or numbers > MAX_NUMBERS:
        held = f"more than {MAX_ARRAYS} arrays or {MAX_NUMBERS} numbers"
        raise ValueError(f"it lists {held} of {entry.rule}, {entry.case}")
    most = max(SMALL, len(entry.arrays), *(n for s in entry.arrays for n in s.shape), 0)
    for name, value in entry.options.items():
        whole = [abs(n) for n in _whole_numbers(value) if n != LOWEST]
        if max(whole, default=0) > most or math.prod(filter(None, whole)) > MAX_PRODUCT:
            shown = f"{entry.rule} has the option {name}={str(value)[:60]}"
            raise ValueError(f"{shown}, which is too large for arrays of {numbers} numbers")


def _whole_numbers(value):
    """The whole numbers in an option."""
    if isinstance(value, tuple):
        return [n for inner in value for n in _whole_numbers(inner)]
    return [value] if is_a(value, int) else []


def _refuse_what_does_not_fit(entry):
    """An input and an upstream gradient for each index, and a noise floor for each result."""
    for role in ("input", "upstream", "output"):
        if [stored.index for stored in entry.having(role)] != [*range(len(entry.having(role)))]:
            raise ValueError(f"it does not count each {role} of {entry} once")
    for role, noise in NOISE.items():
        results = [(r.index, r.shape) for r in entry.having(role)]
        floors = [(n.index, n.shape) for n in entry.having(noise) if n.dtype == "<f4"]
        if results != floors or len(dict(results)) < len(results):
            raise ValueError(f"it does not give each {role} of {entry} its noise")
    if len(entry.having("output")) != len(entry.having("upstream")) or not entry.arrays:
        raise ValueError(f"it does not give each output of {entry} its upstream gradient")
