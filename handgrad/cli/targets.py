"""What a TARGET on the command line names: rules, code in a file, or the derivations in one."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

import handgrad.derivation
from handgrad.cli.console import UsageError
from handgrad.cli.subjects import Subject, code_in, find_subject
from handgrad.derivation import sources
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.sources import Scope

STANDARD_INPUT = "standard input"
LISTED = 12  # names, at most


@dataclass
class Targets:
    """Rule classes, code in files, and derivations, each once, in the order they were named.

    `unjudged` is the code, as FILE.py::NAME, in the files of which only derivations are checked.
    """

    classes: list[type] = field(default_factory=list)
    subjects: list[Subject] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)
    unjudged: list[str] = field(default_factory=list)


def find_targets(names, inputs=(), seed=0, like=None):
    """The rules and derivations that the names stand for; all of the package's own for none.

    Raises UsageError for a name that stands for nothing.
    """
    targets = Targets()
    if inputs and len(names) != 1:
        raise UsageError("--input is for one target, FILE.py::NAME")
    if like is not None and not names:
        raise UsageError("--like is for code in a file, FILE.py::NAME")
    for name in dict.fromkeys(names or _families()):
        if subject := find_subject(name, inputs, seed, like):
            targets.subjects.append(subject)
        elif is_file(name):
            targets.unjudged.extend(code_in(name))
            targets.scopes.extend(scopes_of(name))
        else:
            found = find_rules(name)
            targets.classes.extend(cls for cls in found if cls not in targets.classes)
    if not names:
        folder = Path(handgrad.derivation.__file__).parent
        for path in sorted(folder.glob("*.md")):
            targets.scopes.extend(scopes_of(str(path)))
    return targets


def _families():
    from handgrad.rules import catalog

    return catalog.families()


def find_rules(name):
    """The rule classes that a name stands for: one rule, or a family."""
    from handgrad.rules import catalog

    try:
        return catalog.find(name)
    except LookupError as error:
        if _is_directory(name):
            raise UsageError(f"{name} is a directory: name a file in it") from None
        raise UsageError(error.args[0]) from None


def _is_directory(name):
    try:
        return Path(name).is_dir()
    except OSError:  # it is too long
        return False


def is_file(target):
    """Whether a target is a file, a part of one, or the standard input, and not a rule's name."""
    path, _ = sources.divided(target)
    return path == "-" or path.endswith(sources.SUFFIXES) or "/" in path or sources.is_file(path)


def scopes_of(target):
    """The derivations in a file, in a part of one, or in the standard input; at least one.

    The parts are FILE.py::NAME, a class or a function, and FILE.md#HEADING.
    """
    path, _ = sources.divided(target)
    try:
        scopes = _in_standard_input() if path == "-" else sources.scopes_of(target)
    except DerivationError as error:
        raise UsageError(placed(path, error)) from None
    if not scopes:
        raise UsageError(f"{path}: there is no derivation in it{_instead(target)}")
    return scopes


def _in_standard_input():
    if sys.stdin is None:
        raise UsageError("-: the standard input is closed")
    try:
        text = sources.decoded(sys.stdin.buffer)
    except OSError as error:
        raise UsageError(f"-: the standard input cannot be read: {error.strerror}") from None
    return sources.scopes_in_text(text, STANDARD_INPUT)


def _instead(target):
    """What to do with a file that has no derivation."""
    if code := code_in(target):
        return f"; {name_what_to_judge(code)}"
    return (
        ", such as a docstring's indented lines"
        if target.endswith(".py")
        else ", such as a block ```derivation"
    )


def name_what_to_judge(code):
    """How code in a file is judged, for a user who named the file alone."""
    more = ", …" if len(code) > LISTED else ""
    return f"name what to judge: {', '.join(code[:LISTED])}{more}"


def placed(path, error):
    """path:line:column: message"""
    return f"{path}:{error}" if error.line is not None else f"{path}: {error}"
