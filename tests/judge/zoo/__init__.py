"""The zoo: backward passes that are wrong on purpose, and right ones, to measure the judge by.

A specimen is plain NumPy: a pair (f, vjp), or a layer with forward and backward. Any checker of
gradients can be fed with them. Nothing here uses handgrad.

`right()` are operations whose gradients were held against numerical derivatives. `wrong()` are
the same operations, spoiled: by systematic mutations, by memories that go wrong, and by errors that
people shipped. Each has a witness, which shows that it is wrong.
"""

import functools

from tests.judge.zoo import contracts, places, upstreams, values
from tests.judge.zoo.bad_memories import WRONG as FORGETFUL
from tests.judge.zoo.bad_memories import WRONG_FOR_ONE_INPUT
from tests.judge.zoo.bad_sharing import WRONG as SHARING
from tests.judge.zoo.catalog import LAYERED, OPERATIONS, ROWWISE
from tests.judge.zoo.history_book import SPECIMENS as BOOK
from tests.judge.zoo.history_edges import RIGHT as RIGHT_AT_EDGES
from tests.judge.zoo.history_edges import SPECIMENS as EDGES
from tests.judge.zoo.history_kernels import SPECIMENS as KERNELS
from tests.judge.zoo.history_losses import SPECIMENS as LOSSES
from tests.judge.zoo.history_norms import SPECIMENS as NORMS
from tests.judge.zoo.history_precision import SPECIMENS as PRECISION
from tests.judge.zoo.history_zeros import SPECIMENS as ZEROS
from tests.judge.zoo.layers import RIGHT
from tests.judge.zoo.peculiar import SPECIMENS as PECULIAR
from tests.judge.zoo.specimen import Specimen

MUTATIONS = (*values.MUTATIONS, *upstreams.MUTATIONS, *contracts.MUTATIONS, *places.MUTATIONS)
SHARE = 3  # operations for each mutation


def right():
    """Every right specimen."""
    pairs = [Specimen(operation, "right", operation.make) for operation in OPERATIONS]
    layers = [
        _layer(cls, operation)
        for i, cls in enumerate(RIGHT)
        for operation in LAYERED[i : i + SHARE]
    ]
    return (*pairs, *layers, *PECULIAR, *RIGHT_AT_EDGES)


@functools.cache
def wrong(share=SHARE):
    """Every wrong specimen; a mutation spoils so many operations, those least spoiled so far."""
    layers = [
        _layer(cls, operation, witness)
        for i, (cls, witness) in enumerate((*FORGETFUL, *SHARING))
        for operation in _rotated(LAYERED, i)[:2]
    ]
    rowwise = [
        _layer(cls, operation, witness)
        for cls, witness in WRONG_FOR_ONE_INPUT
        for operation in ROWWISE
    ]
    return (
        *mutants(share),
        *layers,
        *rowwise,
        *BOOK,
        *LOSSES,
        *NORMS,
        *KERNELS,
        *PRECISION,
        *ZEROS,
        *EDGES,
    )


def mutants(share):
    """Each mutation of so many operations, spread evenly."""
    times = dict.fromkeys(OPERATIONS, 0)
    for mutation in MUTATIONS:
        chosen = 0
        for operation in sorted(times, key=lambda o: times[o]):
            if chosen < share and mutation.suits(operation):
                times[operation] += 1
                chosen += 1
                yield mutation.of(operation)


def _layer(cls, operation, witness=None):
    return Specimen(operation, cls.__name__, lambda: cls(operation), witness)


def _rotated(items, i):
    i %= len(items)
    return items[i:] + items[:i]
