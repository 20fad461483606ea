"""A training run in a file: whole at every moment, and the same run when it is read."""

import contextlib
import os
from pathlib import Path

import numpy as np
import pytest

from handgrad.book import checkpoint
from handgrad.book.training import Settings, advance, start
from handgrad.common import npz
from tests.common.forging import arrays_of, as_bytes, as_json, forged_run, npy, packed

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
    assert (a.settings, a.image, a.digits) == (b.settings, b.image, b.digits)
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
    assert loaded.norms == run.norms


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
    assert run.norms == whole.norms


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

    def failing(_array):
        raise failure

    monkeypatch.setattr(npz, "_npy", failing)
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

    monkeypatch.setattr(os, "fsync", sync)
    run.losses[0] = 77.0
    checkpoint.save(run, path)
    assert len(synced) == 1
    assert checkpoint.load(path).losses[0] == 77.0


def with_byte_changed(whole):
    middle = len(whole) // 2
    return whole[:middle] + bytes((whole[middle] ^ 0xFF,)) + whole[middle + 1 :]


def without(name):
    return lambda whole: packed({n: a for n, a in arrays_of(whole).items() if n != name})


def with_array(name, array):
    return lambda whole: packed(arrays_of(whole) | {name: array})


class Touching:
    """What touches a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


DAMAGED = {
    "empty": lambda _: b"",
    "text": lambda _: b"step,loss\n1,2.3\n",
    "cut in half": lambda whole: whole[: len(whole) // 2],
    "cut by one byte": lambda whole: whole[:-1],
    "longer by one byte": lambda whole: whole + b"\0",
    "one byte changed": with_byte_changed,
    "a single array": lambda _: npy(np.arange(3.0)),
    "a foreign npz": lambda _: packed({"W1": np.arange(6.0).reshape(2, 3)}),
    "without weights": without("W2"),
    "without digests": without("sha256"),
    "without losses": without("losses"),
    "other weights": with_array("b1", np.ones(8)),
    "one array more": with_array("b3", np.ones(8)),
    "about is not JSON": with_array("about", as_bytes("step 12")),
    "about is a number": with_array("about", as_bytes("3")),
    "about is NaN": with_array("about", as_bytes("NaN")),
    "about is nested without end": with_array("about", as_bytes("[" * 100_000)),
    "about is not UTF-8": with_array("about", np.array([0xFF], np.uint8)),
    "about is of numbers": with_array("about", np.arange(3.0)),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_or_foreign_file_is_named_in_one_sentence(run, path, damage):
    checkpoint.save(run, path)
    path.write_bytes(DAMAGED[damage](path.read_bytes()))
    refused(path)


def refused(path):
    """The one sentence with which a file is refused."""
    with pytest.raises(ValueError, match=str(path)) as caught:
        checkpoint.load(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert message.isprintable()
    assert len(message) < 400
    return message.removeprefix(str(path))


def setting(**items):
    return lambda about, _arrays: about["settings"].update(items)


def said(**items):
    return lambda about, _arrays: about.update(items)


def state(**items):
    return lambda about, _arrays: about["rng"].update(items)


def array(name, change):
    return lambda _about, arrays: arrays.update({name: np.asarray(change(arrays[name]))})


FOREIGN = {
    "no settings": (said(settings=None), "'settings' is not an object"),
    "unknown settings": (said(settings={"depth": 3}), "its settings are not hidden, batch, "),
    "one setting more": (setting(depth=3), "its settings are not hidden, batch, "),
    "batch 0": (setting(batch=0), "its settings cannot be: Settings(hidden=8, batch=0"),
    "no units": (setting(hidden=0), "its settings cannot be: "),
    "a batch beyond all numbers": (setting(batch=10**400), "its settings cannot be: "),
    "a rate that is text": (setting(learning_rate="0.1"), "'learning_rate' is not a number"),
    "a rate of 0": (setting(learning_rate=0), "its settings cannot be: "),
    "a rate of NaN": (setting(learning_rate=float("nan")), "NaN is not a number of JSON"),
    "True for a number": (setting(batch=True), "'batch' is not a whole number"),
    "a seed below 0": (setting(seed=-1), "its settings cannot be: "),
    "a net of nobody's": (setting(net="deep"), "its settings cannot be: "),
    "a net with an escape": (setting(net="\x1b[2J"), "'net' is not a short text"),
    "more units": (setting(hidden=9), "W1 is float64 of the shape (784, 8)"),
    "the other net": (setting(net="conv"), "W1 is float64 of the shape (784, 8)"),
    "other images": (said(image=[28, 29]), "W1 is float64 of the shape (784, 8)"),
    "images of one axis": (said(image=[784]), "its images have the shape (784,)"),
    "images of fractions": (said(image=[28.0, 28]), "its images have the shape (28.0, 28)"),
    "digits of a list": (said(digits=[]), "'digits' is not a whole number"),
    "digits below 0": (said(digits=-1), "digits with the fingerprint -1"),
    "no generator": (said(rng={}), "'state' is not an object"),
    "another generator": (state(bit_generator="MT19937"), "its random generator is not PCG64"),
    "a generator of more": (state(more=1), "its random generator is not PCG64"),
    "a state below 0": (state(state={"state": -1, "inc": 1}), "numbers that PCG64 does not have"),
    "a large state": (state(state={"state": 2**128, "inc": 1}), "that PCG64 does not have"),
    "an even increment": (state(state={"state": 1, "inc": 2}), "that PCG64 does not have"),
    "a state that is text": (state(state={"state": "1", "inc": 1}), "'state' is not a whole"),
    "half a number of 2": (state(has_uint32=2), "numbers that PCG64 does not have"),
    "W1 turned": (array("W1", np.transpose), "W1 is float64 of the shape (8, 784)"),
    "W1 as float32": (array("W1", np.float32), "W1 is float32 of the shape (784, 8)"),
    "W1 in other bytes": (array("W1", lambda a: a.astype(">f8")), "W1 is >f8 of the shape (784,"),
    "NaN in W1": (array("W1", lambda a: a * np.nan), "W1 has numbers that are not finite"),
    "an infinite loss": (
        array("losses", lambda a: a / 0),
        "losses has numbers that are not finite",
    ),
    "losses in rows": (
        array("losses", lambda a: a[None]),
        "losses is float64 of the shape (1, 12)",
    ),
    "losses of text": (
        array("losses", lambda a: a.astype(str)),
        "losses is <U32 of the shape (12,)",
    ),
    "norms of another history": (
        array("norms", lambda a: a[1:]),
        "norms is float64 of the shape (0, ",
    ),
    "a norm below 0": (array("norms", np.negative), "a norm is below 0"),
    "history in a row": (array("history", np.ravel), "history is float64 of the shape (4,)"),
    "history of threes": (array("history", lambda a: a[:, :3]), "history is float64 of the shape"),
    "half a step": (
        array("history", lambda a: a - np.eye(4)[0] / 2),
        "its history is not one of 12 steps",
    ),
    "a step to come": (array("history", lambda a: a + np.eye(4)[0]), "is not one of 12 steps"),
    "a step twice": (array("history", lambda a: np.repeat(a, 2, axis=0)), "is not one of 12 steps"),
    "more than all right": (array("history", lambda a: a + np.eye(4)[2]), "is not one of 12 steps"),
    "one array more": (lambda _, arrays: arrays.update(b3=np.ones(1)), "it has 10 arrays"),
}


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_contents_with_right_digests_are_refused_in_one_sentence(run, path, name):
    change, sentence = FOREIGN[name]
    checkpoint.save(run, path)
    path.write_bytes(forged_run(path.read_bytes(), change))
    message = refused(path)
    assert message.startswith(" is not a whole file of a training run: ")
    assert sentence in message


def test_a_file_that_was_written_anew_without_a_change_is_the_same_run(run, path):
    checkpoint.save(run, path)
    path.write_bytes(forged_run(path.read_bytes(), lambda about, arrays: None))
    assert_same(checkpoint.load(path), run)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_turned_bit_is_refused_or_changes_nothing(run, path, seed):
    checkpoint.save(run, path)
    whole = path.read_bytes()
    rng = np.random.default_rng(seed)
    directory = whole.index(b"PK\1\2")
    places = [
        *rng.integers(0, 8 * len(whole), 100),
        *rng.integers(8 * directory, 8 * len(whole), 100),
    ]
    for place in places:
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
        with contextlib.suppress(ValueError):
            assert_same(checkpoint.load(path), run)


@pytest.mark.parametrize("about", ["text", "bytes"])
def test_a_file_of_another_format_is_named_with_both_formats(run, path, about):
    checkpoint.save(run, path)
    arrays = arrays_of(path.read_bytes())
    text = '{"format": 1, "settings": {}}'
    arrays["about"] = np.array(text) if about == "text" else as_bytes(text)
    path.write_bytes(packed(arrays))
    assert refused(path) == (
        " is not a whole file of a training run: it has the format 1, and this handgrad reads 3: "
        "train anew"
    )


def test_a_missing_file_is_named(path):
    with pytest.raises(FileNotFoundError) as caught:
        checkpoint.load(path)
    assert str(caught.value) == f"{path} does not exist: there is nothing to resume"


def test_a_directory_in_the_place_of_the_file_is_named(tmp_path):
    with pytest.raises(OSError, match=f"{tmp_path} cannot be read: Is a directory"):
        checkpoint.load(tmp_path)


def test_a_file_never_runs_code(path, tmp_path):
    pickled = np.array([Touching(tmp_path / "was-here")], dtype=object)
    np.savez(path, about=pickled)
    assert "it holds Python objects, which are never unpickled" in refused(path)
    assert not (tmp_path / "was-here").exists()


def test_what_the_file_says_of_itself_is_json_without_nan(run, path):
    checkpoint.save(run, path)
    about = as_json(arrays_of(path.read_bytes())["about"])
    assert about["settings"] == vars(SETTINGS)
    assert (about["format"], about["image"], about["digits"]) == (3, [28, 28], run.digits)
