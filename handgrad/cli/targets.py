"""What a TARGET on the command line names: rules, or the derivations in a file."""

import sys
from dataclasses import dataclass
from pathlib import Path

import handgrad.derivation
from handgrad.cli.console import UsageError
from handgrad.cli.subjects import Subject, find_subject
from handgrad.derivation import sources
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.sources import Scope
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
    path, _ = sources.divided(target)
    return path == "-" or path.endswith((".md", ".py")) or "/" in path or Path(path).is_file()


def scopes_of(target):
    """The derivations in a file, in a part of one, or in the standard input.

    The parts are FILE.py::NAME, a class or a function, and FILE.md#HEADING.
    """
    path, _ = sources.divided(target)
    try:
        if path == "-":
            text = sources.decoded(sys.stdin.buffer)
            scopes = sources.scopes_in_text(text, STANDARD_INPUT)
        else:
            scopes = sources.scopes_of(target)
    except DerivationError as error:
        raise UsageError(placed(path, error)) from None
    if not scopes:
        raise UsageError(f"{path}: there is no derivation in it, such as a block ```derivation")
    return scopes


def placed(path, error):
    """path:line:column: message"""
    return f"{path}:{error}" if error.line is not None else f"{path}: {error}"
