"""The command line: `handgrad COMMAND`.

The exit status is 0 when all is well, 1 when something is wrong, 2 when the command line, the input
or the output is, and 130 after Ctrl-C.
"""

import sys
from functools import partial
from importlib import import_module

from handgrad import __version__
from handgrad.cli import interruption, streams
from handgrad.cli.console import Parser, UsageError, in_one_line, progress
from handgrad.common import strict_json

COMMANDS = (
    "verify",
    "draw",
    "show",
    "translate",
    "book",
    "compare",
    "conventions",
    "train",
    "export",
)
JSON = "--json"


def main(argv=None):
    """Run one command, that of the process or another one; the exit status."""
    if argv is not None:
        return _guarded(argv)
    argv = sys.argv[1:]
    interruption.watch(partial(_interrupted, argv))
    try:
        status = _guarded(argv)
    except KeyboardInterrupt:  # a second one, before the first was answered
        status = interruption.STATUS
    return interruption.leave(status)


def _guarded(argv):
    """The exit status, whatever the standard streams are."""
    streams.prepare()
    try:
        return _answer(argv)
    except BrokenPipeError:
        streams.give_up(sys.stdout)
        return 0
    except OSError as error:
        if streams.takes_more(sys.stdout):
            raise
        streams.give_up(sys.stdout)
        return _failure(f"the output cannot be written: {error.strerror}")


def _answer(argv):
    """The exit status, after an error was said."""
    if sys.stdout is None:
        return _failure("the output cannot be written: the standard output is closed")
    try:
        return _run(argv)
    except UsageError as error:
        return _failure(error, error.before, argv)
    except KeyboardInterrupt:
        return _interrupted(argv)


def _run(argv):
    parser = _parser(argv)
    if not argv:
        return _failure("name a command", f"{parser.format_help()}\nhandgrad: error: ")
    try:
        arguments = parser.parse_args(argv)
        return _status(arguments)
    finally:
        sys.stdout.flush()  # here and not at exit, where an error could not be caught


def _parser(argv):
    """The parser of the command that is named alone: the others take time to import."""
    parser = Parser(prog="handgrad", description="Derive it by hand, prove it by machine.")
    parser.add_argument("--version", action="version", version=f"handgrad {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in set(COMMANDS).intersection(argv[:1]) or COMMANDS:
        import_module(f"handgrad.cli.{command}").add_parser(commands)  # where Ctrl-C is caught
    return parser


def _status(arguments):
    """What the command returns. Code that it runs cannot end it with a status of its own."""
    try:
        return arguments.run(arguments)
    except SystemExit as leaving:
        raise UsageError(f"the code that was run has called sys.exit({leaving.code!r})") from None


def _interrupted(argv):
    progress()
    return _failure("interrupted", argv=argv, status=interruption.STATUS)


def _failure(sentence, before=UsageError.before, argv=(), status=2):
    """The exit status, after the sentence was said: in JSON, if that was asked for."""
    sentence = in_one_line(sentence)
    if JSON in argv:
        print(strict_json.dumps({"ok": False, "error": sentence}, indent=2), flush=True)
    else:
        streams.say(f"{before}{sentence}", sys.stderr)
    return status
