"""The judge, measured: which wrong gradients it accepts, and which right ones it refuses."""

import numpy as np
import pytest

from tests.judge import zoo
from tests.judge.zoo.campaign import judged
from tests.judge.zoo.numerical import furthest_from_numbers, leaves_the_subdifferential
from tests.judge.zoo.peculiar import AT_KINKS
from tests.judge.zoo.specimen import quiet
from tests.judge.zoo.witnesses import call, cast, upstream

RIGHT, WRONG = zoo.right(), zoo.wrong()
TRIALS = (("float64", 0), ("float32", 1))  # the campaign has as many as it is asked for


def by_name(specimens):
    return pytest.mark.parametrize("specimen", specimens, ids=lambda specimen: specimen.name)


def test_the_zoo_is_large():
    assert len(WRONG) >= 300
    assert len({specimen.operation.name for specimen in WRONG}) >= 40
    assert len(RIGHT) >= 60


@pytest.mark.parametrize("specimens", [RIGHT, WRONG], ids=["right", "wrong"])
def test_no_two_specimens_have_one_name(specimens):
    names = [specimen.name for specimen in specimens]
    assert sorted(set(names)) == sorted(names)


def test_every_mutation_is_in_the_zoo():
    kinds = {specimen.kind for specimen in WRONG}
    assert {mutation.name for mutation in zoo.MUTATIONS} <= kinds


@by_name(WRONG)
def test_a_witness_shows_what_is_wrong(specimen):
    assert all(specimen.is_wrong(np.random.default_rng(seed)) for seed in range(10, 13))


@by_name([specimen for specimen in RIGHT if specimen.operation not in AT_KINKS])
def test_right_is_what_numbers_say(specimen):
    rng = np.random.default_rng(0)
    with quiet():
        assert min(furthest_from_numbers(specimen, rng) for _ in range(3)) < 1e-9


@by_name([specimen for specimen in RIGHT if specimen.operation in AT_KINKS])
def test_right_at_a_kink_lies_between_the_slopes_of_its_sides(specimen):
    assert leaves_the_subdifferential(specimen, np.random.default_rng(0)) < 1e-6  # h is 1e-7


@by_name(RIGHT)
def test_right_keeps_the_precision_and_the_layout_and_writes_nowhere(specimen):
    rng = np.random.default_rng(1)
    inputs = cast(specimen.draw(rng), np.float32)
    dy = cast(upstream(specimen.operation, inputs, rng), np.float32)
    for x in (*inputs, *dy):
        x.setflags(write=False)
    y, grads = call(specimen.make(), dy, inputs)
    assert {np.asarray(a).dtype for a in (*y, *filter(_is_array, grads))} == {np.dtype(np.float32)}
    assert not any(
        np.shares_memory(a, b) for a in (*y, *filter(_is_array, grads)) for b in (*inputs, *dy)
    )


def _is_array(dx):
    return dx is not None


def trials(specimens):
    """Each specimen in a precision in which it is wrong, or right; in the others it is a campaign."""
    tried = []
    for k, specimen in enumerate(specimens):
        known = [trial for trial in TRIALS if trial[0] in specimen.precisions]
        for n, (precision, seed) in enumerate(known):
            marks = () if n == k % len(known) else (pytest.mark.slow,)
            name = f"{specimen.name}-{precision}-{seed}"
            tried.append(pytest.param(specimen, precision, seed, id=name, marks=marks))
    return pytest.mark.parametrize(("specimen", "precision", "seed"), tried)


@trials(WRONG)
def test_wrong_is_rejected(specimen, precision, seed):
    verdict = judged(specimen, precision, seed)
    assert not verdict.ok, str(verdict)


@trials(RIGHT)
def test_right_is_accepted(specimen, precision, seed):
    verdict = judged(specimen, precision, seed)
    assert verdict.ok, str(verdict)
