"""A training run in a file: whole at every moment, and the same run when it is read."""

import io
import json
from pathlib import Path

import numpy as np
import pytest

from handgrad.book import checkpoint
from handgrad.book.training import Settings, advance, start

SETTINGS = Settings(hidden=8, batch=50, learning_rate=0.3, seed=5)
EPOCH = 12  # 600 digits in batches of 50


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.npz"


@pytest.fixture
def run(digits):
    return trained(start(SETTINGS, digits[0]), digits, EPOCH)


def trained(run, digits, steps):
    """The same run, at this step."""
    for _ in advance(run, *digits, steps):
        pass
    return run


def assert_same(a, b):
    assert (a.settings, a.digits, a.step) == (b.settings, b.digits, b.step)
    assert a.losses == b.losses
    assert a.rng.bit_generator.state == b.rng.bit_generator.state
    assert list(a.net.params) == list(b.net.params)
    for name, p in a.net.params.items():
        assert p.dtype == b.net.params[name].dtype
        assert np.array_equal(p, b.net.params[name])


@pytest.mark.parametrize("steps", [0, 5, EPOCH])
def test_a_saved_run_is_loaded_as_it_was(digits, path, steps):
    run = trained(start(SETTINGS, digits[0]), digits, steps)
    checkpoint.save(run, path)
    loaded = checkpoint.load(path)
    assert_same(loaded, run)
    assert loaded.history == run.history


@pytest.mark.parametrize("stops", [[EPOCH], [EPOCH, 2 * EPOCH, 4 * EPOCH]])
def test_a_resumed_run_is_the_run_that_was_never_interrupted(digits, path, stops):
    whole = trained(start(SETTINGS, digits[0]), digits, 5 * EPOCH)
    run = start(SETTINGS, digits[0])
    for stop in stops:
        checkpoint.save(trained(run, digits, stop), path)
        run = checkpoint.load(path)
    trained(run, digits, 5 * EPOCH)
    assert_same(run, whole)
    assert run.history == whole.history


def test_a_run_that_stopped_within_an_epoch_goes_on_as_if_it_had_not(digits, path):
    whole = trained(start(SETTINGS, digits[0]), digits, 2 * EPOCH)
    checkpoint.save(trained(start(SETTINGS, digits[0]), digits, 5), path)
    resumed = trained(checkpoint.load(path), digits, 2 * EPOCH)
    assert_same(resumed, whole)
    assert [row for row in resumed.history if row[0] % EPOCH == 0] == whole.history


def test_a_loaded_run_trains_on_without_changing_its_file(run, digits, path):
    checkpoint.save(run, path)
    before = path.read_bytes()
    trained(checkpoint.load(path), digits, 2 * EPOCH)
    assert path.read_bytes() == before


def test_a_newer_run_replaces_the_file_and_leaves_nothing_beside_it(run, digits, path):
    checkpoint.save(run, path)
    checkpoint.save(trained(run, digits, EPOCH + 3), path)
    assert checkpoint.load(path).step == EPOCH + 3
    assert list(path.parent.iterdir()) == [path]


def test_the_file_gets_exactly_the_name_that_was_given(run, tmp_path):
    checkpoint.save(run, tmp_path / "run.kept")
    assert [p.name for p in tmp_path.iterdir()] == ["run.kept"]


@pytest.mark.parametrize("failure", [OSError("no space left"), KeyboardInterrupt(), MemoryError()])
def test_a_failure_halfway_leaves_the_old_file_alone(run, digits, path, monkeypatch, failure):
    checkpoint.save(run, path)
    before = path.read_bytes()
    trained(run, digits, EPOCH + 3)

    def failing(file, **_):
        file.write(before[:1000])
        raise failure

    monkeypatch.setattr(checkpoint.np, "savez", failing)
    with pytest.raises(type(failure)):
        checkpoint.save(run, path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_the_old_file_stays_until_the_new_one_is_on_the_disk(run, path, monkeypatch):
    checkpoint.save(run, path)
    before, synced = path.read_bytes(), []

    def sync(descriptor):
        assert path.read_bytes() == before
        synced.append(descriptor)

    monkeypatch.setattr(checkpoint.os, "fsync", sync)
    run.losses[0] = 77.0
    checkpoint.save(run, path)
    assert len(synced) == 1
    assert checkpoint.load(path).losses[0] == 77.0


def npz(**arrays):
    """The bytes of an .npz file."""
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def repacked(whole, **changes):
    """The bytes of a run's file, with some entries changed, or left out where they are None."""
    with np.load(io.BytesIO(whole)) as arrays:
        entries = dict(arrays) | changes
    return npz(**{name: value for name, value in entries.items() if value is not None})


def with_byte_changed(whole):
    middle = len(whole) // 2
    return whole[:middle] + bytes((whole[middle] ^ 0xFF,)) + whole[middle + 1 :]


def about(whole, **changes):
    """The entry `about` of a run's file, with some items changed."""
    with np.load(io.BytesIO(whole)) as arrays:
        return json.dumps(json.loads(str(arrays["about"])) | changes)


DAMAGED = {
    "empty": lambda _: b"",
    "text": lambda _: b"step,loss\n1,2.3\n",
    "cut in half": lambda whole: whole[: len(whole) // 2],
    "cut by one byte": lambda whole: whole[:-1],
    "one byte changed": with_byte_changed,
    "a single array": lambda _: npy(np.arange(3.0)),
    "pickled objects": lambda _: npy(np.array([{}, None])),
    "a foreign npz": lambda _: npz(W1=np.arange(6.0).reshape(2, 3)),
    "an npz with objects": lambda _: npz(about=np.array([{}])),
    "without weights": lambda whole: repacked(whole, W2=None),
    "about is no JSON": lambda whole: repacked(whole, about="step 12"),
    "about is a number": lambda whole: repacked(whole, about="3"),
    "unknown settings": lambda whole: repacked(whole, about=about(whole, settings={"depth": 3})),
    "no generator": lambda whole: repacked(whole, about=about(whole, rng={})),
    "a history of single numbers": lambda whole: repacked(whole, history=np.arange(4.0)),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_or_foreign_file_is_named_in_one_sentence(run, path, damage):
    checkpoint.save(run, path)
    path.write_bytes(DAMAGED[damage](path.read_bytes()))
    with pytest.raises(ValueError, match="training run") as caught:
        checkpoint.load(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message


def test_a_file_of_another_format_is_named_with_both_formats(run, path):
    checkpoint.save(run, path)
    whole = path.read_bytes()
    path.write_bytes(repacked(whole, about=about(whole, format=2)))
    with pytest.raises(ValueError, match="format") as caught:
        checkpoint.load(path)
    assert str(caught.value) == f"{path} has the format 2; this is handgrad's 1"


def test_a_missing_file_is_named(path):
    with pytest.raises(FileNotFoundError) as caught:
        checkpoint.load(path)
    assert str(caught.value) == f"{path} does not exist: there is nothing to resume"


def test_a_file_never_runs_code(path, tmp_path):
    class Payload:
        def __reduce__(self):
            return Path.touch, (tmp_path / "was-here",)

    path.write_bytes(npz(about=np.array([Payload()], dtype=object)))
    with pytest.raises(ValueError, match=r"allow_pickle|training run"):
        checkpoint.load(path)
    assert not (tmp_path / "was-here").exists()
