"""Calls of somebody's code: the one place where exceptions are caught.

Whatever judged code raises leaves here as a CodeError, and the judge handles nothing else: a fault
of its own is never taken for one of theirs.
"""

import functools

import numpy as np


class CodeError(RuntimeError):
    """What judged code raised, or gave instead of numbers; `kind` is the type of the exception."""

    def __init__(self, said: str, kind: type[BaseException] = RuntimeError):
        super().__init__(said)
        self.kind = kind


class Contained:
    """Within, an exception is a CodeError, also an attempt to leave; np.seterr lasts no longer.

    Ctrl-C passes through, as it is, and so does what the judge itself refuses.
    """

    def __enter__(self):
        self.state = np.errstate(all="ignore")
        self.state.__enter__()

    def __exit__(self, kind, error, _):
        self.state.__exit__(None, None, None)
        if error is None or isinstance(error, CodeError | UnjudgeableError | KeyboardInterrupt):
            return
        raise _translated(error) from error


def contained(function):
    """A function that runs judged code, contained."""

    @functools.wraps(function, updated=())
    def within(*arguments, **options):
        with Contained():
            return function(*arguments, **options)

    return within


def _translated(error):
    """The CodeError for what judged code raised."""
    if isinstance(error, SystemExit):
        leaves = "" if error.code is None else repr(error.code)
        return CodeError(f"RuntimeError: it called sys.exit({leaves})")
    if not isinstance(error, Exception):
        return CodeError(f"RuntimeError: it raised {type(error).__name__}: {error}")
    said = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
    return CodeError(said, type(error))


class UnjudgeableError(TypeError):
    """Something that is not a gradient, and not a mistake in one either."""
