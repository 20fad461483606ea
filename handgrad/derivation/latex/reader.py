"""Reader: the tokens of an equation, one after the other, and how deep they nest."""

import contextlib

from handgrad.derivation.latex.errors import UnreadError
from handgrad.derivation.latex.tokens import Token, with_norms

MAX_DEPTH = 24


class Reader:
    """The tokens of an equation, taken from left to right."""

    def __init__(self, tokens, words):
        self.tokens = with_norms([token for token in tokens if token.kind != "gap"])
        self.words = words
        self.i = self.depth = 0
        self.closers = []
        self.subscripts = 0

    @property
    def token(self):
        return self.tokens[self.i] if self.i < len(self.tokens) else None

    @property
    def text(self):
        """The text of the next token; "" at the end, and for what is a name or a number."""
        token = self.token
        return token.text if token and token.kind in {"sign", "command"} else ""

    @property
    def at(self):
        token = self.token or (self.tokens[-1] if self.tokens else Token("", "", 1, 1))
        return token.line, token.column

    def unread(self, words):
        return UnreadError(words, *self.at)

    def take(self, *texts):
        """The next token, if it is one of these."""
        if self.token is None or (texts and self.text not in texts):
            wanted = " or ".join(texts) or "more"
            raise self.unread(f"{wanted} is missing")
        self.i += 1
        return self.tokens[self.i - 1]

    @contextlib.contextmanager
    def deeper(self):
        """One level further down, of a few."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.unread("this nests too deep")
        yield
        self.depth -= 1
