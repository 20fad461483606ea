"""Why something cannot be decided in exact arithmetic."""


class InexactError(ArithmeticError):
    """A few words on what has no exact form here; numbers must decide."""
