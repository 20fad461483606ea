"""The standard streams, which may be closed, full, or unable to encode a character."""

import contextlib
import io
import os
import sys


def prepare():
    """Replace what a stream cannot encode, and give a closed standard error a place to write to.

    It keeps its descriptor, which the next file to be opened would get otherwise. Nothing is written
    before it is flushed: argparse takes no notice of an error when it writes.
    """
    if sys.stderr is None:
        _lead_to_nowhere(2)
        sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace", write_through=False)


def say(text, stream):
    """Write a line. Where that fails, the stream is given up: nobody can be told."""
    try:
        print(text, file=stream, flush=True)
    except OSError:
        give_up(stream)


def takes_more(stream):
    """Whether a stream can still be written to."""
    try:
        print(file=stream, flush=True)
    except OSError:
        return False
    return True


def give_up(stream):
    """Let what a stream still holds, and all that follows, go nowhere: Python writes it at its end."""
    with contextlib.suppress(io.UnsupportedOperation):  # of a stream without a descriptor
        _lead_to_nowhere(stream.fileno())


def _lead_to_nowhere(descriptor):
    nowhere = os.open(os.devnull, os.O_WRONLY)
    if nowhere != descriptor:
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
