"""A verdict says whether exact arithmetic proves it, for code that people write and for the catalog."""

import json

import numpy as np
import pytest

from handgrad import ReLU, Sigmoid, SpectralNorm, verify
from handgrad.judge.oracles.exact import MOST, proof_of
from handgrad.judge.stages import Examination
from tests.exact.layers import RIGHT, WRONG
from tests.rules_and_cases import RULES, trial_of


def verdict_on(layer, shapes, params):
    rng = np.random.default_rng(3)
    made = layer(rng) if params else layer()
    return verify(made, *(rng.normal(size=shape) for shape in shapes))


@pytest.mark.parametrize("layer", RIGHT, ids=lambda layer: layer.__name__)
def test_a_right_layer_passes_exactly_with_its_parameters(layer):
    verdict = verdict_on(layer, *RIGHT[layer])
    assert verdict.headline == "PASS, exact", str(verdict)
    assert {*RIGHT[layer][1]} <= {*verdict.judged}


@pytest.mark.parametrize("layer", WRONG, ids=lambda layer: layer.__name__)
def test_a_wrong_layer_is_wrong_and_not_exact(layer):
    assert verdict_on(layer, *RIGHT[WRONG[layer]]).headline == "WRONG"


def test_nine_tenths_of_the_catalog_are_proved_and_nothing_is_refused():
    proofs = {rule: proof_of(trial, domains(trial)) for rule in RULES if (trial := trial_of(rule))}
    assert not [rule for rule, proof in proofs.items() if proof.refused]
    assert sum(proof.proved for proof in proofs.values()) > 0.9 * len(proofs)


def domains(trial):
    return Examination(None, trial.subject, None, "numpy").domains(trial.inputs)


def test_one_verdict_on_several_is_exact_if_all_are():
    whole = type(verify(ReLU())).combined
    assert whole("both", [verify(ReLU()), verify(Sigmoid())]).proof
    assert not whole("both", [verify(ReLU()), verify(SpectralNorm())]).proof


def test_what_has_no_exact_form_says_why_and_passes_by_numbers():
    verdict = verify(SpectralNorm())
    assert verdict.headline == "PASS"
    assert "by numbers: svd has no exact form" in str(verdict)


def test_large_inputs_are_proved_at_small_ones_that_the_code_takes():
    rng = np.random.default_rng(0)
    assert verify(Sigmoid(), rng.normal(size=(2, MOST))).proof


def test_the_proof_is_plain_data_too():
    proof = verify(ReLU()).to_dict()["proof"]
    assert proof["proved"] is True
    assert json.loads(json.dumps(proof)) == proof
