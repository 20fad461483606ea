"""Ctrl-C in a process of ours: it is never lost, and never shows a traceback."""

import _thread
import contextlib
import os
import signal
import sys
import threading

STATUS = 130  # as shells have it
SOON = 0.01  # seconds, after which the callback is over
IMPORTING = "<frozen importlib"  # how the files of Python's import system begin


def watch(tell):
    """Raise KeyboardInterrupt where that is safe; elsewhere `tell` and leave, or wait.

    An exception within the import of jaxlib aborts the process. One in a destructor or a callback
    of the garbage collector is dropped by Python, and so delivered again.
    """

    def interrupt(number, frame):
        if _is_importing(frame):
            with contextlib.suppress(RuntimeError):  # of a stream that is just being written to
                tell()
            os._exit(STATUS)
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, interrupt)
    sys.unraisablehook = deliver_again


def leave(status):
    """The exit status of the process. From here on Ctrl-C ends it without a word.

    After an interrupt it ends at once: Python may hold the interrupt for unhandled, and threads of
    other people's code may go on.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if status == STATUS:
        os._exit(STATUS)
    return status


def _is_importing(frame):
    while frame is not None:
        if frame.f_code.co_filename.startswith(IMPORTING):
            return True
        frame = frame.f_back
    return False


def deliver_again(unraisable):
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        timer = threading.Timer(SOON, _thread.interrupt_main)
        timer.daemon = True
        timer.start()
    else:
        sys.__unraisablehook__(unraisable)
