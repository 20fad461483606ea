"""A child process with a limit, for inputs from which native code may not come back."""

import os
import select
import signal
import warnings

from handgrad.judge.calls import CodeError

BUSY = 0.5  # seconds of the processor for one item: then the child is ended
SECONDS = 20.0  # for one item that waits
RESTARTS = 2
RUNS, RAISES = b"y", b"n"


def outcomes(run, items, busy=BUSY):
    """For each item: True if run(item) comes back, False if it raises, None if it does neither.

    Without a fork nothing is tried, and all is None.
    """
    found = []
    for _ in range(1 + RESTARTS):
        rest = items[len(found) :]
        if not rest or not hasattr(os, "fork"):
            break
        found += [answer == RUNS for answer in _answers(run, rest, busy)]
        if len(found) < len(items):
            found.append(None)  # the one at which the child ended or did not answer
    return found + [None] * (len(items) - len(found))


def _answers(run, items, busy):
    """What the child says of each item, up to the one at which it ends."""
    reads, writes = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # JAX and Python warn of a fork; the child uses no JAX
        child = os.fork()
    if child == 0:
        _work(run, items, writes, busy)
    os.close(writes)
    answers = []
    try:
        while len(answers) < len(items) and select.select([reads], [], [], SECONDS)[0]:
            if not (said := os.read(reads, len(items))):
                break
            answers += [said[k : k + 1] for k in range(len(said))]
    finally:
        os.close(reads)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return answers


def _work(run, items, writes, busy):
    """The child: it answers and ends, whatever happens."""
    try:
        for item in items:
            signal.setitimer(signal.ITIMER_PROF, busy)
            try:
                run(item)
                os.write(writes, RUNS)
            except CodeError:
                os.write(writes, RAISES)
    finally:
        os._exit(0)
