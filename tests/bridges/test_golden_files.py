"""A file of golden vectors: whole or refused in one sentence, and held against today's rules."""

import hashlib
import json
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from handgrad import rules
from handgrad.bridges import golden
from handgrad.common import npz

SOFTMAX = "Softmax/0/float32/gradient/dx"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a file with the vectors of two rules."""
    path = tmp_path_factory.mktemp("golden") / "whole.npz"
    golden.export([rules.Softmax(), rules.BatchNorm(eps=0.1)], path)
    return path.read_bytes()


@pytest.fixture
def path(tmp_path, whole):
    path = tmp_path / "golden.npz"
    path.write_bytes(whole)
    return path


def refused(path):
    """The one sentence with which a file is refused."""
    with pytest.raises(ValueError, match=str(path)) as caught:
        golden.load(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert message.replace("_", " ").isprintable()
    return message.removeprefix(str(path))


def loaded(path):
    """The vectors in a file, or why there are none."""
    try:
        return golden.load(path), ""
    except ValueError as error:
        return None, str(error)


def rewritten(path, change):
    """Change the manifest or the arrays of a file, and write it anew."""
    with np.load(path) as held:
        arrays = dict(held)
    manifest = json.loads(bytes(arrays["manifest"]))
    change(manifest, arrays)
    arrays["manifest"] = np.frombuffer(json.dumps(manifest).encode(), np.uint8)
    npz.write(path, arrays)


def stored_in(manifest, name):
    """What a manifest says of an array."""
    arrays = (array for entry in manifest["entries"] for array in entry["arrays"])
    return next(array for array in arrays if array["name"] == name)


@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
def test_a_changed_byte_is_named_or_changes_nothing(tmp_path, mask):
    damaged = tmp_path / "golden.npz"
    sound = golden.export([rules.Negate()], damaged)
    whole = damaged.read_bytes()
    places = range(mask % 41, len(whole), 41)
    unnoticed = 0
    for i in places:
        damaged.write_bytes(whole[:i] + bytes((whole[i] ^ mask,)) + whole[i + 1 :])
        vectors, message = loaded(damaged)
        if vectors is None:
            assert str(damaged) in message
            assert "\n" not in message
        else:
            unnoticed += 1
            assert vectors.manifest == sound.manifest
            assert list(vectors.arrays) == list(sound.arrays)
            for name, array in vectors.arrays.items():
                assert array.tobytes() == sound.arrays[name].tobytes()
    assert unnoticed < len(places) / 4  # dates, permissions and the like


def test_a_changed_number_is_named_by_its_array(path, whole):
    at = whole.index(golden.load(path).arrays[SOFTMAX].tobytes())
    path.write_bytes(whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :])
    assert refused(path).startswith(f": the array {SOFTMAX} is damaged: Bad CRC-32")


@pytest.mark.parametrize("kept", [0, 1, 100, 0.5, -100, -1])
def test_a_cut_file_is_not_a_whole_one(path, whole, kept):
    path.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    assert " is not a whole .npz file: " in refused(path)


def test_what_is_not_an_npz_file_is_said_not_to_be_one(path):
    np.save(path.with_suffix(".npy"), np.arange(3.0))
    for content in (b"step,loss\n1,2\n", path.with_suffix(".npy").read_bytes()):
        path.write_bytes(content)
        assert refused(path) == " is not a whole .npz file: it does not end as a zip file does"


def test_a_foreign_npz_file_has_no_manifest(path):
    np.savez(path, W=np.arange(6.0))
    assert refused(path) == " has no manifest: it is not a file of golden vectors"


def test_a_file_that_does_not_exist_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        golden.load(tmp_path / "nowhere.npz")


def lie(name, value):
    def change(manifest, _arrays):
        stored_in(manifest, SOFTMAX)[name] = value

    return change


def set_in_manifest(**items):
    return lambda manifest, _arrays: manifest.update(items)


def set_in_entry(**items):
    return lambda manifest, _arrays: manifest["entries"][0].update(items)


def array_changed(change):
    def changed(manifest, arrays):
        arrays[SOFTMAX] = change(arrays[SOFTMAX])
        stored_in(manifest, SOFTMAX)["sha256"] = hashlib.sha256(arrays[SOFTMAX]).hexdigest()

    return changed


def noise_of_nothing(manifest, arrays):
    name = SOFTMAX.replace("gradient", "noise")
    arrays[name] = 0 * arrays[name]
    stored_in(manifest, name)["sha256"] = hashlib.sha256(arrays[name]).hexdigest()


LIES = {
    "an array is missing": (
        lambda _manifest, arrays: arrays.pop(SOFTMAX),
        f": the array {SOFTMAX} is missing",
    ),
    "an array too many": (
        lambda _manifest, arrays: arrays.update(more=np.arange(2.0)),
        ": it holds 193 arrays, and its manifest lists 192",
    ),
    "another digest": (lie("sha256", "0" * 64), f": the array {SOFTMAX} does not have the SHA"),
    "another shape": (
        lie("shape", [5, 2]),
        "its manifest is not right: it does not give each gradient",
    ),
    "a shape of no numbers": (
        lie("shape", [2, "5"]),
        ": its manifest is not right: an array has the shape ",
    ),
    "a negative shape": (
        lie("shape", [-2, -5]),
        ": its manifest is not right: an array has the shape '(-2, ",
    ),
    "another dtype": (lie("dtype", "<f4"), f": the array {SOFTMAX} is float64 of the shape (2, 5)"),
    "objects": (lie("dtype", "|O"), f"not right: '{SOFTMAX}' is called 'gradient' of '|O'"),
    "a role that is none": (lie("role", "answer"), f"not right: '{SOFTMAX}' is called 'answer'"),
    "a name with an escape": (lie("name", "\x1b[2J"), "not right: 'name' is not a short text"),
    "no noise": (lie("role", "output"), "not right: it does not count each output of Softmax("),
    "noise of 0": (noise_of_nothing, "is not finite, or is noise and not positive"),
    "a result of NaN": (array_changed(lambda a: a * np.nan), f"the array {SOFTMAX} is not finite"),
    "another shape in the file": (
        array_changed(lambda a: np.ascontiguousarray(a.T)),
        f": the array {SOFTMAX} is float64 of the shape (5, 2), not <f8 of the shape (2, 5)",
    ),
    "a newer format": (
        set_in_manifest(version=2),
        "its format version is 2, and this is 1: a newer handgrad reads it",
    ),
    "an older format": (
        set_in_manifest(version=0),
        ": its manifest is not right: its format version is 0, and this is 1",
    ),
    "another format": (set_in_manifest(format="other"), ": its manifest does not say that it"),
    "a version of text": (
        set_in_manifest(version="1"),
        "not right: 'version' is not a whole number",
    ),
    "entries of no list": (set_in_manifest(entries={}), "not right: 'entries' is not a list"),
    "an entry of no object": (
        set_in_manifest(entries=[3]),
        "not right: 'rule' is not a short text",
    ),
    "a precision that is none": (
        set_in_entry(precision="int8"),
        ": it holds vectors in 'int8'; there are float64, ",
    ),
    "an entry without arrays": (set_in_entry(arrays=[]), "does not give each output of Softmax("),
}


@pytest.mark.parametrize("name", LIES)
def test_a_manifest_that_lies_is_refused_in_one_sentence(path, name):
    change, sentence = LIES[name]
    rewritten(path, change)
    assert sentence in refused(path)


def test_a_manifest_that_is_not_an_array_of_bytes_is_refused(path):
    long = np.zeros(2**24 + 1, np.uint8)
    for array in (np.arange(3.0), np.zeros((2, 2), np.uint8), np.arange(3), long):
        npz.write(path, {"manifest": array})
        assert refused(path) == ": its manifest is not an array of at most 16777216 bytes"


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "3", "\ud800", '{"version": 1' + "0" * 5000])
def test_a_manifest_that_is_not_a_json_object_is_refused(path, text):
    content = np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)
    npz.write(path, {"manifest": content})
    assert refused(path).startswith(": its manifest ")


def zipped(path, method=zipfile.ZIP_STORED, **members):
    """A zip file with these bytes as members."""
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", method) as archive:
        warnings.simplefilter("ignore")  # of a name that is there already
        for name, content in members.items():
            archive.writestr(name.replace("2", "") + ".npy", content)


def npy(header, content=b"", version=b"\x01\x00"):
    text = header.encode() + b"\n"
    size = len(text).to_bytes(2 if version == b"\x01\x00" else 4, "little")
    return b"\x93NUMPY" + version + size + text + content


def described(descr="'<f8'", shape="(2,)"):
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}"


BROKEN = {
    "more than there is": (npy(described(shape=f"({10**15},)")), "it declares the shape (1000000"),
    "less than there is": (npy(described(), bytes(24)), "declares the shape (2,) of float64, and "),
    "negative sizes": (npy(described(shape="(-1, -2)"), bytes(16)), "its header is "),
    "nothing of a huge shape": (npy(described(shape=f"(0, {10**30})")), "cannot be read"),
    "objects": (npy(described("'|O'"), bytes(16)), "it holds Python objects, which are never unp"),
    "hidden objects": (npy(described("'f8,O'"), bytes(32)), "it holds Python objects"),
    "a structure": (npy(described("[('a', '|O')]"), bytes(16)), "its header is "),
    "no type": (npy(described("'spam'"), bytes(16)), "cannot be read"),
    "a size that is True": (npy(described(shape="(True, 2)"), bytes(16)), "its header is "),
    "no sizes": (npy(described(shape="2"), bytes(16)), "its header is "),
    "no shape": (npy("{'descr': '<f8', 'fortran_order': False}"), "its header is "),
    "a list": (npy("[1, 2]"), "its header is '[1, 2]'"),
    "a key that is a list": (npy("{[]: 1}"), "cannot be read"),
    "no header": (b"\x93NUMPY", "it does not begin as an .npy file"),
    "no npy": (b"hello", "it does not begin as an .npy file"),
    "cut": (npy(described())[:40], "its header ends at byte 66, of 40"),
    "nested": (npy("(" * 5000), "cannot be read"),
    "long": (npy(described() + " " * 60_000, version=b"\x02\x00"), "of 10000"),
    "code": (npy("__import__('os').getcwd()"), "cannot be read"),
    "long integers": (npy(described(shape="(2L,)"), bytes(16)), "cannot be read"),
    "empty strings": (npy(described("'<U0'", f"({10**9},)")), "cannot be read"),
    "a newer npy": (npy(described(), bytes(16), b"\x03\x00"), "of version 1 or 2 does"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_array_that_is_not_what_it_declares_is_refused_before_it_is_made(path, name):
    content, sentence = BROKEN[name]
    zipped(path, manifest=content)
    message = refused(path)
    assert message.startswith(": the array manifest cannot be read: ")
    assert sentence in message


class Touching:
    """What touches a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pickle_is_never_loaded(path, tmp_path):
    np.savez(path, manifest=np.array([Touching(tmp_path / "was-here")], dtype=object))
    assert "it holds Python objects, which are never unpickled" in refused(path)
    assert not (tmp_path / "was-here").exists()


