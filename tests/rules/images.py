"""An image, and windows on it that overlap or do not, reach over its borders, or leave gaps."""

import pytest

WINDOWS = [  # kernel, stride, padding, dilation
    ((2, 2), (1, 1), (0, 0), (1, 1)),
    ((3, 2), (2, 1), (1, 0), (1, 2)),
    ((2, 3), (1, 3), (2, 1), (2, 1)),
    ((1, 1), (1, 1), (0, 0), (1, 1)),
    ((1, 1), (2, 3), (0, 0), (1, 1)),
    ((2, 2), (4, 3), (0, 0), (1, 1)),
    ((7, 6), (1, 1), (0, 0), (1, 1)),
]
each_window = pytest.mark.parametrize("window", WINDOWS, ids=repr)
IMAGE = (2, 3, 7, 6)
