"""Facts of losses of yes and no."""

import numpy as np

from handgrad import SigmoidCrossEntropy, SoftmaxCrossEntropy
from tests.rules.running import assert_close, gradients, normals, value
from tests.rules.test_losses import draw


def test_sigmoid_cross_entropy_is_softmax_cross_entropy_of_x_and_0():
    x, dy = normals(9, (5,), (5,))
    t = draw((5, 2))[1]
    pairs = np.stack([x, np.zeros(5)], axis=1)
    dx, _ = gradients(SigmoidCrossEntropy("none"), x, t[:, 0], dy=dy)
    assert_close(
        value(SigmoidCrossEntropy("none"), x, t[:, 0]), value(SoftmaxCrossEntropy("none"), pairs, t)
    )
    assert_close(dx, gradients(SoftmaxCrossEntropy("none"), pairs, t, dy=dy)[0][:, 0])
