"""What several rooms need, below them all: random numbers, words, files, and JAX as an oracle."""
