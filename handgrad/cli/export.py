"""handgrad export: golden vectors, verified numbers for ports to other languages."""

from pathlib import Path

from handgrad.cli.console import UsageError, progress, whole_number
from handgrad.cli.outputs import refuse_what_cannot_be_written, writing
from handgrad.common.text import many, size
from handgrad.rules import catalog

SUFFIX = ".npz"


def add_parser(commands):
    parser = commands.add_parser(
        "export",
        help="write golden vectors, for ports to other languages",
        description="Write inputs, upstream gradients, outputs and gradients to a file, in "
        "float64, float32 and bfloat16, with the noise floor of every number. A port runs on "
        "them, and `handgrad verify --golden FILE --against YOURS` judges what it gives. The file "
        "is described by `python -c 'import handgrad.bridges.golden as g; help(g)'`.",
    )
    add = parser.add_argument
    add("targets", nargs="*", metavar="TARGET", help="a rule or a family; every rule")
    add("-o", "--output", metavar="FILE", type=Path, required=True, help=f"a file, as {SUFFIX}")
    add("--seed", type=whole_number, default=0, help="of the random numbers (default: 0)")
    parser.set_defaults(run=run)


def run(arguments):
    """0 when the file is written; 2 if there is nothing to write, or nowhere to write it."""
    output = arguments.output
    if output.suffix != SUFFIX:
        raise UsageError(f"-o {output} must end in {SUFFIX}")
    refuse_what_cannot_be_written(output)
    from handgrad.cli.targets import find_rules

    names = arguments.targets or catalog.families()
    classes = dict.fromkeys(cls for name in names for cls in find_rules(name))
    from handgrad.bridges import golden

    try:
        with writing(output):
            written = golden.export(_shown(classes), output, arguments.seed)
    except ValueError as error:
        raise UsageError(error) from None
    finally:
        progress()
    print(_summary(written, output))
    return 0


def _summary(written, output):
    entries = written.manifest.entries
    rules = many(len({entry.rule for entry in entries}), "rule")
    arrays = f"{len(written.arrays)} arrays, {size(output.stat().st_size)}"
    counts = f"{rules}, {len(entries)} entries, {arrays}"
    return f"{counts}: they are in {output}"


def _shown(classes):
    """The rules of some classes, each with a line of progress."""
    for i, cls in enumerate(classes):
        progress(f"{i}/{len(classes)} {cls.__name__}")
        yield from catalog.instances(cls)
