"""Damaged files: a sample of the campaign of `python -m tests.common.damage`."""

import pytest

from handgrad.bridges import golden
from handgrad.common import npz
from tests.common.damage import DAMAGES, Runs, Vectors, campaign

COUNT = 40 * len(DAMAGES)


@pytest.mark.parametrize("kind", [Vectors, Runs])
def test_no_damaged_file_is_a_traceback_or_loaded_in_silence(kind, tmp_path):
    found, faults, slowest = campaign(kind(tmp_path / "file.npz"), COUNT)
    assert not faults
    assert slowest < 5
    assert all(found[damage.__name__, "refused"] > COUNT / 20 for damage in DAMAGES)
    assert all(found["rearranged", outcome] for outcome in ("refused", "the same"))
    assert found["forged", "fit for use"]


@pytest.mark.parametrize(
    ("kind", "planted"),
    [
        (Vectors, (golden, "_refuse_lies", lambda manifest, arrays: None)),
        (Runs, (npz, "digest", lambda array: "")),
    ],
)
def test_the_campaign_sees_a_reader_without_digests(kind, planted, tmp_path, monkeypatch):
    monkeypatch.setattr(*planted)
    _, faults, _ = campaign(kind(tmp_path / "file.npz"), COUNT)
    assert any(fault.endswith("it was loaded in silence as something else") for fault in faults)


@pytest.mark.parametrize("kind", [Vectors, Runs])
def test_the_campaign_sees_a_traceback(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "DAMAGED", ())
    found, faults, _ = campaign(kind(tmp_path / "file.npz"), COUNT)
    assert any("Traceback" in fault and "zipfile.BadZipFile" in fault for fault in faults)
    assert found["cut", "WRONG"]
