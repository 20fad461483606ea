"""What each rule keeps between forward and backward, beside what `jax.vjp` keeps.

python -m tests.benchmarks.residuals [RULE or FAMILY …]

Bytes of the arrays that backward reads, each once. Inputs and outputs are in memory in any case;
"beside" are the others. The share is that of the peer that keeps less. What `jax.vjp` holds but never reads is not counted.
"""

from handgrad.comparison.programs import programs_of
from handgrad.comparison.timing import machine
from tests.benchmarks.cases import cases_of, chosen
from tests.benchmarks.ways import HAND, IDIOM, REFERENCE, ways_of

AIM = 1.0
REASONS = {"Power": "keeps its inputs and its output, and nothing beside them"}


def kept(way, inputs):
    """The bytes that a way keeps, in all and beside inputs and outputs."""
    programs = programs_of(way, inputs)
    return tuple(sum(k.bytes for k in arrays) for arrays in (programs.kept, programs.beside))


def main():
    print(machine("jax", "jaxlib"))
    print("float32, arrays of up to a megabyte; kB kept in all, and kB kept beside")
    print(f"{'':<30}" + "".join(f"{name:^20}" for name in (HAND, REFERENCE, IDIOM)) + "   share")
    above = []
    for cls in chosen():
        _, case, _ = cases_of(cls)
        found = {name: kept(way, case.inputs) for name, way in ways_of(case).items()}
        cells = (_cell(found.get(name)) for name in (HAND, REFERENCE, IDIOM))
        least = min(found[name][0] for name in found if name != HAND)
        share = found[HAND][0] / least if least else None
        print(f"{cls.__name__:<30}" + "".join(cells) + _share(share), flush=True)
        if share is not None and share > AIM:
            above.append(f"{cls.__name__}: {REASONS.get(cls.__name__, 'no reason is known')}")
    print("\n".join(above))


def _cell(kept):
    return f"{'–':^20}" if kept is None else "".join(f"{b / 1024:>10.0f}" for b in kept)


def _share(share):
    return f"{'–':>8}" if share is None else f"{share:>8.2f}"


if __name__ == "__main__":
    main()
