"""handgrad show: derivations typeset."""

from handgrad.cli.console import UsageError
from handgrad.cli.targets import find_rules, is_file, placed, scopes_of
from handgrad.derivation.docstrings import derivation_of
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.typeset import typeset
from handgrad.rules import catalog

STYLES = ("text", "latex", "mathml")
HEADINGS = {"text": "# {}\n", "latex": "% {}", "mathml": "<!-- {} -->"}


def add_parser(commands):
    parser = commands.add_parser(
        "show",
        help="write derivations as LaTeX or MathML",
        description="Write derivations as they are typeset: the givens, then each statement with "
        "its links below each other.",
    )
    parser.add_argument(
        "target",
        metavar="TARGET",
        help="a rule, a family, file.md, 'file.md#Heading', file.py::Name, or - for standard input",
    )
    styles = parser.add_mutually_exclusive_group()
    for style in STYLES:
        styles.add_argument(
            f"--{style}",
            dest="style",
            action="store_const",
            const=style,
            help={
                "text": "in the notation itself (default)",
                "latex": "as LaTeX, for a document with the package amsmath",
                "mathml": "as MathML, for a page in a browser",
            }[style],
        )
    parser.set_defaults(run=run, style="text")


def run(arguments):
    """0 when the derivations are written; 2 if the target has none, or none that can be read."""
    parts = [
        f"{HEADINGS[arguments.style].format(title.replace('--', '- -'))}\n{_shown(derive, path, arguments.style)}"
        for title, path, derive in _derivations(arguments.target)
    ]
    print("\n\n".join(parts))
    return 0


def _derivations(target):
    """The title, the place and a reader of each derivation that a target names."""
    if is_file(target):
        return [(scope.title, scope.path, scope.derivation) for scope in scopes_of(target)]
    return [
        (cls.__name__, target, lambda cls=cls: derivation_of(catalog.instances(cls)[0]))
        for cls in find_rules(target)
    ]


def _shown(derive, path, style):
    try:
        return typeset(derive(), style)
    except DerivationError as error:
        raise UsageError(placed(path, error)) from None
