"""Numbers that do not round: derivations and code decided by identity testing in finite fields."""
