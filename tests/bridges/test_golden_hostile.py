"""Golden vectors from a stranger: no option makes a rule work for longer than the file's arrays."""

import hashlib
import json

import numpy as np
import pytest

from handgrad import rules
from handgrad.bridges import golden, manifest, work
from handgrad.bridges.work import _made
from handgrad.judge.verdict import Status
from tests.common.forging import forged_vectors, listed, npy


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a file with the vectors of rules that have options."""
    path = tmp_path_factory.mktemp("golden") / "whole.npz"
    own = (
        rules.Copy(3),
        rules.Split(),
        rules.Conv2d(),
        rules.Broadcast((4, 3, 5)),
        rules.Softmax(),
    )
    golden.export(own, path)
    return path.read_bytes()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "golden.npz"


@pytest.fixture
def idle(monkeypatch):
    """No rule may run."""
    for rule in (rules.Copy, rules.Split, rules.Conv2d, rules.Broadcast, rules.Softmax):
        monkeypatch.setattr(rule, "forward", lambda *_: pytest.fail("it was run"))


def refused(path):
    """The one sentence with which a file is refused, before any rule runs."""
    with pytest.raises(ValueError, match=str(path)) as caught:
        golden.check(golden.load(path))
    message = str(caught.value)
    assert message.startswith(str(path))
    assert message.isprintable()
    assert len(message) < 400
    return message.removeprefix(str(path))


def with_options(rule, **options):
    def change(whole, _arrays):
        for entry in whole["entries"]:
            if entry["rule"] == rule:
                entry["options"] |= options

    return change


BOMBS = {
    "copies": with_options("Copy", copies=10**9),
    "more copies than there are numbers": with_options("Copy", copies=2000),
    "sections": with_options("Split", sections=10**9),
    "sections, counted backwards": with_options("Split", sections=-(10**9)),
    "padding": with_options("Conv2d", padding=[30_000, 30_000]),
    "padding on one side": with_options("Conv2d", padding=[0, 10**6]),
    "a shape": with_options("Broadcast", shape=[10**9, 3, 5]),
    "a number of 4000 digits": with_options("Copy", copies=10**4000),
    "a window of many": with_options("Conv2d", dilation=[16] * 10),
    "a list of many": with_options("Conv2d", padding=[0] * 10**5),
    "lists in lists": with_options("Conv2d", padding=[[[[[1]]]]]),
    "an object": with_options("Conv2d", padding={"a": 1}),
    "a long text": with_options("Softmax", axis="x" * 10**6),
    "an escape": with_options("Softmax", axis="\x1b[2J"),
    "an escape for a name": with_options("Softmax", **{"\x1b[2J": 1}),
    "NaN": with_options("Softmax", axis=float("nan")),
    "infinity": with_options("Softmax", axis=float("inf")),
}


@pytest.mark.usefixtures("idle")
@pytest.mark.parametrize("name", BOMBS)
def test_options_that_are_a_bomb_are_refused_before_a_rule_runs(path, whole, name):
    path.write_bytes(forged_vectors(whole, BOMBS[name]))
    assert refused(path).startswith(": its manifest is not ")


def test_the_sentence_shows_the_option(path, whole):
    path.write_bytes(forged_vectors(whole, BOMBS["copies"]))
    assert refused(path) == (
        ": its manifest is not right: Copy has the option copies=1000000000, "
        "which is too large for arrays of 72 numbers"
    )


def test_a_number_beyond_all_floats_is_refused(path, whole):
    def change(whole, _arrays):
        whole["precisions"] = {"bfloat16": 0.123456789}

    forged = forged_vectors(whole, change)
    assert forged.count(b"0.123456789") == 1
    path.write_bytes(forged)
    text = golden.load(path).manifest.encoded().tobytes().replace(b"0.123456789", b"1e999")
    with pytest.raises(ValueError, match="1e999 is not a finite number"):
        manifest.decoded(np.frombuffer(text, np.uint8))


def test_entries_of_too_many_arrays_or_numbers_are_refused(path, whole, monkeypatch):
    path.write_bytes(whole)
    for name, most in (("MAX_NUMBERS", 100), ("MAX_ARRAYS", 5)):
        with monkeypatch.context() as patch:
            patch.setattr(manifest, name, most)
            assert ": it lists more than " in refused(path)
    golden.load(path)


@pytest.mark.parametrize("limit", ["MAX_NUMBERS", "MAX_STEPS"])
def test_what_a_rule_would_make_is_counted_before_it_runs(path, whole, monkeypatch, limit):
    """Small arrays and small options can still make much: a window sees each number many times."""
    path.write_bytes(whole)
    monkeypatch.setattr(work, "SMALL", 5000)
    monkeypatch.setattr(work, limit, 100)
    monkeypatch.setattr(golden, "run", lambda *_: pytest.fail("it was run"))
    assert ": Conv2d(stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1), " in refused(path)


def test_the_count_is_that_of_the_arrays_that_numpy_would_make():
    entry = manifest.Entry(
        "Exp",
        {},
        "a case",
        "float64",
        tuple(
            manifest.Stored(role, role, 0, "x", (200, 200), "<f8", "")
            for role in ("input", "upstream")
        ),
    )
    budget = work.Budget()
    budget.spend(entry, rules.Exp())
    assert budget.steps == 2  # exp(x), and dy times that


def test_few_entries_of_the_catalog_are_traced_and_none_comes_near_the_limits(
    everything, monkeypatch
):
    counts = []

    def noted(*given):
        counts.append(_made(*given))
        return counts[-1]

    monkeypatch.setattr(work, "_made", noted)
    assert all(golden.check(everything))
    assert 0 < len(counts) < len(everything.manifest.entries) / 20
    assert max(numbers for numbers, _ in counts) < work.MAX_NUMBERS / 4
    assert sum(steps for _, steps in counts) < work.MAX_STEPS / 4


def test_a_rule_that_cannot_be_traced_is_not_run(path, whole, monkeypatch):
    def change(whole, _arrays):
        for entry in whole["entries"]:
            if entry["rule"] == "Softmax":
                entry["options"] = {"axis": 9}

    path.write_bytes(forged_vectors(whole, change))

    def run(rule, *_):
        assert rule != rules.Softmax(9), "it was run"
        return {}

    monkeypatch.setattr(golden, "run", run)
    wrong = [c for c in golden.check(golden.load(path)) if c.name == "the rule"]
    assert {c.status for c in wrong} == {Status.WRONG}
    assert {c.entry.rule for c in wrong} == {"Softmax"}
    assert all("today: " in c.message for c in wrong)


def without_upstream(whole, arrays):
    entry = whole["entries"][0]
    for stored in [s for s in entry["arrays"] if s["role"] == "upstream"]:
        entry["arrays"].remove(stored)
        del arrays[stored["name"]]


def one_gradient_twice(whole, _arrays):
    entry = next(e for e in whole["entries"] if e["rule"] == "Conv2d")
    for stored in entry["arrays"]:
        if stored["role"].startswith("gradient"):
            stored["index"] = 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (without_upstream, "it does not give each output of Copy(copies=3), "),
        (one_gradient_twice, "it does not give each gradient of Conv2d("),
    ],
)
def test_an_entry_without_what_it_takes_is_refused(path, whole, change, sentence):
    path.write_bytes(forged_vectors(whole, change))
    assert sentence in refused(path)


def test_what_is_exported_can_be_read(path):
    with pytest.raises(ValueError, match="is too large for arrays of"):
        golden.export([rules.Slice(0, 10**6)], path)
    assert not path.exists()


def test_every_text_of_a_manifest_is_short_and_printable(path, whole):
    for field in ("rule", "case", "precision"):
        for text in ("\x1b[2J", "x" * 1000, 3):

            def change(whole, _arrays, field=field, text=text):
                whole["entries"][0][field] = text

            path.write_bytes(forged_vectors(whole, change))
            assert f": {field!r} is not a short text" in refused(path)


def test_forging_is_able_to_forge_what_passes(path, whole):
    path.write_bytes(forged_vectors(whole, lambda manifest, arrays: None))
    vectors = golden.load(path)
    assert all(golden.check(vectors))
    stored = next(listed(json.loads(vectors.manifest.encoded().tobytes())))
    array = vectors.arrays[stored["name"]]
    assert hashlib.sha256(npy(array)[-array.nbytes :]).hexdigest() == stored["sha256"]
