"""What scans keep and how long they take, beside `jax.vjp` of the same recurrence.

python -m tests.benchmarks.scans

float32, at the sizes of a small model. Bytes of the arrays that backward reads; and the time of
forward and backward, compiled. `jax.checkpoint` of the recurrence keeps the inputs alone, and runs
it a second time before it goes back.
"""

import statistics

import jax
import numpy as np

from handgrad import SSD, DeltaRule, GatedDeltaRule, SelectiveScan, Sinkhorn
from handgrad.common.random import generator
from handgrad.comparison.programs import ReverseMode
from handgrad.comparison.sizes import inputs_at
from handgrad.comparison.timing import machine
from handgrad.derivation.docstrings import derivation_of
from handgrad.judge.oracles.jax import registered_reference
from tests.benchmarks.compiled import together
from tests.benchmarks.harness import alone, timed
from tests.benchmarks.residuals import kept

HEADS = {"M": 4, "T": 2048, "K": 64, "V": 64}
SIZES = {
    SelectiveScan(): {"M": 1, "T": 2048, "E": 256, "N": 16},
    SSD(): {"M": 1, "T": 2048, "H": 4, "P": 64, "N": 16},
    DeltaRule(): HEADS,
    GatedDeltaRule(): HEADS,
    Sinkhorn(20): {"...": (), "N": 256, "M": 256},
}
WAYS = ("by hand", "jax.vjp", "checkpoint")


def inputs_of(rule):
    """Random inputs; keys have the length 1, for what a delta rule holds grows without bound else."""
    drawn = inputs_at(derivation_of(rule), SIZES[rule], generator(0, rule), "float32")
    if isinstance(rule, DeltaRule | GatedDeltaRule):
        drawn[1] /= np.linalg.norm(drawn[1], axis=-1, keepdims=True)
    return drawn


def ways_of(rule, inputs):
    """The ways to the gradient, by name."""
    reference, positions = registered_reference(rule), range(len(inputs))
    peers = (ReverseMode(f, positions) for f in (reference, jax.checkpoint(reference)))
    return dict(zip(WAYS, (rule, *peers), strict=True))


def bytes_of(rule):
    """The bytes that each way keeps."""
    inputs = inputs_of(rule)
    return {name: kept(way, inputs)[0] for name, way in ways_of(rule, inputs).items()}


def seconds_of(rule):
    """The median seconds of each way, in turn."""
    inputs = jax.device_put(inputs_of(rule))
    dy = jax.random.normal(jax.random.key(0), jax.eval_shape(rule.forward, *inputs)[0].shape)
    calls = {}
    for name, way in ways_of(rule, inputs).items():
        run = jax.jit(together(way)).lower(inputs, dy).compile()
        calls[name] = lambda run=run: jax.block_until_ready(run(inputs, dy))
    return {name: statistics.median(times) for name, times in timed(calls, 4).items()}


def main():
    print(machine("jax", "jaxlib"))
    print(f"{'':<28}{'MB kept':^34}{'':6}{'ms, one thread':^33}")
    print(
        f"{'':<28}"
        + "".join(f"{way:>11}" for way in WAYS)
        + f"{'share':>8}"
        + "".join(f"{way:>11}" for way in WAYS)
    )
    for rule in SIZES:
        held, seconds = bytes_of(rule), seconds_of(rule)
        share = held["by hand"] / held["jax.vjp"]
        cells = "".join(f"{held[way] / 2**20:>11.1f}" for way in WAYS) + f"{share:>8.3f}"
        cells += "".join(f"{1e3 * seconds[way]:>11.1f}" for way in WAYS)
        print(f"{rule!r:<28}{cells}", flush=True)


if __name__ == "__main__":
    alone(main)
