"""The definitions of a derivation as a computational graph, drawn and told step by step."""
