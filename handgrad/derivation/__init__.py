"""Derivations that run: what a docstring says of a rule, read by a machine."""
