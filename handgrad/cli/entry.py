"""The command line: `handgrad COMMAND`.

Exit status 0 when all is well, 1 when something is wrong, 2 when the command line or the input is.
"""

import argparse
import os
import sys

from handgrad.cli import compare, draw, export, train, verify
from handgrad.cli.console import UsageError

COMMANDS = (verify, draw, compare, train, export)


def main(argv=None):
    """Run one command; its exit status."""
    parser = argparse.ArgumentParser(
        prog="handgrad", description="Derive it by hand, prove it by machine."
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(commands)
    try:
        return _run(parser, argv)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except UsageError as error:
        print(f"handgrad: {error}", file=sys.stderr)
        return 2


def _run(parser, argv):
    try:
        arguments = parser.parse_args(argv)
        return arguments.run(arguments)
    finally:
        sys.stdout.flush()  # here and not at exit, where a closed pipe could not be caught
