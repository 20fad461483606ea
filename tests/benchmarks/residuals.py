"""What each rule keeps between forward and backward, beside what `jax.vjp` keeps.

python -m tests.benchmarks.residuals [RULE or FAMILY …]

Bytes of the arrays that backward reads, each once. Inputs and outputs are in memory in any case;
"beside" are the others. The share is that of the peer that keeps less. What `jax.vjp` holds but
never reads is not counted.
"""

import statistics

from handgrad.comparison.programs import programs_of
from handgrad.comparison.timing import machine
from handgrad.rules import catalog
from tests.benchmarks.cases import HAND, IDIOM, REFERENCE, case_at, chosen, ways_of

NAMES = (HAND, REFERENCE, IDIOM)


def kept(way, inputs):
    """The bytes that a way keeps, in all and beside inputs and outputs."""
    programs = programs_of(way, inputs)
    return tuple(sum(k.bytes for k in arrays) for arrays in (programs.kept, programs.beside))


def main():
    print(machine("jax", "jaxlib"))
    print("float32, inputs of a megabyte; kB kept in all, and kB kept beside")
    print(f"{'':<30}" + "".join(f"{name:^20}" for name in NAMES) + "   share")
    held = {}
    for cls in chosen():
        case = case_at(cls, "medium")
        found = {name: kept(way, case.inputs) for name, way in ways_of(case).items()}
        held[cls] = found
        cells = (_cell(found.get(name)) for name in NAMES)
        print(f"{cls.__name__:<30}" + "".join(cells) + _share(found), flush=True)
    by_family(held)


def by_family(held):
    """Prints what the rules of each family keep together, and what the best peers of them keep."""
    print(f"{'kB kept in all':<30}{'by hand':>12}{'best peers':>12}   share")
    for family, classes in catalog.families().items():
        found = [held[cls] for cls in classes if cls in held]
        ours = sum(ways[HAND][0] for ways in found)
        least = sum(_least(ways) for ways in found)
        if found:
            share = f"{ours / least:>8.2f}" if least else f"{'–':>8}"
            print(f"{family:<30}{ours / 1024:>12.0f}{least / 1024:>12.0f}{share}")
    shares = [ways[HAND][0] / _least(ways) for ways in held.values() if _least(ways)]
    print(f"median share of a rule: {statistics.median(shares):.2f}" if shares else "no shares")


def _cell(kept):
    return f"{'–':^20}" if kept is None else "".join(f"{b / 1024:>10.0f}" for b in kept)


def _share(found):
    """What is kept by hand, as a share of what the best peer keeps."""
    least = _least(found)
    return f"{found[HAND][0] / least:>8.2f}" if least else f"{'–':>8}"


def _least(found):
    """The bytes that the best peer keeps in all."""
    return min((found[name][0] for name in found if name != HAND), default=0)


if __name__ == "__main__":
    main()
