"""Golden vectors: what every rule gives, in a file for those who port it to other languages.

    e = max |port − true| / noise        PASS where e ≤ 16

For each rule, with each of its options, at each case and in each precision, the file holds the
inputs and an upstream gradient, the outputs and gradients that they give, and the noise floor of
each of these numbers. The inputs and the upstream gradient are numbers of the precision itself;
`true` is the rule run on exactly these numbers in float64. With u the unit roundoff of the
precision, and y₁ … y₈ the float64 results at arguments that are each moved by up to ± 2 u,

    s = std(y₁ … y₈) + u |y₁|
    noise = s + ¼ √mean(s²)        the mean over the array

so that the noise is what rounding the arguments alone does to the result, and `port` may be as
far off as a good code is. Where an array is 0 at all arguments, its noise is u times the largest
of them.

The file is an .npz: a zip of .npy files, stored and not compressed, which `unzip` makes folders of.
In C, the numbers of Affine/0/float32/input/x.npy begin at byte 10 + h, with h the little-endian
number in bytes 8 and 9; they are little-endian, and the last axis runs fastest. float64 and
float32 are stored as such, bfloat16 as float32 numbers that it holds exactly, labels as int64,
masks as bytes, results as float64 and noise as float32. The array `manifest` is JSON, and says of
every other its role, its shape, its dtype and its SHA-256. A port writes its results to .npy files
of the same names, zips the folders, and has them judged by

    handgrad verify --golden golden.npz --against port.npz

>>> from handgrad import Affine
>>> from handgrad.bridges import golden
>>> vectors = golden.export([Affine()], "affine.npz")
>>> all(golden.check(golden.load("affine.npz")))
True
"""

import dataclasses
import difflib
import inspect
import json
from collections import Counter
from dataclasses import dataclass

import numpy as np

from handgrad import __version__
from handgrad.bridges.manifest import NOISE, RESULTS, Entry, Manifest, Stored, decoded
from handgrad.bridges.vectors import PRECISIONS, as_double, cases_of, run, vectors
from handgrad.bridges.work import Budget, TooMuchError
from handgrad.common import npz
from handgrad.judge.verdict import Status
from handgrad.rules import catalog

LIMIT = 16  # noise units; float32 on NumPy, JAX and torch comes to 7, a naive variance to 4000
SHARE = 1e-3  # of an array's numbers may be beyond the limit, for its noise is an estimate
FARTHEST = 64
WRONG = 1000  # three digits more than rounding takes
HALF = 0.5  # of the largest number: not one digit is right
FAULTS = (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError)
FOLDERS = dict.fromkeys(NOISE.values(), "noise")


@dataclass(frozen=True)
class Golden:
    """A file of golden vectors, read: its manifest, and its arrays by their names."""

    path: str
    manifest: Manifest
    arrays: dict[str, np.ndarray]


@dataclass(frozen=True)
class Comparison:
    """One result held against the golden one: how far off it is, in units of its noise.

    `numbers` is how many were compared, and `off_by` infinite where none could be.
    """

    entry: Entry
    name: str
    status: Status
    numbers: int = 0
    off_by: float = np.inf
    message: str = ""

    def __bool__(self):
        return self.status is Status.PASS

    def __str__(self):
        return f"{self.status.value}: {self.entry}: {self.name} {self.message}"


def export(rules, path, seed=0):
    """Write the golden vectors of rules to a file, which two calls make the same bit by bit.

    Returns them as `load` does. Raises OSError if the file cannot be written, and ValueError if a
    rule is not one that a file can hold.
    """
    entries, arrays = [], {}
    for entry, own in _entries(rules, seed):
        entries.append(entry)
        arrays |= own
    encoded = _manifest(entries, seed).encoded()
    manifest = decoded(encoded)  # what is written can be read
    npz.write(path, {"manifest": encoded} | arrays)
    return Golden(str(path), manifest, arrays)


def load(path):
    """The golden vectors in a file, every array of which is what the manifest says.

    Raises OSError if the file cannot be opened, and ValueError, in one sentence that names the
    file and the array, if it is not whole.
    """
    arrays = npz.read(path)
    if "manifest" not in arrays:
        raise ValueError(f"{path} has no manifest: it is not a file of golden vectors")
    try:
        manifest = decoded(arrays.pop("manifest"))
        _refuse_lies(manifest, arrays)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return Golden(str(path), manifest, arrays)


