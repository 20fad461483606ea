"""What every rule should equal: the same functions in plain jax.numpy, for JAX to differentiate.

Each is written from its definition, by another formula than the rule's where one exists, and
shares no code with the rules. `handgrad.BatchNorm` is `batch_norm` here: only the case changes.
A rule's fields are the keyword arguments.
"""
