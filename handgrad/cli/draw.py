"""handgrad draw: the computational graph, with values going right and gradients coming back."""

from pathlib import Path

from handgrad.cli.console import UsageError, in_one_line, whole_number
from handgrad.cli.outputs import (
    refuse_what_cannot_be_written,
    refuse_what_needs_cairosvg,
    writing,
)
from handgrad.cli.targets import find_rules, is_file, placed, scopes_of
from handgrad.derivation.docstrings import derivation_of
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.sources import only
from handgrad.rules import catalog

SUFFIXES = (".svg", ".dot", ".mmd", ".txt", ".png", ".pdf")
FORMS = {
    "forward": "draw what goes forward, before anything comes back",
    "symbolic": "write formulas at the edges, not numbers",
    "simplified": "draw all of it as one node, with the last form of each gradient",
}


def add_parser(commands):
    parser = commands.add_parser(
        "draw",
        help="draw the computational graph of a derivation",
        description="Draw the computational graph of a derivation: operations, values above the "
        "edges and gradients below, at the given values or at a random point.",
    )
    parser.add_argument(
        "target",
        metavar="TARGET",
        help="a rule, file.md, 'file.md#Heading', file.py::Name, or - for standard input",
    )
    add = parser.add_argument
    add("-o", "--output", metavar="FILE", type=Path, help=f"a file, as {', '.join(SUFFIXES)}")
    forms = parser.add_mutually_exclusive_group()
    for form, words in FORMS.items():
        forms.add_argument(f"--{form}", dest="form", action="store_const", const=form, help=words)
    add("--norm", action="store_true", help="write the norms of arrays beside their shapes")
    add("--steps", action="store_true", help="write the walk forward and back, step by step")
    add("--seed", type=whole_number, default=0, help="of the random numbers (default: 0)")
    parser.set_defaults(run=run, form="numbers")


def run(arguments):
    """0 when the picture is drawn; 2 if there is nothing to draw, or nowhere to write."""
    _check_output(arguments.output)
    from handgrad.drawing.graph import walk
    from handgrad.drawing.picture import Picture

    path, derive = _derivation(arguments.target)
    try:
        drawn = Picture(walk(derive(), arguments.seed), arguments.norm, arguments.form)
        _write(drawn, arguments)
    except DerivationError as error:
        raise UsageError(placed(path, error)) from None
    return 0


def _write(drawn, arguments):
    output = arguments.output
    if output is None:
        print(drawn)
    else:
        with writing(output):
            drawn.save(output)
        print(f"the picture is in {in_one_line(output)}")
    if arguments.steps:
        print(f"\n{drawn.steps}")


def _check_output(output):
    """Say before the work what would fail after it."""
    if output is None:
        return
    if output.suffix not in SUFFIXES:
        raise UsageError(f"-o {output} must end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    refuse_what_cannot_be_written(output)
    refuse_what_needs_cairosvg("-o", output)


def _derivation(target):
    """The one derivation that a target names, and where it stands."""
    if is_file(target):
        try:
            scope = only(scopes_of(target), target)
        except DerivationError as error:
            raise UsageError(f"{target}: {error}") from None
        return scope.path, scope.derivation
    classes = find_rules(target)
    if len(classes) > 1:
        rules = ", ".join(cls.__name__ for cls in classes)
        raise UsageError(f"{target} is a family; name one of its rules: {rules}")
    return target, lambda: derivation_of(catalog.instances(classes[0])[0])