def check(golden):
    """Whether today's rules still give a file's outputs and gradients: a Comparison of each.

    Everything in the file is a float64 result, so the noise is that of float64 whatever the
    precision of the arguments. Another library or processor rounds otherwise, and comes to 5.
    Raises ValueError, before any rule runs, if one would make far more than the file holds.
    """
    budget = Budget()
    try:
        rules = [_ready(entry, budget) for entry in golden.manifest.entries]
    except TooMuchError as error:
        raise ValueError(f"{golden.path}: {error}") from None
    return _checked(golden, rules)


def _checked(golden, rules):
    """The comparisons of all entries with the rules; in a rule's place may be why there is none."""
    for entry, rule in zip(golden.manifest.entries, rules, strict=True):
        today, fault = ({}, rule) if isinstance(rule, str) else _today(rule, entry, golden)
        if fault:
            yield Comparison(entry, "the rule", Status.WRONG, message=fault)
            continue
        for stored in entry.having(*RESULTS):
            actual = today.pop((stored.role, stored.index), None)
            yield _compared(golden, entry, stored, actual, "float64")
        for (role, index), array in today.items():
            message = f"is new: the rule gives one of the shape {array.shape}, the file has none"
            yield Comparison(entry, f"{role} {index}", Status.WRONG, message=message)


def judge(golden, results):
    """How far off somebody else's results are, by their names in the file: a Comparison of each.

    A float32 result may come as float32 or float64, a bfloat16 one also as the uint16 of its bits.
    """
    for entry in golden.manifest.entries:
        for stored in entry.having(*RESULTS):
            if stored.name in results:
                actual = np.asarray(results[stored.name])
                yield _compared(golden, entry, stored, actual, entry.precision)


def read_results(path, golden):
    """The arrays in somebody else's file, all of which have names that the golden file has.

    Raises OSError and ValueError as `load` does.
    """
    arrays = npz.read(path)
    if "manifest" in arrays:
        raise ValueError(f"{path} is itself a file of golden vectors: name a port's own results")
    for name in arrays:
        if name not in golden.arrays:
            nearest = difflib.get_close_matches(name, golden.arrays, n=1)
            hint = f": did you mean {nearest[0]}?" if nearest else ""
            raise ValueError(f"{path} holds {name}, which {golden.path} does not{hint}")
    return arrays


def _compared(golden, entry, stored, actual, precision):
    """One result against the golden one, with the noise that it has in this precision."""
    if misfit := _misfit(stored, actual, precision):
        return Comparison(entry, stored.name, Status.WRONG, message=misfit)
    expected = golden.arrays[stored.name].astype(float)
    actual = as_double(actual).astype(float)
    noise = golden.arrays[entry.noise_of(stored).name].astype(float)
    noise = noise * (PRECISIONS[precision].unit / PRECISIONS[entry.precision].unit)
    with np.errstate(all="ignore"):
        error = np.abs(actual - expected)
        off_by = error / noise
    off_by = np.where(np.isnan(off_by), np.inf, off_by)
    farthest = float(np.max(off_by, initial=0))
    beyond = off_by > LIMIT
    if farthest <= FARTHEST and np.sum(beyond) <= SHARE * beyond.size:
        return Comparison(entry, stored.name, Status.PASS, beyond.size, farthest)
    hopeless = np.max(error) >= HALF * np.max(np.abs(expected)) > 0
    status = Status.WRONG if hopeless or farthest > WRONG else Status.IMPRECISE
    first = tuple(map(int, np.argwhere(beyond)[0]))
    found, right = float(actual[first]), float(expected[first])
    message = f"is off by {off_by[first]:.2g} noise units{_at(first)}: "
    message += f"it is {found}, and {right} is right"
    return Comparison(entry, stored.name, status, beyond.size, farthest, message)


def _misfit(stored, actual, precision):
    """Why an array cannot be compared number by number, or ""."""
    dtypes = PRECISIONS[precision].dtypes
    if actual is None:
        return "is not there: the rule gives none today"
    if actual.dtype.str[1:] not in dtypes and actual.dtype.str != stored.dtype:
        allowed = " or ".join(np.dtype(name).name for name in dtypes)
        return f"is {actual.dtype}, and must be {allowed} in {precision}"
    if actual.shape != stored.shape:
        return f"has the shape {actual.shape}, and {stored.shape} is right"
    return ""


def _at(index):
    return f" at [{', '.join(map(str, index))}]" if index else ""


def _ready(entry, budget):
    """The rule of an entry, or why it cannot run today. Raises TooMuchError."""
    classes = {cls.__name__: cls for family in catalog.families().values() for cls in family}
    if entry.rule not in classes:
        return "is not in the catalog today"
    try:
        rule = classes[entry.rule](**entry.options)
    except TypeError:
        names = [field.name for field in dataclasses.fields(classes[entry.rule])]
        return f"has other options today: {', '.join(names) or 'none'}"
    try:
        budget.spend(entry, rule)
    except TooMuchError:
        raise
    except FAULTS as error:
        return _fault(error)
    return rule


