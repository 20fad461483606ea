"""The mathematics: a rule is a frozen dataclass with a forward and a hand-derived backward."""

from handgrad.rules.activations import *
from handgrad.rules.arithmetic import *
from handgrad.rules.batch_normalization import *
from handgrad.rules.binary import *
from handgrad.rules.channel_normalization import *
from handgrad.rules.convolution import *
from handgrad.rules.cross_entropy import *
from handgrad.rules.cumulative import *
from handgrad.rules.elementary import *
from handgrad.rules.gates import *
from handgrad.rules.labelled import *
from handgrad.rules.linear import *
from handgrad.rules.normalization import *
from handgrad.rules.piecewise import *
from handgrad.rules.pooling import *
from handgrad.rules.rearrangement import *
from handgrad.rules.rectifiers import *
from handgrad.rules.reductions import *
from handgrad.rules.regression import *
from handgrad.rules.regularization import *
from handgrad.rules.selection import *
from handgrad.rules.simplex import *
from handgrad.rules.structure import *
from handgrad.rules.weight_normalization import *
from handgrad.rules.windows import *
