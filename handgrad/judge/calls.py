"""Calls of somebody's code: what it may do to its caller, beside raising an exception, ends here."""

import contextlib

import numpy as np


@contextlib.contextmanager
def contained():
    """Within, an attempt to leave the process is an exception, and np.seterr lasts no longer.

    Ctrl-C passes through, as it is.
    """
    with np.errstate(all="ignore"):
        try:
            yield
        except (Exception, KeyboardInterrupt):
            raise
        except SystemExit as error:
            raise RuntimeError(f"it called sys.exit({_written(error.code)})") from error
        except BaseException as error:
            raise RuntimeError(f"it raised {type(error).__name__}: {error}") from error


def _written(status):
    return "" if status is None else repr(status)


def said(error):
    """An exception in one line."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