def _today(rule, entry, golden):
    """What the rule gives at the inputs of an entry, and an empty text; or nothing, and why."""
    inputs, dy = ([golden.arrays[s.name] for s in entry.having(r)] for r in ("input", "upstream"))
    try:
        return run(rule, inputs, dy), ""
    except FAULTS as error:
        return {}, _fault(error)


def _fault(error):
    return f"raises {type(error).__name__} today: {' '.join(str(error).split())[:200]}"


def _refuse_lies(manifest, arrays):
    """Raise ValueError for the first array that is not what the manifest says."""
    stored = [array for entry in manifest.entries for array in entry.arrays]
    names = [s.name for s in stored]
    if missing := [name for name in names if name not in arrays]:
        raise ValueError(f"the array {missing[0]} is missing")
    if len(names) != len(set(names)) or len(names) != len(arrays):
        raise ValueError(f"it holds {len(arrays)} arrays, and its manifest lists {len(names)}")
    for name in {entry.precision for entry in manifest.entries} - PRECISIONS.keys():
        raise ValueError(f"it holds vectors in {name!r}; there are {', '.join(PRECISIONS)}")
    for s in stored:
        array = arrays[s.name]
        if (array.shape, array.dtype.str) != (s.shape, s.dtype):
            found = f"{array.dtype} of the shape {array.shape}"
            raise ValueError(f"the array {s.name} is {found}, not {s.dtype} of the shape {s.shape}")
        if npz.digest(array) != s.sha256:
            raise ValueError(f"the array {s.name} does not have the SHA-256 of the manifest")
        if not np.all(np.isfinite(array)) or (s.role in NOISE.values() and np.any(array <= 0)):
            raise ValueError(f"the array {s.name} is not finite, or is noise and not positive")


def _entries(rules, seed):
    """Each entry of a file, and its arrays by their names."""
    numbers = Counter()
    for rule in dict.fromkeys(rules):
        kind, options = type(rule).__name__, _options(rule)
        for case, precisions in cases_of(rule, seed):
            for precision in precisions:
                own = vectors(rule, case, PRECISIONS[precision], seed)
                stored = _named(rule, f"{kind}/{numbers[kind]}/{precision}", own)
                if own:
                    names = [s.name for s in stored]
                    entry = Entry(kind, options, case.description, precision, stored)
                    yield entry, dict(zip(names, own.values(), strict=True))
            numbers[kind] += 1


def _manifest(entries, seed):
    """The manifest of what this handgrad exports."""
    precisions = {n: {"unit": p.unit, "stored": p.stored} for n, p in PRECISIONS.items()}
    return Manifest(__version__, np.__version__, seed, precisions, tuple(entries))


def _named(rule, prefix, arrays):
    """The arrays of one entry with their names in the file."""
    arguments = _argument_names(rule, sum(role == "input" for role, _ in arrays))
    outputs = sum(role == "output" for role, _ in arrays)
    stored = []
    for (role, index), array in arrays.items():
        label = _label(role.removesuffix(" noise"), index, arguments, outputs)
        name = f"{prefix}/{FOLDERS.get(role, role)}/{label}"
        stored.append(Stored.of(array, name, role, index, label))
    return tuple(stored)


def _label(role, index, arguments, outputs):
    """x, dy, y or dx: with a number if there are several outputs."""
    number = index if outputs > 1 else ""
    match role:
        case "input":
            return arguments[index]
        case "upstream":
            return f"dy{number}"
        case "output":
            return f"y{number}"
    return f"d{arguments[index]}"


def _argument_names(rule, count):
    """What the rule's forward calls its inputs; several under one name are numbered."""
    *fixed, last = inspect.signature(rule.forward).parameters.values()
    names = [parameter.name for parameter in fixed]
    if last.kind is not inspect.Parameter.VAR_POSITIONAL:
        return [*names, last.name]
    return names + [f"{last.name}{i}" for i in range(count - len(names))]


def _options(rule):
    """The fields of a rule. Raises ValueError if JSON cannot hold one."""
    fields = dataclasses.fields(rule) if dataclasses.is_dataclass(rule) else ()
    options = {field.name: getattr(rule, field.name) for field in fields}
    try:
        json.dumps(options, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{rule!r} cannot be exported: {error}") from None
    return options
