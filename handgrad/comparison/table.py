"""The table: the ways to a gradient side by side, forward and backward of each, in 80 columns."""

import textwrap
from collections import Counter

from handgrad.common.precision import unit_of
from handgrad.comparison.counting import arithmetic_and_moves
from handgrad.comparison.listing import listing
from handgrad.comparison.sizes import spelled
from handgrad.comparison.timing import machine

NAME, CELL = 26, 9
TIMES = ((1.0, " s"), (1e-3, " ms"), (1e-6, " µs"))
COUNTS = ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k"))


def table(comparison):
    """The lines of a comparison."""
    yield from textwrap.wrap(comparison.rule, 80)
    yield from textwrap.wrap(where(comparison), 80)
    yield f"{'':{NAME}}" + "".join(f"{name:>{2 * CELL}}" for name in comparison.ways)
    yield from (_line(*row) for row in [halves_of(comparison.ways), *rows(comparison)])


def where(comparison):
    """The sizes, the type and the seed."""
    parts = [spelled(comparison.sizes), comparison.dtype, f"seed {comparison.seed}"]
    return "; ".join(filter(None, parts))


def halves_of(ways):
    """The heads of the columns below those of the ways."""
    return "", ["forward", "backward"] * len(ways)


def rows(comparison):
    """The rows of the table: a title, and a cell for each half of each way."""
    halves = [half for way in comparison.ways.values() for half in way.halves.values()]
    programs = [way.programs for way in comparison.ways.values()]
    yield from operation_rows([half.operations for half in halves])
    yield "after XLA's optimization", []
    yield "  FLOPs", [_cost(half, "flops") for half in halves]
    yield "  transcendentals", [_cost(half, "transcendentals") for half in halves]
    yield "  bytes read and written", [_cost(half, "bytes_accessed") for half in halves]
    yield from kept_rows(programs)
    yield "time, XLA", [_time(half.seconds) for half in halves]
    yield "time, NumPy", [_time(half.numpy_seconds) for half in halves]
    yield "difference from by hand", [_difference(half.difference) for half in halves]


def operation_rows(operations):
    """The rows that count the operations of each half."""
    counts = [arithmetic_and_moves(counter) for counter in operations]
    yield from _counted("operations", [arithmetic for arithmetic, _ in counts])
    yield from _counted("moves of data", [moves for _, moves in counts])


def kept_rows(programs):
    """The rows that count what each way keeps for its backward."""
    yield "kept for backward", ["arrays", "bytes"] * len(programs)
    yield "  inputs and outputs", _held(p.present for p in programs)
    yield "  other arrays", _held(p.beside for p in programs)
    if any(p.unread for p in programs):
        yield "  never read", _held(p.unread for p in programs)


def footer(dtype):
    """The lines below all tables: the rounding of the type, and the machine."""
    text = f"{dtype} rounds by {unit_of(dtype):.1e} of a number. {machine('numpy', 'jax')}"
    return textwrap.wrap(text, 80)


def programs(comparison):
    """The lines of the programs of each way."""
    names = comparison.inputs, comparison.outputs
    return {name: [*listing(way.programs, *names)] for name, way in comparison.ways.items()}


def _counted(title, counts):
    """A line for all operations, and one for each name among them, the most frequent first."""
    yield title, [count.total() for count in counts]
    together = sum(counts, Counter())
    for name in sorted(together, key=lambda name: (-together[name], name)):
        yield f"  {name}", [count[name] or "" for count in counts]


def _line(title, cells):
    return (f"{title:{NAME}}" + "".join(f"{cell:>{CELL}}" for cell in cells)).rstrip()


def _held(ways):
    """How many arrays there are, and how many bytes, for each way."""
    return [cell for arrays in ways for cell in (len(arrays), _count(sum(k.bytes for k in arrays)))]


def _cost(half, name):
    if half.cost is None:
        return "–"
    return ("≥" if half.cost.at_least else "") + _count(getattr(half.cost, name))


def _count(number):
    """A whole number, of three digits and a prefix from 1000 on."""
    return _prefixed(number, COUNTS) if number >= 1000 else str(number)


def _time(seconds):
    return "–" if seconds is None else _prefixed(seconds, TIMES)


def _difference(share):
    return "–" if share is None else f"{share:.1e}" if share else "0"


def _prefixed(number, prefixes):
    unit, prefix = next((p for p in prefixes if number >= p[0]), prefixes[-1])
    scaled = number / unit
    return f"{scaled:.{0 if scaled >= 99.5 else 1 if scaled >= 9.95 else 2}f}{prefix}"
