"""The comparison: a gradient by hand beside automatic differentiation, counted and timed."""

from handgrad.comparison.ways import Comparison, compare

__all__ = ["Comparison", "compare"]
