"""What a TARGET on the command line names: rules, or the derivations in a file."""

import sys
from dataclasses import dataclass
from pathlib import Path

import handgrad.derivation
from handgrad import catalog
from handgrad.commands.console import UsageError
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.notation import Line
from handgrad.derivation.sources import (
    FENCE,
    Scope,
    read_text,
    scopes_in_markdown,
    scopes_in_python,
)


@dataclass(frozen=True)
class Targets:
    """Rule classes and the scopes of derivations, each once, in the order they were named."""

    classes: list[type]
    scopes: list[Scope]


def find_targets(names):
    """The rules and derivations that the names stand for; all of the package's own for none.

    Raises UsageError for a name that stands for nothing.
    """
    classes, scopes = [], []
    for name in names or catalog.families():
        if _is_file(name):
            scopes += scopes_of(name)
        else:
            try:
                classes += catalog.find(name)
            except LookupError as error:
                raise UsageError(error.args[0]) from None
    if not names:
        folder = Path(handgrad.derivation.__file__).parent
        scopes = [scope for path in sorted(folder.glob("*.md")) for scope in scopes_of(str(path))]
    return Targets(list(dict.fromkeys(classes)), scopes)


def scopes_of(target):
    """The derivations in a file, in one class of it (FILE.py::NAME), or in the standard input (-)."""
    path, _, name = target.partition("::")
    try:
        text = sys.stdin.read() if path == "-" else read_text(path)
        if path.endswith(".py"):
            return _some(scopes_in_python(text, path, name or None))
        if any(FENCE.fullmatch(line) for line in text.splitlines()) or path != "-":
            return _some(scopes_in_markdown(text, path))
        return [
            Scope(
                "standard input",
                path,
                tuple(Line(t, i) for i, t in enumerate(text.splitlines(), 1)),
            )
        ]
    except DerivationError as error:
        raise UsageError(f"{path}: {error}") from None


def _is_file(name):
    path = name.partition("::")[0]
    return path == "-" or path.endswith((".md", ".py")) or Path(path).is_file() or "/" in path


def _some(scopes):
    if not scopes:
        raise DerivationError("there is no derivation in it: no block fenced as ```derivation")
    return scopes
