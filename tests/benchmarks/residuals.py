"""What each rule keeps between forward and backward, beside what `jax.vjp` keeps.

python -m tests.benchmarks.residuals [RULE or FAMILY …]

Bytes of the arrays that backward reads, each once. Inputs and outputs are in memory in any case;
"beside" are the others. The share is that of the peer that keeps less. What `jax.vjp` holds but
never reads is not counted.
"""

from handgrad.comparison.programs import programs_of
from handgrad.comparison.timing import machine
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
    for cls in chosen():
        case = case_at(cls, "medium")
        found = {name: kept(way, case.inputs) for name, way in ways_of(case).items()}
        cells = (_cell(found.get(name)) for name in NAMES)
        print(f"{cls.__name__:<30}" + "".join(cells) + _share(found), flush=True)


def _cell(kept):
    return f"{'–':^20}" if kept is None else "".join(f"{b / 1024:>10.0f}" for b in kept)


def _share(found):
    """What is kept by hand, as a share of what the best peer keeps."""
    least = min((found[name][0] for name in found if name != HAND), default=0)
    return f"{found[HAND][0] / least:>8.2f}" if least else f"{'–':>8}"


if __name__ == "__main__":
    main()
