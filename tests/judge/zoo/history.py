"""Errors that really happened: what the tables of history are made of."""

from tests.judge.zoo.specimen import Specimen
from tests.judge.zoo.witnesses import differs


def seen(operation, kind, vjp, origin, witness=differs):
    """The operation with a gradient that somebody shipped, and where."""
    return Specimen(operation, kind, lambda: (operation.f, vjp), witness, origin=origin)
