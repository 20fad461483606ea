"""Gradients that nobody needs are not computed, by a backward that can leave them out."""

import inspect


def call(backward, *arguments, needs):
    """backward(*arguments), told `needs` if it has this keyword and some gradient is not needed.

    `needs` has one flag for each gradient, or is None where all of them are needed.
    """
    if needs is None or all(needs) or "needs" not in inspect.signature(backward).parameters:
        return backward(*arguments)
    return backward(*arguments, needs=needs)
