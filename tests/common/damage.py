"""A fuzz of files that come from strangers or survive a crash.

    python -m tests.common.damage --golden 20000 --checkpoints 5000

Each file is damaged in one way and read. It must be refused in one sentence, or give exactly what
was saved. Only a forged file, whose digests are right again, may give something else, and that
must be fit for use: its rules are run, or its training goes on.
"""

import argparse
import json
import math
import struct
import sys
import tempfile
import time
import traceback
import zipfile
import zlib
from collections import Counter
from pathlib import Path

import numpy as np

from handgrad import rules
from handgrad.book import checkpoint, training
from handgrad.bridges import golden
from handgrad.common import npz
from tests.common import forging
from tests.digits import draw_digits

FOREIGN = (
    *(None, True, 0, -1, 1, 2, 7, 30_000, 10**9, 10**12, 2**64, 10**40, -(2**63)),
    *(0.1, -0.5, 1e-300, 1e308, math.nan, math.inf, -math.inf),
    *("", "0.1", "x" * 1000, "\x1b[2J", "\0", "\N{RIGHT-TO-LEFT OVERRIDE}", "\ud800", "../a"),
    *(
        [],
        [[]],
        [0],
        [1, 2],
        [-1, 3],
        [10**9] * 2,
        [0] * 100,
        {},
        {"a": 1},
        "conv",
        "Copy",
        "PCG64",
    ),
)
HEADERS = (
    *(("'<f8'", "'<i8'"), ("'<f8'", "'>f8'"), ("'<f8'", "'<f4'"), ("'<f8'", "'|O'")),
    *(("'<f8'", "'<U2'"), ("'<f8'", "'<c16'"), ("False", "True"), ("'<f4'", "'<i4'")),
    *(("(", "(1, "), ("(", "(2, "), (", ", ", 0, "), (")", "0)"), ("shape", "shope"), ("}", "")),
)
DEEP = "[" * 100_000
DIRECTORY = b"PK\1\2"  # with which the directory of a zip file begins
OUTCOMES = ("refused", "the same", "fit for use", "WRONG")
SHOWN = 5  # faults
TRACEBACKS = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, OSError),
    *(EOFError, RuntimeError, TypeError, Warning, struct.error, zipfile.BadZipFile, zlib.error),
)


