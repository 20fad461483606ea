"""Options that are words: a rule refuses an unknown one when it is made, and does not take another."""

from dataclasses import fields
from functools import wraps
from typing import Literal, get_args, get_origin


def know_words(*rules):
    """Let these classes refuse words that the types of their fields do not list."""
    for rule in rules:
        words = {f.name: get_args(f.type) for f in fields(rule) if get_origin(f.type) is Literal}
        if words:
            setattr(rule, rule.__init__.__name__, _knowing(rule.__init__, words))


def _knowing(init, words):
    @wraps(init)
    def checked(self, *values, **options):
        init(self, *values, **options)
        for name, known in words.items():
            if (word := getattr(self, name)) not in known:
                *others, last = map(repr, known)
                raise ValueError(f"{name} is {word!r}; it may be {', '.join(others)} or {last}")

    return checked