def test_a_zip_bomb_is_refused_before_it_is_unpacked(path, monkeypatch):
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("it was unpacked"))
    zipped(path, zipfile.ZIP_DEFLATED, manifest=bytes(npz.MAX_BYTES // 2), manifest_=b"")
    with path.open("r+b") as file:  # the directory at the end says how large a member is
        content = file.read().replace(
            (npz.MAX_BYTES // 2).to_bytes(4, "little"), (2**32 - 2).to_bytes(4, "little")
        )
        file.seek(0)
        file.write(content)
    assert refused(path) == f" declares {2**32 - 2} bytes of arrays; at most {2**28} are read"


def test_a_file_that_is_too_large_is_refused_unread(path, monkeypatch):
    with path.open("r+b") as file:
        file.truncate(npz.MAX_BYTES + 1)  # zeros that take no space on the disk
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("it was read"))
    assert refused(path) == f" has {2**28 + 1} bytes, and at most {2**28} are read"


def test_a_name_that_is_there_twice_is_refused(path):
    zipped(path, manifest=b"1", manifest2=b"2")
    assert refused(path) == " holds 'manifest.npy' 2 times"


def test_a_member_that_is_not_an_array_is_refused(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../escape\x1b.py", b"")
    assert refused(path) == " holds '../../escape\\x1b.py', which is not an array, named NAME.npy"


def test_folders_in_a_zip_file_are_no_arrays(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Softmax/", b"")
        archive.writestr("Softmax/y.npy", npy(described(), bytes(16)))
    assert list(npz.read(path)) == ["Softmax/y"]


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_other_compressions_are_refused(path, method):
    zipped(path, method, manifest=bytes(1000))
    assert "manifest is encrypted, or not stored or deflated" in refused(path)


def test_a_file_that_was_compressed_again_is_the_same(path):
    sound = golden.load(path)
    with np.load(path) as arrays:
        np.savez_compressed(path, **arrays)
    assert golden.load(path).manifest == sound.manifest


@pytest.mark.parametrize("failure", [OSError("no space left"), KeyboardInterrupt(), MemoryError()])
def test_a_failure_halfway_leaves_the_old_file_alone(path, whole, monkeypatch, failure):
    def failing(_array):
        raise failure

    monkeypatch.setattr(npz, "_npy", failing)
    with pytest.raises(type(failure)):
        golden.export([rules.Softmax()], path)
    assert path.read_bytes() == whole
    assert list(path.parent.iterdir()) == [path]


def test_scalars_and_arrays_without_numbers_are_written_and_read(path):
    arrays = {"a/b": np.array(2.5), "c": np.empty((0, 3)), "d": np.array([True]), "e": np.eye(2).T}
    npz.write(path, arrays)
    found = npz.read(path)
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert (found[name].shape, found[name].dtype) == (array.shape, array.dtype)
        assert np.array_equal(found[name], array)


def test_an_option_that_json_cannot_hold_is_shown(path):
    rule = rules.L2Penalty(weight_decay=float("inf"))
    with pytest.raises(ValueError, match=r"L2Penalty\(weight_decay=inf\) cannot be exported"):
        golden.export([rule], path)
