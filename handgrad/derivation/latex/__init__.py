"""LaTeX: the second spelling of a derivation, read to the same statements."""
