"""handgrad translate: equations of LaTeX beside how they were read."""

import textwrap

from handgrad.cli.console import UsageError, in_one_line, whole_number
from handgrad.cli.targets import is_file, placed, scopes_of
from handgrad.common.text import printable
from handgrad.derivation.budget import limited
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.latex.section import Section
from handgrad.derivation.report import SECONDS, SECONDS_A_LINE

WIDTH = 80


def add_parser(commands):
    parser = commands.add_parser(
        "translate",
        help="write equations of LaTeX in the notation, as they were read",
        description="Write each equation of LaTeX, and below it how it was read, in the notation "
        "of derivations. What was not read says why, and where.",
    )
    parser.add_argument(
        "target", metavar="FILE", help="notes.md, 'notes.md#Heading', paper.tex, notebook.ipynb"
    )
    parser.add_argument("--seed", type=whole_number, default=0, help="of what is drawn (0)")
    parser.set_defaults(run=run)


def run(arguments):
    """0 when every equation was read, 1 when one was not; 2 if there is nothing to read."""
    target = arguments.target
    if not is_file(target):
        raise UsageError(f"{target!r} is not a file with equations, such as notes.md")
    sections = [scope for scope in scopes_of(target) if isinstance(scope, Section)]
    if not sections:
        raise UsageError(
            f"{target}: no section has a header, as in <!-- derivation: x : (N); loss L -->"
        )
    unread, faults = 0, []
    for section in sections:
        try:
            verdict = _judged(section, arguments.seed)
        except UsageError as fault:
            faults.append(fault)
            continue
        print(f"# {section.title}\n", *_written(verdict), sep="\n", flush=True)
        unread += len(verdict.unread)
    if faults:
        raise faults[0]
    return int(unread > 0)


def _judged(section, seed):
    """The verdict on a section, within the time of a derivation."""
    from handgrad.derivation.latex.verdict import judged

    try:
        with limited(SECONDS + SECONDS_A_LINE * len(section.lines)):
            return judged(section, seed)
    except DerivationError as error:
        raise UsageError(placed(section.path, error)) from None


def _written(verdict):
    """The lines of a section: its givens, each equation with its readings, and what was not read."""
    header = [line.text for line in verdict.givens]
    yield from [*(f"    {printable(text)}" for text in header), ""] if header else []
    for statement in verdict.translation.statements:
        equation = statement.equation
        yield _equation(equation.line, equation.source)
        for line in verdict.hidden:
            if line.number == equation.line:
                yield f"    {printable(line.text)}"
        for link in statement.links:
            yield f"    {printable(f'{statement.fronts[0]} = {link.texts[0]}')}"
        yield ""
    for line, column, words in verdict.unread:
        yield f"{line}:{column}: NOT READ: {in_one_line(words)}\n"


def _equation(line, source):
    """An equation as it is written, with its line."""
    text = in_one_line(source)
    return textwrap.fill(f"{line}: {text}", WIDTH, subsequent_indent="    ", break_on_hyphens=False)
