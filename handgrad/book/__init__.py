"""The names and signatures of "Deep Learning from Scratch", chapters 4 to 8, on handgrad's rules.

A script of the book runs when its import lines change:

    from handgrad.book import *
"""

from handgrad.book import names
from handgrad.book.names import *
from handgrad.book.nets import TwoLayerNet

__all__ = ["TwoLayerNet"]
__all__ += names.__all__
