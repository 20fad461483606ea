"""What the tests of golden vectors share: rules, and where to find their arrays."""

import ml_dtypes
import numpy as np

from handgrad import rules

FEW = (
    rules.Affine(),
    rules.BatchNorm(eps=0.1),
    rules.Softmax(),
    rules.Dropout(),
    rules.SoftmaxCrossEntropyWithLabels(),
    rules.Copy(copies=3),
    rules.Concatenate(axis=0),
    rules.MatMul(),
    rules.Conv2d(),
)
DTYPES = {"float64": np.float64, "float32": np.float32, "bfloat16": ml_dtypes.bfloat16}


def entry_of(vectors, rule, case, precision):
    """The entry of a rule, its instance, at a case."""
    (entry,) = (
        e
        for e in vectors.manifest.entries
        if (e.rule, e.options, e.case, e.precision)
        == (type(rule).__name__, vars(rule), case, precision)
    )
    return entry


def arrays_of(vectors, entry, *roles):
    return [vectors.arrays[stored.name] for stored in entry.having(*roles)]
