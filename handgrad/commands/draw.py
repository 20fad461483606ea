"""handgrad draw: the computational graph, with values going right and gradients coming back."""

import sys
from pathlib import Path

from handgrad import catalog
from handgrad.commands.console import UsageError, whole_number

SUFFIXES = (".svg", ".dot", ".mmd", ".txt")
STANDARD_INPUT = "standard input"


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
    add("--norm", action="store_true", help="write the norms of arrays beside their shapes")
    add("--steps", action="store_true", help="write the walk forward and back, step by step")
    add("--seed", type=whole_number, default=0, help="of the random numbers (default: 0)")
    parser.set_defaults(run=run)


def run(arguments):
    """0 when the picture is drawn; 2 if there is nothing to draw, or nowhere to write."""
    _refuse_what_cannot_be_written(arguments.output)
    from handgrad.derivation.errors import DerivationError

    path, derive = _source(arguments.target)
    try:
        from handgrad.derivation.graph import walk

        found = walk(derive(), arguments.seed)
        _write(found, arguments)
    except DerivationError as error:
        raise UsageError(_placed(path, error)) from None
    return 0


def _write(walk, arguments):
    from handgrad.derivation.pictures import picture
    from handgrad.derivation.steps import steps

    output = arguments.output
    if output is None:
        print(picture(walk, ".txt", norm=arguments.norm), end="")
    else:
        text = picture(walk, output.suffix, norm=arguments.norm)
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{output} cannot be written: {error.strerror}") from None
        print(f"the picture is in {output}")
    if arguments.steps:
        print(f"\n{steps(walk, norm=arguments.norm)}", end="")


def _refuse_what_cannot_be_written(output):
    """Say before the work what would fail after it."""
    if output is None:
        return
    if output.suffix not in SUFFIXES:
        raise UsageError(f"-o {output} must end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    if not output.absolute().parent.is_dir():
        raise UsageError(f"{output} cannot be written: {output.parent} is no directory")


def _placed(path, error):
    """path:line:col: message"""
    if error.line is None:
        return f"{path}: {error}"
    return f"{path}:{error}"


def _source(target):
    """Where a target stands, and a function that reads its derivation."""
    path, _, name = target.partition("::")
    if path.endswith(".py"):
        return path, lambda: _in_python(path, name)
    path, _, heading = target.partition("#")
    if target == "-":
        return STANDARD_INPUT, _in_standard_input
    if path.endswith(".md") or Path(path).is_file():
        return path, lambda: _in_markdown(path, heading)
    return target, lambda: _of_rule(target)


def _of_rule(name):
    """The derivation of a rule, with its default fields."""
    from handgrad.derivation.docstrings import derivation_of

    try:
        classes = catalog.find(name)
    except LookupError as error:
        raise UsageError(error.args[0]) from None
    if len(classes) > 1:
        rules = ", ".join(cls.__name__ for cls in classes)
        raise UsageError(f"{name} is a family; name one of its rules: {rules}")
    return derivation_of(catalog.instances(classes[0])[0])


def _in_python(path, name):
    from handgrad.derivation.sources import read_text, scopes_in_python

    return _only(scopes_in_python(read_text(path), path, name or None), path, "::").derivation()


def _in_markdown(path, heading):
    from handgrad.derivation.sources import read_text, scopes_in_markdown

    scopes = scopes_in_markdown(read_text(path), path)
    if heading:
        named = [scope for scope in scopes if _slug(scope.title) == _slug(heading)]
        if not named:
            raise UsageError(f"{path} has no derivation under {heading!r}{_choice(scopes)}")
        scopes = named
    return _only(scopes, path, "#").derivation()


def _in_standard_input():
    """Markdown, or lines of a derivation if there is no fence in them."""
    from handgrad.derivation.notation import Line, read
    from handgrad.derivation.sources import FENCE, scopes_in_markdown

    try:
        lines = sys.stdin.read().splitlines()
    except UnicodeDecodeError as error:
        raise UsageError(f"{STANDARD_INPUT} is not UTF-8 text: {error.reason}") from None
    if any(FENCE.fullmatch(line) for line in lines):
        scopes = scopes_in_markdown("\n".join(lines), STANDARD_INPUT)
        return _only(scopes, STANDARD_INPUT, "").derivation()
    numbered = [Line(line, number) for number, line in enumerate(lines, 1)]
    return read(numbered, title=STANDARD_INPUT)


def _only(scopes, path, mark):
    """The one derivation that there is to draw."""
    if not scopes:
        raise UsageError(f"{path} has no derivation: see `handgrad verify --help` for the notation")
    if len(scopes) > 1:
        example = f", as in '{path}{mark}{scopes[0].title}'" if mark else ""
        raise UsageError(f"{path} has several derivations{_choice(scopes)}: name one{example}")
    return scopes[0]


def _choice(scopes):
    from handgrad.derivation.labels import printable

    titles = ", ".join(repr(printable(scope.title)) for scope in scopes[:12])
    return f" ({titles}{', …' if len(scopes) > 12 else ''})" if scopes else ""


def _slug(title):
    """A heading as a link writes it: without case, and with - between the words."""
    words = "".join(c if c.isalnum() else " " for c in title.casefold())
    return "-".join(words.split())
