"""A budget of processor time, so that no text from a stranger keeps the machine.

What is done within `limited` may call `spend` as often as it likes: it raises BudgetError when
the time is used up. Limits nest, and the nearest end counts. Every single operation is short,
because arrays are small: so this ends whatever is made of many.
"""

import contextlib
import time
from contextvars import ContextVar

from handgrad.derivation.errors import DerivationError

END: ContextVar[float] = ContextVar("END", default=float("inf"))
UNTIL: ContextVar[float] = ContextVar("UNTIL", default=float("-inf"))
SOON = 0.001


class BudgetError(DerivationError):
    """The time for a derivation is used up."""


@contextlib.contextmanager
def limited(seconds):
    """Give what is done within so many seconds of this thread's processor time."""
    before = END.set(min(END.get(), time.thread_time() + seconds))
    UNTIL.set(float("-inf"))
    try:
        yield
    finally:
        END.reset(before)
        UNTIL.set(float("-inf"))


def spend():
    """Raise BudgetError if the time is used up.

    Processor time is slow to ask for, and never runs faster than the clock: so nobody asks again
    until the clock has gone on by what was left.
    """
    if time.monotonic() < UNTIL.get():
        return
    remaining = left()
    UNTIL.set(time.monotonic() + max(remaining, SOON))
    if remaining < 0:
        raise BudgetError("this takes longer than a derivation may: make it smaller, or divide it")


def left():
    """The seconds that are left; infinite outside of any limit."""
    return END.get() - time.thread_time()
