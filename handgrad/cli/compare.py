"""handgrad compare: a gradient by hand beside automatic differentiation."""

import argparse
import unicodedata

from handgrad.cli.console import UsageError, is_whole, progress, whole_number
from handgrad.cli.targets import find_rules, is_file
from handgrad.common import strict_json
from handgrad.rules import catalog

DESCRIPTION = """\
Compare a gradient by hand with automatic differentiation: operations, memory,
time, and the numbers. Three ways stand side by side, each forward and backward:
  by hand         the rule
  JAX, same code  jax.vjp of the rule's own forward
  JAX, reference  jax.vjp of the same function, written from its definition"""
EPILOG = """\
what is counted, in the same way for all three
  halves      forward gives the outputs and what backward needs, backward the
              gradients.
  operations  the lines of the jaxpr, however large their arrays. Calls are
              inlined, a loop's body counts once, and what no result needs is
              left out. What only moves, stretches or converts numbers counts
              apart.
  XLA         its own count after fusing each half, on the CPU. A function such
              as exp is not a FLOP, a comparison is one. ≥ says that it does not
              see all: what a library does, or how often a loop runs.
  kept        the arrays that backward reads. Inputs and outputs are in memory
              in any case, the others for backward alone; jax.vjp may hold some
              that its backward never reads. Constants and empty arrays do not
              count. Forward and backward compiled as one may keep less.
  time        the median of calls in turn. XLA runs each half as one program, on
              all cores; NumPy runs the rule, line by line.
  difference  the largest between outputs, and between gradients, as a share of
              the largest number."""


def add_parser(commands):
    parser = commands.add_parser(
        "compare",
        help="set a gradient by hand beside automatic differentiation",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("targets", nargs="+", metavar="TARGET", help="a rule or a family of rules")
    add(
        "--size",
        type=_sizes,
        default={},
        metavar="N=512,D=64",
        help="of letters in the derivation's shapes; ...=64x32 for leading axes",
    )
    add("--dtype", choices=("float32", "float64"), default="float32", help="(default: float32)")
    add("--seed", type=whole_number, default=0, help="of the random numbers (default: 0)")
    add("--jaxpr", action="store_true", help="print the programs too (select_n p a b is b where p)")
    add("--json", action="store_true", help="print one JSON object and no table")
    parser.set_defaults(run=run)


def run(arguments):
    """0 when everything is compared; 2 if a target or a size is none."""
    rules = _rules(arguments.targets)
    from handgrad.comparison.table import footer, programs, table

    found = []
    for i, (rule, sizes) in enumerate(_sized(rules, arguments.size)):
        progress(f"{i}/{len(rules)} {type(rule).__name__}")
        comparison = _compared(rule, sizes, arguments)
        progress()
        listed = programs(comparison) if arguments.jaxpr else {}
        if arguments.json:
            found.append(comparison.to_dict() | ({"programs": listed} if listed else {}))
            continue
        print("\n".join(table(comparison)), end="\n\n", flush=True)
        for name, lines in listed.items():
            print("\n".join([name, *lines]), end="\n\n")
    print(_as_json(found) if arguments.json else "\n".join(footer(arguments.dtype)))
    return 0


def _compared(rule, sizes, arguments):
    from handgrad.comparison import compare

    try:
        return compare(rule, sizes, dtype=arguments.dtype, seed=arguments.seed)
    except ValueError as error:
        if not sizes:
            raise
        raise UsageError(error) from None


def _rules(targets):
    """A rule of each class that the targets name, with its default options, each once."""
    classes = []
    for target in targets:
        if is_file(target):
            raise UsageError(f"{target} is a file: compare takes a rule or a family, as in Softmax")
        classes += find_rules(target)
    return [catalog.instances(cls)[0] for cls in dict.fromkeys(classes)]


def _sized(rules, sizes):
    """Each rule with those of the sizes that its derivation has; each must be one of some rule."""
    from handgrad.comparison.sizes import letters_of
    from handgrad.derivation.docstrings import derivation_of

    letters = {rule: letters_of(derivation_of(rule)) for rule in rules}
    known = list(dict.fromkeys(letter for found in letters.values() for letter in found))
    for letter in sizes:
        if letter not in known:
            there = f"there are {', '.join(known)}" if known else "all shapes are fixed"
            raise UsageError(f"--size {letter}: there is no such size here, {there}")
    return [(rule, {k: n for k, n in sizes.items() if k in letters[rule]}) for rule in rules]


def _sizes(text):
    """The type of --size: a whole number from 1 for each letter, and several for `...`."""
    sizes = {}
    for part in text.split(","):
        letter, _, number = unicodedata.normalize("NFKC", part.strip()).partition("=")
        numbers = number.split("x") if letter == "..." else [number]
        if not letter or not all(is_whole(n) and int(n) > 0 for n in numbers):
            message = f"{part[:40]!r} is not a size, as N=512 or ...=64x32 are, from 1"
            raise argparse.ArgumentTypeError(message)
        sizes[letter] = tuple(map(int, numbers)) if letter == "..." else int(number)
    return sizes


def _as_json(comparisons):
    from handgrad.comparison.timing import machine

    whole = {"machine": machine("numpy", "jax"), "comparisons": comparisons}
    return strict_json.dumps(whole, indent=2)
