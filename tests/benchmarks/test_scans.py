"""What scans keep between forward and backward, beside what `jax.vjp` keeps of the same recurrence.

python -m tests.benchmarks.test_scans

Bytes of the arrays that backward reads, in float32, at the sizes of a small model. `jax.checkpoint`
of the recurrence keeps the inputs alone, and runs it a second time before it goes back.
"""

import jax
import numpy as np
import pytest

from handgrad import SSD, DeltaRule, GatedDeltaRule, SelectiveScan, Sinkhorn
from handgrad.comparison.programs import ReverseMode
from handgrad.judge.oracles.jax import registered_reference
from tests.benchmarks.residuals import kept

STEPS, CHANNELS, HEADS, WIDTH, STATES = 2048, 256, 4, 64, 16
KEYS = (HEADS, STEPS, WIDTH)
CASES = {
    SelectiveScan(): (
        *((1, STEPS, CHANNELS),) * 2,
        (CHANNELS, STATES),
        *((1, STEPS, STATES),) * 2,
        (CHANNELS,),
    ),
    SSD(): (
        (1, STEPS, HEADS, WIDTH),
        (1, STEPS, HEADS),
        (HEADS,),
        *((1, STEPS, STATES),) * 2,
        (HEADS,),
    ),
    DeltaRule(): (KEYS, KEYS, KEYS, KEYS[:2]),
    GatedDeltaRule(): (KEYS, KEYS, KEYS, KEYS[:2], KEYS[:2]),
    Sinkhorn(20): ((256, 256),),
}


def bytes_of(rule):
    """The bytes kept by hand, by `jax.vjp` of the reference, and by that of it rematerialized."""
    inputs = [jax.ShapeDtypeStruct(shape, np.float32) for shape in CASES[rule]]
    reference, positions = registered_reference(rule), range(len(inputs))
    ways = rule, *(ReverseMode(f, positions) for f in (reference, jax.checkpoint(reference)))
    return [kept(way, inputs)[0] for way in ways]


@pytest.mark.parametrize("rule", CASES, ids=repr)
def test_a_scan_keeps_at_most_a_fifth_of_what_jax_keeps(rule):
    by_hand, differentiated, rematerialized = bytes_of(rule)
    assert by_hand <= differentiated / 5
    assert by_hand <= 1.4 * rematerialized


def main():
    print(f"{'MB kept':<30}{'by hand':>10}{'jax.vjp':>10}{'checkpoint':>12}{'share':>8}")
    for rule in CASES:
        found = bytes_of(rule)
        cells = "".join(f"{b / 2**20:>{w}.1f}" for b, w in zip(found, (10, 10, 12), strict=True))
        print(f"{rule!r:<30}{cells}{found[0] / found[1]:>8.3f}")


if __name__ == "__main__":
    main()
