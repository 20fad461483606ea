"""What a TARGET on the command line names: rules, or the derivations in a file."""

import sys
from dataclasses import dataclass
from pathlib import Path

import handgrad.derivation
from handgrad.cli.console import UsageError
from handgrad.cli.subjects import Subject, find_subject
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.notation import Line
from handgrad.derivation.sources import (
    FENCE,
    Scope,
    read_text,
    scopes_in_markdown,
    scopes_in_python,
)
from handgrad.drawing.labels import printable
from handgrad.rules import catalog

STANDARD_INPUT = "standard input"


@dataclass(frozen=True)
class Targets:
    """Rule classes, code in files, and derivations, each once, in the order they were named."""

    classes: list[type]
    subjects: list[Subject]
    scopes: list[Scope]


def find_targets(names, inputs=(), seed=0):
    """The rules and derivations that the names stand for; all of the package's own for none.

    Raises UsageError for a name that stands for nothing.
    """
    classes, subjects, scopes = [], [], []
    if inputs and len(names) != 1:
        raise UsageError("--input is for one target, FILE.py::NAME")
    for name in names or catalog.families():
        if subject := find_subject(name, inputs, seed):
            subjects.append(subject)
        elif is_file(name):
            scopes += scopes_of(name)
        else:
            classes += find_rules(name)
    if not names:
        folder = Path(handgrad.derivation.__file__).parent
        scopes = [scope for path in sorted(folder.glob("*.md")) for scope in scopes_of(str(path))]
    return Targets(list(dict.fromkeys(classes)), subjects, scopes)


def find_rules(name):
    """The rule classes that a name stands for: one rule, or a family."""
    try:
        return catalog.find(name)
    except LookupError as error:
        raise UsageError(error.args[0]) from None


def is_file(target):
    """Whether a target is a file, a part of one, or the standard input, and not a rule's name."""
    path, _ = _divided(target)
    return path == "-" or path.endswith((".md", ".py")) or "/" in path or Path(path).is_file()


def scopes_of(target):
    """The derivations in a file, in a part of one, or in the standard input.

    The parts are FILE.py::NAME, a class or a function, and FILE.md#HEADING.
    """
    path, part = _divided(target)
    try:
        if path.endswith(".py"):
            scopes = scopes_in_python(read_text(path), path, part or None)
        elif path == "-":
            scopes = _scopes_in_text(sys.stdin.read())
        else:
            scopes = _under(part, scopes_in_markdown(read_text(path), path), path)
    except UnicodeDecodeError as error:
        raise UsageError(f"{STANDARD_INPUT} is not UTF-8 text: {error.reason}") from None
    except DerivationError as error:
        raise UsageError(placed(path, error)) from None
    if not scopes:
        raise UsageError(f"{path}: there is no derivation in it, such as a block ```derivation")
    return scopes


def only(scopes, target):
    """The one scope that there is, or a UsageError that lists them."""
    if len(scopes) > 1:
        mark = "::" if target.endswith(".py") else "#"
        titles = _listed(scopes)
        example = f", as in '{target}{mark}{printable(scopes[0].title)}'" if target != "-" else ""
        raise UsageError(f"{target} has several derivations ({titles}): name one{example}")
    return scopes[0]


def placed(path, error):
    """path:line:column: message"""
    return f"{path}:{error}" if error.line is not None else f"{path}: {error}"


def _divided(target):
    """The path of a target, and the part of the file that it names, or ""."""
    for mark in ("::", "#"):
        path, found, part = target.partition(mark)
        if found and not Path(target).is_file():
            return path, part
    return target, ""


def _scopes_in_text(text):
    """The scopes in Markdown, or the lines as one scope if there is no fence among them."""
    if any(FENCE.fullmatch(line) for line in text.splitlines()):
        return scopes_in_markdown(text, STANDARD_INPUT)
    lines = tuple(Line(line, number) for number, line in enumerate(text.splitlines(), 1))
    return [Scope(STANDARD_INPUT, STANDARD_INPUT, lines)]


def _under(heading, scopes, path):
    """The scopes under a heading, written in full or as a link writes it; all if none is named."""
    named = [scope for scope in scopes if _slug(scope.title) == _slug(heading)]
    if heading and not named:
        raise UsageError(f"{path} has no derivation under {heading!r} ({_listed(scopes)})")
    return named if heading else scopes


def _listed(scopes):
    titles = ", ".join(repr(printable(scope.title)) for scope in scopes[:12])
    return f"{titles}, …" if len(scopes) > 12 else titles


def _slug(title):
    """A heading without case, and with - between the words."""
    return "-".join("".join(c if c.isalnum() else " " for c in title.casefold()).split())
