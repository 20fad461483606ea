"""The mathematics: a rule is a frozen dataclass with a forward and a hand-derived backward."""

from handgrad.rules.activations import *
from handgrad.rules.arithmetic import *
from handgrad.rules.attention import *
from handgrad.rules.attention_layers import *
from handgrad.rules.attention_tiles import *
from handgrad.rules.batch_normalization import *
from handgrad.rules.binary import *
from handgrad.rules.chains import *
from handgrad.rules.channel_normalization import *
from handgrad.rules.contrastive import *
from handgrad.rules.convolution import *
from handgrad.rules.cross_entropy import *
from handgrad.rules.cumulative import *
from handgrad.rules.delta_rules import *
from handgrad.rules.divergences import *
from handgrad.rules.elementary import *
from handgrad.rules.experts import *
from handgrad.rules.factorizations import *
from handgrad.rules.fused import *
from handgrad.rules.gates import *
from handgrad.rules.implicit import *
from handgrad.rules.indexing import *
from handgrad.rules.labelled import *
from handgrad.rules.linear import *
from handgrad.rules.matrices import *
from handgrad.rules.mixing import *
from handgrad.rules.normalization import *
from handgrad.rules.piecewise import *
from handgrad.rules.policies import *
from handgrad.rules.pooling import *
from handgrad.rules.positions import *
from handgrad.rules.preferences import *
from handgrad.rules.ranking import *
from handgrad.rules.rearrangement import *
from handgrad.rules.rectifiers import *
from handgrad.rules.recurrent import *
from handgrad.rules.reductions import *
from handgrad.rules.regression import *
from handgrad.rules.regularization import *
from handgrad.rules.resampling import *
from handgrad.rules.segmentation import *
from handgrad.rules.segments import *
from handgrad.rules.selection import *
from handgrad.rules.sequence_losses import *
from handgrad.rules.sequences import *
from handgrad.rules.shared.half import round_once
from handgrad.rules.shared.words import know_words
from handgrad.rules.simplex import *
from handgrad.rules.sorting import *
from handgrad.rules.state_space import *
from handgrad.rules.structure import *
from handgrad.rules.transposed_convolution import *
from handgrad.rules.vocabulary import *
from handgrad.rules.weight_normalization import *
from handgrad.rules.windows import *

_classes = [value for value in vars().values() if isinstance(value, type)]
round_once(*_classes)
know_words(*_classes)
