"""Oracle: the complex step, Im ⟨v, f(x + i h u)⟩ / h, which subtracts nothing.

It is exact to a few roundings where f is analytic and its code takes complex numbers (Squire and
Trapp, SIAM Rev. 40, 1998). Elsewhere its value means nothing, so it only ever confirms.
"""

import math

import numpy as np

STEP = 1e-30


def complex_step(f, x, u, v):
    """The derivative of ⟨v, f⟩ at x along u, or NaN where the code does not take complex numbers."""
    try:
        y = f([a + 1j * STEP * b for a, b in zip(x, u, strict=True)])
        moved = sum(float(np.sum(d * np.imag(out))) for d, out in zip(v, y, strict=True))
    except Exception:
        return math.nan
    return moved / STEP
