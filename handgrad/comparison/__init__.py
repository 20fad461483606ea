"""The comparison: a gradient by hand beside automatic differentiation, counted and timed."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from handgrad.comparison.ways import Comparison


def compare(
    rule: Any, sizes: dict[str, Any] | None = None, *, dtype: str = "float32", seed: int = 0
) -> "Comparison":
    """A rule's gradient beside `jax.vjp` of its own forward and of its reference, if it has one.

    rule   forward and backward, and a derivation that states the shapes of the inputs
    sizes  of letters in these shapes, as {"N": 512}; "..." takes a tuple
    dtype  float32 or float64, the same for every way
    seed   of the random numbers

    >>> from handgrad import Softmax, compare
    >>> print(compare(Softmax()))

    Raises TypeError for what is not a rule, and ValueError for sizes that there are not, or that
    are too large.
    """
    from handgrad.comparison import ways  # which loads JAX

    return ways.compared(rule, sizes or {}, dtype, seed)
