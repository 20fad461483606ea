"""What could not be read, and where."""

from handgrad.derivation.errors import DerivationError


class UnreadError(DerivationError):
    """A few words on why an equation was not read, with its line and column."""


class UnknownNameError(UnreadError):
    """A name that has no meaning yet; a definition below may give it one."""


class NodeWantedError(UnreadError):
    """An expression is differentiated that is not a node yet; `message` is its text."""


class UnfitError(UnreadError):
    """The names are all known, and the shapes do not fit."""
