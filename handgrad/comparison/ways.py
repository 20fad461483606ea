"""The ways to one gradient, by hand and by automatic differentiation: counted, timed, compared."""

import math
from collections import Counter
from dataclasses import asdict, dataclass
from html import escape

import jax

from handgrad.common.html import noted, table
from handgrad.common.oracle import in_double_precision
from handgrad.common.random import generator
from handgrad.comparison.counting import (
    Cost,
    arithmetic_and_moves,
    cost_of,
    largest_in,
    operations_in,
)
from handgrad.comparison.programs import Programs, ReverseMode, programs_of
from handgrad.comparison.running import Run, difference, numpy_calls
from handgrad.comparison.sizes import candidates, inputs_at, numbers_in, spelled
from handgrad.comparison.timing import medians
from handgrad.derivation.docstrings import derivation_of
from handgrad.judge.oracles.jax import registered_reference

HAND, SAME, REFERENCE = "by hand", "JAX, same code", "JAX, reference"
DTYPES = ("float32", "float64")
HALVES = ("forward", "backward")
COMFORTABLE = 2**23  # numbers in the largest array of a program, where we choose the sizes
MOST = 2**25  # and where they are given
FEW = 2**8  # in the inputs, where programs are counted and not run
SECONDS = 2.0  # to measure the times of one rule


@dataclass(frozen=True)
class Half:
    """The forward or the backward of one way to a gradient.

    `seconds` are the compiled program's, `numpy_seconds` the rule's on NumPy. `difference` is the
    largest difference from the same numbers by hand, as a share of their scale.
    """

    operations: Counter
    cost: Cost | None
    seconds: float
    numpy_seconds: float | None
    difference: float | None

    def to_dict(self):
        arithmetic, moves = arithmetic_and_moves(self.operations)
        off = self.difference
        return {
            "operations": arithmetic,
            "moves": moves,
            "xla": self.cost and asdict(self.cost),
            "seconds": self.seconds,
            "numpy_seconds": self.numpy_seconds,
            "difference": off if off is not None and math.isfinite(off) else None,
        }


@dataclass(frozen=True)
class Way:
    """One way to a gradient: its programs, and what each half of it costs."""

    programs: Programs
    halves: dict[str, Half]

    def to_dict(self):
        kept = {"kept": self.programs.kept, "never read": self.programs.unread}
        halves = {name: half.to_dict() for name, half in self.halves.items()}
        return halves | {name: [k.to_dict() for k in arrays] for name, arrays in kept.items()}


@dataclass(frozen=True, repr=False)
class Comparison:
    """A gradient by hand beside automatic differentiation, at the same sizes and numbers."""

    rule: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    sizes: dict[str, int | tuple[int, ...]]
    dtype: str
    seed: int
    ways: dict[str, Way]

    def __str__(self):
        from handgrad.comparison.table import footer, table

        return "\n".join([*table(self), "", *footer(self.dtype)])

    __repr__ = __str__

    def _repr_html_(self):
        """In a notebook: the same table."""
        from handgrad.comparison.table import footer, halves_of, rows, where

        heads = [(self.rule, list(self.ways)), halves_of(self.ways)]
        below = [where(self), *footer(self.dtype)]
        return noted(table(heads, list(rows(self))), f"<p>{escape(' '.join(below))}</p>")

    def to_dict(self):
        """The comparison in plain strings, lists and finite numbers."""
        return {
            "rule": self.rule,
            "sizes": self.sizes,
            "dtype": self.dtype,
            "seed": self.seed,
            "ways": {name: way.to_dict() for name, way in self.ways.items()},
        }


def compared(rule, sizes, dtype, seed):
    """The Comparison of a rule; see handgrad.compare."""
    if isinstance(rule, type) or not hasattr(rule, "backward"):
        raise TypeError(f"{rule!r} is not a rule: pass one, such as Softmax()")
    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}: choose {' or '.join(DTYPES)}")
    if not isinstance(sizes, dict):
        raise TypeError(f'sizes is {sizes!r}: pass a dict, such as {{"N": 512}}')
    derivation = derivation_of(rule)
    if not derivation.givens:
        raise ValueError(f"{rule!r} has no derivation that states the shapes of its inputs")
    with in_double_precision(), jax.enable_x64(dtype == "float64"):
        sizes, inputs, programs = _traced(rule, derivation, sizes, dtype, seed)
        outputs = programs[HAND].forward.out_avals[: programs[HAND].outputs]
        rng = generator(seed, rule, "dy")
        dy = [rng.normal(size=y.shape).astype(y.dtype) for y in outputs]
        runs = {name: Run(programs[name], inputs, dy) for name in programs}
        calls = {(name, half): run.call(half) for name, run in runs.items() for half in HALVES}
        calls |= {("NumPy", half): call for half, call in numpy_calls(rule, inputs, dy).items()}
        times = medians(calls, SECONDS)
        ways = {name: _way(name, runs, times) for name in runs}
    names = tuple(given.name for given in derivation.givens)
    return Comparison(repr(rule), names, derivation.outputs, sizes, dtype, seed, ways)


def programs_of_ways(rule, seed=0):
    """Sizes, and the programs of every way at them: what can be counted without running them.

    The sizes are small, for a loop over an axis is written out in a program.
    """
    derivation = derivation_of(rule)
    sizes = next(candidates(derivation, {}, FEW))
    with in_double_precision(), jax.enable_x64(False):
        sizes, _, programs = _traced(rule, derivation, sizes, "float32", seed)
    return sizes, programs


def _traced(rule, derivation, given, dtype, seed):
    """The sizes, the inputs and the programs of every way: the first sizes that are not too large."""
    limit, largest, sizes = MOST if given else COMFORTABLE, 0, given
    for sizes in candidates(derivation, given):
        largest = numbers_in(derivation, sizes)
        if largest <= limit:
            inputs = inputs_at(derivation, sizes, generator(seed, rule, "inputs"), dtype)
            programs = _programs(rule, inputs, spelled(sizes))
            largest = max(largest_in(p) for way in programs.values() for p in way.halves.values())
            if largest <= limit:
                return sizes, inputs, programs
    raise ValueError(
        f"{rule} or its reference needs {largest} numbers at once at {spelled(sizes)}: "
        "choose smaller sizes"
    )


def _programs(rule, inputs, sizes):
    """The programs of the rule, and those of JAX for each function there is to differentiate."""
    try:
        found = {HAND: programs_of(rule, inputs)}
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{rule} does not run at {sizes}: {reason}") from error
    moved = found[HAND].moved
    found[SAME] = programs_of(ReverseMode(lambda *xs: rule.forward(*xs)[0], moved), inputs)
    if (reference := registered_reference(rule)) is not None:
        found[REFERENCE] = programs_of(ReverseMode(reference, moved), inputs)
    return found


def _way(name, runs, times):
    run, by_hand = runs[name], runs[HAND]
    halves = {}
    for half in HALVES:
        off = difference(run.results[half], by_hand.results[half], by_hand.scales[half])
        halves[half] = Half(
            operations_in(run.programs.halves[half]),
            cost_of(run.executables[half]),
            times[name, half],
            times["NumPy", half] if name == HAND else None,
            None if name == HAND else off,
        )
    return Way(run.programs, halves)
