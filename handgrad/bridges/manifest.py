"""The manifest of a file of golden vectors: what every array in it is."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.common.npz import digest

FORMAT = "handgrad golden vectors"
VERSION = 1
RESULTS = ("output", "gradient")
NOISE = {"output": "output noise", "gradient": "gradient noise"}
ROLES = ("input", "upstream", *RESULTS, *NOISE.values())
DTYPES = ("<f8", "<f4", "<i8", "|b1")
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
    if array.dtype != np.uint8 or array.ndim != 1:
        raise ValueError("its manifest is no array of bytes")
    try:
        whole = json.loads(array.tobytes().decode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its manifest is no JSON in UTF-8: {error}") from None
    if not isinstance(whole, dict) or whole.get("format") != FORMAT:
        raise ValueError(f"its manifest does not say that it holds {FORMAT}")
    version = _item(whole, "version", int)
    if version != VERSION:
        advice = ": a newer handgrad reads it" if version > VERSION else ""
        raise ValueError(f"it has the format version {version}, and this is {VERSION}{advice}")
    return Manifest(
        _item(whole, "handgrad", str),
        _item(whole, "numpy", str),
        _item(whole, "seed", int),
        _item(whole, "precisions", dict),
        tuple(_entry(entry) for entry in _item(whole, "entries", list)),
    )


def _entry(raw):
    names = ("rule", "case", "precision")
    rule, case, precision = (_item(raw, name, str) for name in names)
    options = {name: _tuples(value) for name, value in _item(raw, "options", dict).items()}
    arrays = tuple(_stored(array) for array in _item(raw, "arrays", list))
    entry = Entry(rule, options, case, precision, arrays)
    _refuse_what_does_not_fit(entry)
    return entry


def _stored(raw):
    shape = _tuples(_item(raw, "shape", list))
    if not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in shape):
        raise ValueError(f"its manifest gives an array the shape {shape}")
    texts = {n: _item(raw, n, str) for n in ("name", "role", "argument", "dtype", "sha256")}
    stored = Stored(index=_item(raw, "index", int), shape=shape, **texts)
    if stored.role not in ROLES or stored.dtype not in DTYPES:
        raise ValueError(f"its manifest calls {stored.name!r} {stored.role!r} of {stored.dtype!r}")
    return stored


def _refuse_what_does_not_fit(entry):
    """An input and an upstream gradient for each index, and a noise floor for each result."""
    for role in ("input", "upstream", "output"):
        if [stored.index for stored in entry.having(role)] != [*range(len(entry.having(role)))]:
            raise ValueError(f"its manifest does not count each {role} of {entry} once")
    for role, noise in NOISE.items():
        results = [(r.index, r.shape) for r in entry.having(role)]
        floors = [(n.index, n.shape) for n in entry.having(noise) if n.dtype == "<f4"]
        if results != floors or len(dict(results)) < len(results):
            raise ValueError(f"its manifest does not give each {role} of {entry} its noise")
    if len(entry.having("output")) != len(entry.having("upstream")) or not entry.arrays:
        raise ValueError(f"its manifest does not give each output of {entry} its upstream gradient")


def _item(raw, name, kind) -> Any:
    """An item of a JSON object, which must be of a kind; a text must be fit to be shown."""
    value = raw.get(name) if isinstance(raw, dict) else None
    fits = isinstance(value, kind) and not isinstance(value, bool)
    text = value if isinstance(value, str) else ""
    if not fits or not text.isprintable():
        raise ValueError(f"its manifest lacks a {kind.__name__} called {name}")
    return value


def _tuples(value) -> Any:
    """Lists as tuples, as options are."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
