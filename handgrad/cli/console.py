"""What commands share: colour, progress, notes, and the errors that are one sentence."""

import argparse
import os
import sys

from handgrad.cli import streams
from handgrad.common.text import printable

GREEN, RED = "32", "31"
DIGITS = 18  # of a whole number, at most


class UsageError(Exception):
    """The command line, or a file that it names, is not as it should be: one sentence."""

    before = "handgrad: "  # what stands before the sentence on a terminal


class Parser(argparse.ArgumentParser):
    """A parser that raises UsageError, and takes no option by the beginning of its name."""

    def __init__(self, **options):
        super().__init__(allow_abbrev=False, **options)

    def error(self, message):
        error = UsageError(message)
        error.before = f"{self.format_usage()}{self.prog}: error: "
        raise error


def coloured(text, colour):
    """The text in colour, if it goes to a terminal and NO_COLOR is not set."""
    if os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return text
    return f"\033[{colour}m{text}\033[0m"


def progress(text=""):
    """Show a line of progress in the place of the last one, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r\033[K{printable(text)[:79]}", end="", file=sys.stderr, flush=True)


def note(text):
    """Say something that is not part of the output, on the standard error."""
    streams.say(f"handgrad: {in_one_line(text)}", sys.stderr)


def in_one_line(text):
    """A text fit to be shown in one line, whoever wrote it."""
    return printable(" ".join(str(text).split()))


def whole_number(text):
    """The type of an option that is a whole number from 0."""
    if not is_whole(text):
        message = f"{text[:40]!r} is not a whole number from 0, of at most {DIGITS} digits"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def is_whole(text):
    """Whether a text is a whole number from 0 that is not absurdly long."""
    return text.isascii() and text.isdecimal() and len(text) <= DIGITS
