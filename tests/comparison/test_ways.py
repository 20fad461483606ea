"""One gradient in three ways."""

import json
from dataclasses import dataclass

import jax
import numpy as np
import pytest

import handgrad
from handgrad.comparison import compare, ways
from handgrad.comparison.running import difference
from handgrad.comparison.ways import HAND, REFERENCE, SAME


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(ways, "SECONDS", 0.0)


@dataclass(frozen=True)
class Cube:
    """y = x³

        x : (N)
        y = x**3
        dx = 3 * dy * x**2

    Keeps x.
    """

    factor: float = 3.0

    def forward(self, x):
        return x * x * x, (x,)

    def backward(self, residuals, dy):
        (x,) = residuals
        return (self.factor * dy * x * x,)


def test_a_rule_of_the_package_has_three_ways_and_another_two():
    assert list(compare(handgrad.Tanh(), {"...": (6,)}).ways) == [HAND, SAME, REFERENCE]
    assert list(compare(Cube(), {"N": 6}).ways) == [HAND, SAME]


def test_the_three_ways_give_the_same_numbers():
    found = compare(handgrad.BatchNorm(), {"N": 40, "C": 30}, dtype="float64").ways
    for name in (SAME, REFERENCE):
        for half in found[name].halves.values():
            assert half.difference < 1e-13


def test_a_wrong_backward_is_another_gradient_and_the_same_output():
    same = compare(Cube(factor=3.3), {"N": 50}, dtype="float64").ways[SAME].halves
    assert same["forward"].difference == 0
    assert same["backward"].difference == pytest.approx(0.3 / 3.3, abs=1e-12)


def test_a_difference_is_a_share_of_the_largest_number():
    small = np.array([1e-9, 2e-9])
    assert difference([small * np.array([1, 1.5])], [small], [np.ones(3)]) == pytest.approx(0.5)
    assert difference([small, small], [small, small * 4], []) == pytest.approx(0.75)


def test_rounding_is_no_difference_from_zero():
    rounding = np.array([1e-17, -1e-17])
    assert difference([rounding], [-rounding], [np.ones(3)]) < 0.1


def test_what_is_no_number_is_no_small_difference():
    assert np.isnan(difference([np.array([np.nan])], [np.ones(1)], []))


@pytest.mark.parametrize(("dtype", "most"), [("float32", 4), ("float64", 8)])
def test_every_array_has_the_precision_that_is_asked_for(dtype, most):
    """Labels too are of 32 bits beside numbers of 32, as JAX has it unless it is told otherwise."""
    rule, sizes = handgrad.SoftmaxCrossEntropyWithLabels(), {"N": 3, "C": 4}
    for way in compare(rule, sizes, dtype=dtype).ways.values():
        for program in way.programs.halves.values():
            made = [v.aval.dtype for eqn in program.eqns for v in eqn.outvars]
            made += [aval.dtype for aval in program.in_avals]
            assert {d for d in made if np.issubdtype(d, np.floating)} == {np.dtype(dtype)}
            assert max(d.itemsize for d in made) == most


def test_only_the_rule_runs_on_numpy():
    for name, way in compare(handgrad.Exp(), {"...": (7,)}).ways.items():
        for half in way.halves.values():
            assert (half.numpy_seconds is not None) == (name == HAND)
            assert (half.difference is None) == (name == HAND)
            assert half.seconds > 0


def test_the_sizes_shrink_until_the_reference_has_room():
    """The reference of BatchNorm2d holds a matrix with a row for every position."""
    found = compare(handgrad.BatchNorm2d())
    largest = max(
        ways.largest_in(p) for w in found.ways.values() for p in w.programs.halves.values()
    )
    assert 2**18 < largest <= ways.COMFORTABLE


def test_given_sizes_that_are_too_large_are_refused():
    with pytest.raises(ValueError, match="needs 1600000000 numbers at once at N = 40000, C = 2"):
        compare(handgrad.BatchNorm(), {"N": 40_000, "C": 2})
    with pytest.raises(ValueError, match="choose smaller sizes"):
        compare(handgrad.Exp(), {"...": (10**9, 10**9)})


def test_sizes_at_which_the_rule_does_not_run_are_named():
    class Halves(Cube):
        """y = x, as two rows

        x : (N)
        y = reshape(x, (2, -1))
        """

        def forward(self, x):
            return x.reshape(2, -1), ()

    with pytest.raises(ValueError, match=r"Halves\(.*\) does not run at N = 5: .*reshape") as found:
        compare(Halves(), {"N": 5})
    assert "\n" not in str(found.value)


def test_jax_has_its_settings_back():
    before = jax.config.jax_enable_x64, jax.numpy.zeros(1).dtype
    compare(handgrad.Exp(), {"...": (7,)})
    assert (jax.config.jax_enable_x64, jax.numpy.zeros(1).dtype) == before


def test_the_seed_decides_the_inputs_and_the_upstream_gradient():
    def off(seed):
        halves = compare(handgrad.Softmax(), {"M": 40, "N": 30}, seed=seed).ways[REFERENCE].halves
        return halves["forward"].difference, halves["backward"].difference

    assert off(1) == off(1)
    assert all(a != b for a, b in zip(off(1), off(2), strict=True))


def test_a_comparison_is_plain_json():
    plain = json.loads(json.dumps(compare(handgrad.Exp(), {"...": (2, 3)}).to_dict()))
    assert plain["sizes"] == {"...": [2, 3]}
    forward = plain["ways"][HAND]["forward"]
    assert forward["operations"] == {"exp": 1}
    assert forward["xla"]["transcendentals"] == 6
    (kept,) = plain["ways"][HAND]["kept"]
    assert kept == {"origin": "output", "shape": [2, 3], "dtype": "float32", "bytes": 24}
