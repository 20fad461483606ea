"""Facts of elementary functions: inverses, the edges of the domains, and digits near 0."""

from handgrad import Exp, Log
from tests.rules.running import assert_close, gradients, normals, value


def test_exp_and_log_undo_each_other_forward_and_backward():
    x, dy = normals(6, (5,), (5,))
    y = value(Exp(), x)
    (through_log,) = gradients(Log(), y, dy=dy)
    assert_close(value(Log(), y), x)
    assert_close(gradients(Exp(), x, dy=through_log)[0], dy)
