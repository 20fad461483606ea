"""The complex step: exact where the code takes complex numbers, silent where it does not."""

import math

import numpy as np
import pytest

from handgrad import verify
from handgrad.judge.libraries import undisturbed
from handgrad.judge.oracles import complex_step
from handgrad.judge.trial import Trial

SATURATED = np.array([0.61, -0.85, 1.3, -0.71])  # slopes of 2e-9 and less, beside outputs of 1


def steep(x):
    return 0.5 * (1 + np.tanh(20 * x))


def slope(dy, x):
    return dy * 10 / np.cosh(20 * x) ** 2


def trial_of(f, vjp, x=SATURATED):
    return Trial((f, vjp), (x,), seed=0)


def test_it_is_exact_where_differences_lose_every_digit():
    trial = trial_of(steep, slope)
    u = np.array([1.0, -2.0, 0.5, 3.0])
    expected = float(np.sum(trial.grads[0] * u))
    assert complex_step.along(trial, [u]) == pytest.approx(expected, rel=1e-13)


def test_it_sees_the_last_digits():
    u = np.array([1.0, -2.0, 0.5, 3.0])
    assert complex_step.agrees(trial_of(steep, slope), [u])
    assert not complex_step.agrees(trial_of(steep, lambda dy, x: (1 + 1e-12) * slope(dy, x)), [u])


@pytest.mark.parametrize("forward", [np.cbrt, lambda x: np.maximum(x.astype(float), 0)])
def test_code_that_takes_no_complex_numbers_confirms_nothing(forward):
    trial = trial_of(forward, lambda dy, x: 0 * dy)
    with undisturbed():  # what is imaginary is dropped without a warning
        assert math.isnan(complex_step.along(trial, [np.ones(4) / 3]))


def test_slopes_below_the_rounding_of_the_output_are_confirmed_by_it():
    assert verify((steep, slope), SATURATED).ok
    assert not verify((steep, lambda dy, x: 1.001 * slope(dy, x)), SATURATED).ok


def test_outputs_that_are_complex_for_real_numbers_are_refused():
    with pytest.raises(TypeError, match="output 0 of forward is complex128"):
        verify((lambda x: x + 1j, slope), SATURATED)
