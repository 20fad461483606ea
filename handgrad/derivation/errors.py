"""What is wrong with the text of a derivation, and where."""

from handgrad.common.text import printable


class DerivationError(ValueError):
    """One sentence about a derivation that cannot be read or run, with its place.

    `line` counts from 1 in the file, `column` from 1 in the line; either may be None.
    """

    def __init__(self, message, line=None, column=None):
        message = printable(str(message))
        super().__init__(message)
        self.message, self.line, self.column = message, line, column

    def at(self, line, column=None):
        """The same error with a place, unless it has one."""
        if self.line is None:
            self.line, self.column = line, column
        return self

    def __str__(self):
        place = [str(n) for n in (self.line, self.column) if n is not None]
        return ": ".join([":".join(place), self.message]) if place else self.message


class EmptyError(DerivationError):
    """A range or an axis that is empty or negative at the sizes that were drawn."""
