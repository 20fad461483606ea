"""Right derivations of many kinds hold, whatever is drawn."""

import pytest

from handgrad.derivation.report import check_scopes
from handgrad.derivation.sources import scopes_of
from tests.derivation.wrong import ONE_IN, RIGHT_FILES, SOURCES

RIGHT = {scope.title: scope for path in RIGHT_FILES for scope in scopes_of(path)}
MANY = [title for title, scope in RIGHT.items() if str(scope.path).endswith(SOURCES)]
RARE = set(MANY) - set(MANY[::ONE_IN])
MANY_SEEDS = range(1, 20)


def refusals(title, seeds):
    return [
        (seed, str(derivation))
        for seed in seeds
        for derivation in check_scopes([RIGHT[title]], seed)
        if not derivation.ok
    ]


@pytest.mark.parametrize(
    "title", [pytest.param(t, marks=pytest.mark.slow) if t in RARE else t for t in RIGHT]
)
def test_a_right_derivation_passes(title):
    assert refusals(title, (0,)) == []


@pytest.mark.slow
@pytest.mark.parametrize("title", RIGHT)
def test_a_right_derivation_passes_at_many_seeds(title):
    assert refusals(title, MANY_SEEDS) == []


def test_no_two_right_derivations_have_one_title():
    assert sum(len(scopes_of(path)) for path in RIGHT_FILES) == len(RIGHT)
