"""The budget of an explanation: seconds of the processor, after which it says what it has."""

import time

SECONDS = 2.0


class OutOfTimeError(Exception):
    """The explanation has taken as long as it may."""


class Budget:
    """A clock that is asked before every step."""

    def __init__(self, seconds=SECONDS):
        self.end = time.thread_time() + seconds
        self.ran_out = False

    def spend(self):
        """Raise OutOfTimeError when the time is over."""
        if time.thread_time() > self.end:
            self.ran_out = True
            raise OutOfTimeError
