"""Facts of regression: who divides by what."""

from handgrad import MeanSquaredError, SumSquaredError
from tests.rules.running import assert_close, gradients, normals, value


def test_the_mean_squared_error_is_divided_by_every_number_and_has_no_half():
    x, t, dy = normals(10, (3, 4), (3, 4), ())
    assert_close(value(MeanSquaredError(), x, t), 2 * value(SumSquaredError(), x, t) / 12)
    whole, share = (gradients(r(), x, t, dy=dy) for r in (SumSquaredError, MeanSquaredError))
    assert_close(share[0], whole[0] / 6)
    assert_close(share[1], -share[0])
