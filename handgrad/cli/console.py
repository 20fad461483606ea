"""What commands share: colour, progress, and the error that is one sentence."""

import argparse
import os
import sys

GREEN, RED = "32", "31"


class UsageError(Exception):
    """The command line, or a file that it names, is not as it should be: one sentence."""


def coloured(text, colour):
    """The text in colour, if it goes to a terminal and NO_COLOR is not set."""
    if os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return text
    return f"\033[{colour}m{text}\033[0m"


def progress(text=""):
    """Show a line of progress in the place of the last one, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text[:79]}", end="", file=sys.stderr, flush=True)


def whole_number(text):
    """The type of an option that is a whole number from 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)
