"""The judge beside other checkers of gradients: what they catch, refuse and cost.

python -m tests.benchmarks.judges [--seeds N] [--only NAME]
"""

import argparse
import textwrap

from handgrad.comparison.timing import machine
from tests.benchmarks import costs, verdicts
from tests.benchmarks.peers import CHECKERS, GOOD

LEGEND = f"""\
Every checker is at its defaults, at the inputs that the zoo draws. caught: the share of the
wrong gradients that it rejects. at inputs: the same of those alone that are wrong (in value,
shape, dtype or number) at these inputs, for a normal dy; the others are wrong at special inputs,
in a layout, in memory, or after other calls. false alarms: the share of the right ones that it
rejects. forward, backward: calls; these and the time are medians over all verdicts. "the book's"
asserts nothing: a mean difference up to {GOOD:g} is accepted here. torch's is meant for float64."""

COSTS = f"""\
One verdict on a right gradient in float64, its first input of n numbers: forward + backward
calls, each weighed by its size, and the time as a multiple of one forward and backward. "by its
count" is the judge's own: evaluations at the given inputs, probes at small ones. –: over
{costs.SECONDS} s. alarm: rejects it."""


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.judges", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="so many draws of each")
    parser.add_argument("--only", default="", metavar="NAME", help="checkers with this in the name")
    options = parser.parse_args(arguments)
    checkers = [name for name in CHECKERS if options.only in name]
    if options.seeds < 1 or not checkers:
        parser.error(f"--seeds is at least 1, and --only a part of one of {', '.join(CHECKERS)}")
    _say(machine("numpy", "jax", "torch", "autograd", "chex"))
    _say(f"seeds 0 to {options.seeds - 1}" if options.seeds > 1 else "seed 0")
    _say(LEGEND, "")
    for precision in ("float64", "float32"):
        for line in verdicts.table(checkers, precision, options.seeds):
            print(line, flush=True)
        print()
    _say(COSTS, "")
    for line in costs.tables(checkers):
        print(line, flush=True)


def _say(*texts):
    for text in texts:
        print(textwrap.fill(" ".join(text.split()), 80), flush=True)


if __name__ == "__main__":
    main()
