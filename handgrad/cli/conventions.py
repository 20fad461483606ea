"""handgrad conventions: what rules, JAX and torch return at kinks, ties and limits."""

import argparse
from importlib import metadata

from handgrad import __version__
from handgrad.cli.console import UsageError
from handgrad.cli.targets import find_rules
from handgrad.common import strict_json

DESCRIPTION = """\
Print a table in Markdown of what our rules, JAX and torch return at kinks, ties,
bounds, zeros and infinities: the value, and the gradient. It is measured when it
is printed, in float64, with what is installed."""
EXPLANATION = """\
A cell is the value; the gradient of one input, the first that is named. The upstream gradient is 1,
or 1, 2, 3, … where there are several outputs. ≠ marks what differs from the rule's."""


def add_parser(commands):
    parser = commands.add_parser(
        "conventions",
        help="what we, JAX and torch return at kinks and special points, measured",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="a rule or a family; all")
    parser.add_argument("--json", action="store_true", help="print one JSON object and no table")
    parser.set_defaults(run=run)


def run(arguments):
    """0 when the table is printed; 2 if a target stands for nothing that has a case."""
    from handgrad.comparison.conventions import measured

    rows = measured(_cases(arguments.targets))
    print(_as_json(rows) if arguments.json else "\n".join(_page(rows)))
    return 0


def _cases(targets):
    """The cases of the rules that are named, or all."""
    from handgrad.comparison.special_points import CASES

    if not targets:
        return CASES
    names = {cls.__name__ for target in targets for cls in find_rules(target)}
    cases = [case for case in CASES if case.rule.partition("(")[0] in names]
    if not cases:
        raise UsageError(f"the table has no special point of {', '.join(targets)}: see all of it")
    return cases


def _versions():
    yield "handgrad", __version__
    for name in ("jax", "torch"):
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            yield name, None


def _as_json(rows):
    found = {"versions": dict(_versions()), "rows": [row.to_dict() for row in rows]}
    return strict_json.dumps(found, indent=2, ensure_ascii=False)


def _page(rows):
    from handgrad.comparison.conventions import LIBRARIES

    measured = ", ".join(f"{name} {number}" for name, number in _versions() if number)
    yield from ("# Conventions", "", f"Measured with {measured}, in float64.", EXPLANATION, "")
    yield from _table("rule", "at", *LIBRARIES)
    for row in rows:
        yield f"| `{row.case.rule}` | {row.point} | {' | '.join(row.cells)} |"
    yield from ("", "## How it is written", "", *_table("rule", "JAX", "torch"))
    for rule, *codes in dict.fromkeys((r.case.rule, r.case.jax, r.case.torch) for r in rows):
        yield f"| `{rule}` | {' | '.join(map(_code, codes))} |"


def _table(*names):
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"


def _code(text):
    return f"`{text}`" if text else "–"
