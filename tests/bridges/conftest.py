"""Files of golden vectors: of a few rules, and of every rule."""

import pytest

from handgrad.bridges import golden
from tests.bridges.few import FEW
from tests.rules_and_cases import RULES


@pytest.fixture(scope="session")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("golden") / "few.npz"


@pytest.fixture(scope="session")
def few(file):
    golden.export(FEW, file)
    return golden.load(file)


@pytest.fixture(scope="session")
def everything(tmp_path_factory):
    path = tmp_path_factory.mktemp("golden") / "everything.npz"
    golden.export(RULES, path)
    return golden.load(path)