def flipped(rng, whole):
    """One to three bits turned, as often as not in the directory at the end."""
    damaged = bytearray(whole)
    start = whole.index(DIRECTORY) if rng.random() < 0.5 else 0
    for place in rng.integers(8 * start, 8 * len(whole), rng.integers(1, 4)):
        damaged[place // 8] ^= 1 << place % 8
    return bytes(damaged)


def cut(rng, whole):
    """The end, the beginning or a piece is missing, stands there twice, or is zeros."""
    start, stop = sorted(rng.integers(0, len(whole) + 1, 2))
    piece = whole[start:stop]
    return (
        whole[:start],
        whole[stop:],
        whole[:start] + whole[stop:],
        whole[:stop] + piece + whole[stop:],
        whole[:start] + bytes(len(piece)) + whole[stop:],
        whole + piece,
    )[rng.integers(6)]


def rearranged(rng, whole):
    """Members in another order, twice, left out, under another's name, or compressed."""
    members = forging.members_of(whole)
    i, j = rng.integers(len(members), size=2)
    match rng.integers(6):
        case 0:
            rng.shuffle(members)
        case 1:
            members.append(members[i])
        case 2:
            del members[i]
        case 3:
            members[i] = (members[j][0], members[i][1])
        case 4:
            members[i], members[j] = (
                (members[i][0], members[j][1]),
                (members[j][0], members[i][1]),
            )
        case 5:
            return forging.zipped(members, 8)
    return forging.zipped(members)


def misdescribed(rng, whole):
    """The header of one array says something else, with a right CRC."""
    members = forging.members_of(whole)
    i = rng.integers(len(members))
    name, content = members[i]
    old, new = HEADERS[rng.integers(len(HEADERS))]
    end = 10 + int.from_bytes(content[8:10], "little")
    header = content[10:end].decode().replace(old, new, 1).rstrip()
    header = header.ljust(end - 11)[: end - 11] + "\n"
    members[i] = name, content[:10] + header.encode() + content[end:]
    return forging.zipped(members)


def renumbered(rng, whole):
    """One byte of one array's numbers is another, with a right CRC."""
    members = forging.members_of(whole)
    i = rng.integers(len(members))
    name, content = members[i]
    place = rng.integers(10, len(content))
    changed = bytes(((content[place] + rng.integers(1, 256)) % 256,))
    members[i] = name, content[:place] + changed + content[place + 1 :]
    return forging.zipped(members)


def misspelled(rng, whole):
    """The JSON is another, or is not JSON, with a right CRC; its digests are what they were."""
    arrays = forging.arrays_of(whole)
    name = [name for name in ("manifest", "about", "sha256") if name in arrays][rng.integers(-1, 1)]
    value = forging.as_json(arrays[name])
    if rng.random() < 0.1:
        value = [DEEP, "{", "NaN", '{"a": 1e999}', "9" * 5000][rng.integers(5)]
    else:
        edit(rng, value)
    return forging.packed(arrays | {name: forging.as_bytes(value)})


def forged(rng, whole):
    """The JSON or an array is another, and all digests are right."""

    def change(value, arrays):
        if rng.random() < 0.6:
            edit(rng, value)
        else:
            name = list(arrays)[rng.integers(len(arrays))]
            arrays[name] = reshaped(rng, arrays[name])

    forge = forging.forged_vectors if b"manifest.npy" in whole else forging.forged_run
    return forge(whole, change)


def edit(rng, value):
    """Put a foreign value somewhere in a value of JSON, or leave something out."""
    while True:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = keys[rng.integers(len(keys))]
        inner = value[key]
        if isinstance(inner, dict | list) and inner and rng.random() < 0.9:
            value = inner
        elif rng.random() < 0.1:
            del value[key]
            return
        else:
            value[key] = FOREIGN[rng.integers(len(FOREIGN))]
            return


def reshaped(rng, array):
    """An array of another shape or type, or with other numbers."""
    changes = (
        lambda a: a.astype(np.float32),
        lambda a: a.astype(">f8"),
        lambda a: a.astype(np.int64),
        lambda a: a.reshape(-1),
        lambda a: a[:-1] if a.ndim else a,
        lambda a: a.T,
        lambda a: -a if a.dtype.kind == "f" else a,
        lambda a: a * np.nan if a.dtype.kind == "f" else a,
        lambda a: a * 1e300 if a.dtype == float else a,
        lambda a: np.zeros((0, *a.shape)),
    )
    with np.errstate(all="ignore"):
        return np.array(changes[rng.integers(len(changes))](array))


DAMAGES = (flipped, cut, rearranged, misdescribed, renumbered, misspelled, forged)


class Vectors:
    """Files of golden vectors: a few entries of three rules."""

    may_differ = (misspelled, forged)  # what a manifest says of itself has no digest

    def __init__(self, path):
        self.path = path
        vectors = golden.export([rules.Negate(), rules.Copy(3), rules.Conv2d()], path)
        wanted = {("Negate", "float64"), ("Copy", "float32"), ("Conv2d", "bfloat16")}
        entries = tuple(
            e
            for e in vectors.manifest.entries
            if (e.rule, e.precision) in wanted and e.case == "distinct sizes"
        )
        manifest = golden.Manifest(**vars(vectors.manifest) | {"entries": entries})
        arrays = {s.name: vectors.arrays[s.name] for e in entries for s in e.arrays}
        npz.write(path, {"manifest": manifest.encoded()} | arrays)
        self.sound = golden.load(path)

    def load(self):
        return golden.load(self.path)

    def same(self, loaded):
        return loaded.manifest == self.sound.manifest and equal(loaded.arrays, self.sound.arrays)

    def use(self, loaded):
        """Run the rules, and show what they give as a user sees it."""
        for comparison in golden.check(loaded):
            assert str(comparison).isprintable()


class Runs:
    """Checkpoints of a small training run."""

    may_differ = (forged,)

    def __init__(self, path):
        self.path = path
        rng = np.random.default_rng(0)
        self.digits = draw_digits(rng, 60), draw_digits(rng, 30)
        run = training.start(training.Settings(hidden=4, batch=10), self.digits[0])
        for _ in training.advance(run, *self.digits, 14):
            pass
        checkpoint.save(run, path)
        self.sound = checkpoint.load(path)

    def load(self):
        return checkpoint.load(self.path)

    def same(self, loaded):
        params = equal(loaded.net.params, self.sound.net.params)
        return params and facts(loaded) == facts(self.sound)

    def use(self, loaded):
        """Train on, if the command line would; and save it."""
        checkpoint.save(loaded, self.path)
        assert facts(checkpoint.load(self.path)) == facts(loaded)
        if loaded.image == (28, 28) and training.memory_of(loaded.settings, loaded.image) < 2**28:
            try:
                for _ in training.advance(loaded, *self.digits, loaded.step + 1):
                    pass
            except FloatingPointError as error:
                raise ValueError(f"{self.path}: {error}") from None


def facts(run):
    """What a run is but for its parameters, as a text."""
    state = run.rng.bit_generator.state
    return json.dumps([vars(run.settings), run.image, state, run.digits, run.losses, run.history])


def equal(a, b):
    """Whether two dicts have the same arrays."""
    return a.keys() == b.keys() and all(
        (a[n].dtype, a[n].shape, a[n].tobytes()) == (b[n].dtype, b[n].shape, b[n].tobytes())
        for n in a
    )


def campaign(subject, count, seed=0):
    """How often each damage had which outcome, what went wrong, and the longest time in seconds."""
    whole = subject.path.read_bytes()
    found, faults, slowest = Counter(), [], 0.0
    for i in range(count):
        damage = DAMAGES[i % len(DAMAGES)]
        damaged = damage(np.random.default_rng([seed, i]), whole)
        subject.path.write_bytes(damaged)
        begin = time.thread_time()
        outcome = read(subject, damage)
        slowest = max(slowest, time.thread_time() - begin)
        if outcome not in OUTCOMES:
            faults.append(f"{damage.__name__}, {i}: {outcome}")
        found[damage.__name__, outcome if outcome in OUTCOMES else "WRONG"] += 1
    return found, faults, slowest


def read(subject, damage):
    """What becomes of a damaged file."""
    try:
        loaded = subject.load()
        if subject.same(loaded):
            return "the same"
        if damage not in subject.may_differ:
            return "it was loaded in silence as something else"
        subject.use(loaded)
    except ValueError as error:
        message = str(error)
        one_line = message.isprintable() and len(message) < 1000
        return "refused" if one_line and message.startswith(str(subject.path)) else message
    except TRACEBACKS:
        return traceback.format_exc()
    return "fit for use"


def report(kind, count, seed):
    """Print what a campaign found; whether nothing is wrong."""
    with tempfile.TemporaryDirectory() as directory:
        subject = kind(Path(directory) / "file.npz")
        found, faults, slowest = campaign(subject, count, seed)
    lines = [f"{kind.__name__}: {count} damaged files, the slowest took {slowest:.2f} s"]
    for damage in DAMAGES:
        row = [f"{found[damage.__name__, outcome]:>8} {outcome}" for outcome in OUTCOMES]
        lines.append(f"  {damage.__name__:<13}{''.join(row)}")
    sys.stdout.write("\n".join([*lines, *faults[:SHOWN], ""]))
    return not faults


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--golden", type=int, default=0)
    parser.add_argument("--checkpoints", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    right = [
        report(kind, count, given.seed)
        for kind, count in ((Vectors, given.golden), (Runs, given.checkpoints))
        if count
    ]
    sys.exit(0 if all(right) else 1)


if __name__ == "__main__":
    main()
