"""An .npz file that does harm, or could be read in two ways, is refused in one sentence."""

import io
import os
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest

from handgrad.common import npz
from tests.common.forging import npy, packed, zipped

ARRAYS = {"a/b": np.array(2.5), "c": np.empty((0, 3)), "d": np.array([True]), "e": np.eye(2).T}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.npz"


def refused(path, whole):
    """The one sentence with which these bytes are refused."""
    path.write_bytes(whole)
    with pytest.raises(ValueError, match=str(path)) as caught:
        npz.read(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert message.isprintable()
    assert len(message) < 400
    return message.removeprefix(str(path))


@pytest.mark.parametrize("name", ["\0", "\0.npy", "a\0.npy", "a\0b.npy", "a.npy\0"])
def test_a_name_with_a_nul_is_refused(path, name):
    spelled = name.replace("\0", "@")
    whole = zipped([(spelled, npy(np.ones(2)))]).replace(spelled.encode(), name.encode())
    assert refused(path, whole).endswith(", which is not an array, named NAME.npy")


@pytest.mark.parametrize(
    "name", ["\x1b[2J.npy", "\N{RIGHT-TO-LEFT OVERRIDE}.npy", "x" * 197 + ".npy", ".NPY", "npy"]
)
def test_a_name_that_is_not_fit_to_be_shown_is_refused(path, name):
    assert ", which is not an array, " in refused(path, zipped([(name, npy(np.ones(2)))]))


def test_a_name_in_the_directory_and_another_in_the_member_is_refused(path):
    whole = zipped([("first.npy", npy(np.ones(2)))])
    at = whole.rindex(b"first")
    assert "first" in refused(path, whole[:at] + b"other" + whole[at + 5 :])


def test_no_more_is_unpacked_than_a_member_declares(path):
    content = npy(np.ones(2)) + bytes(2**26)
    whole = bytearray(zipped([("a.npy", content)], zipfile.ZIP_DEFLATED))
    declared = len(npy(np.ones(2)))
    at = whole.index(b"PK\1\2")  # the directory's entry: CRC, compressed and whole size
    whole[at + 16 : at + 20] = struct.pack("<I", zlib.crc32(content[:declared]))
    whole[at + 24 : at + 28] = struct.pack("<I", declared)
    path.write_bytes(whole)
    tracemalloc.start()
    found = npz.read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found["a"].tolist() == [1, 1]
    assert peak < 2**22


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_member_that_has_less_than_it_declares_is_refused(path, method):
    whole = bytearray(zipped([("a.npy", npy(np.ones(2)))], method))
    at = whole.index(b"PK\1\2")
    whole[at + 24 : at + 28] = struct.pack("<I", 10**6)
    assert ": the array a is damaged: it has " in refused(path, bytes(whole))


def test_a_file_is_not_searched_for_a_directory(path, monkeypatch):
    """Its end says how large that is, before zipfile reads it."""
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("it was read"))
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, npz.MAX_DIRECTORY + 1, 0, 0)
    assert "its directory has more than 16777216 bytes" in refused(path, bytes(10**4) + end)
    locator, end = b"PK\6\7" + bytes(16), b"PK\5\6" + bytes(18)
    assert "its directory has more than 16777216 bytes" in refused(path, locator + end)


@pytest.mark.parametrize("end", [b"\0", b"PK", b"a comment"])
def test_what_follows_the_end_is_refused(path, end):
    assert refused(path, packed(ARRAYS) + end) == (
        " is not a whole .npz file: it does not end as a zip file does"
    )


def test_a_comment_is_refused(path):
    whole = packed(ARRAYS)[:-2] + struct.pack("<H", 2) + b"hi"
    assert zipfile.ZipFile(io.BytesIO(whole)).comment == b"hi"
    for end in (whole, whole[:-2]):  # and where it is missing
        assert "it does not end as a zip file does" in refused(path, end)


def test_an_encrypted_array_is_refused(path):
    whole = bytearray(zipped([("a.npy", npy(np.ones(2)))]))
    whole[6] |= 1  # the flags, in the member and in the directory
    whole[whole.index(b"PK\1\2") + 8] |= 1
    assert ": the array a is encrypted, or not stored or deflated" in refused(path, bytes(whole))


def test_a_mask_has_zeros_and_ones(path):
    whole = packed({"a": np.array([1, 0, 2], np.uint8)}).replace(b"'|u1'", b"'|b1'")
    content = npy(np.array([1, 0, 2], np.uint8)).replace(b"'|u1'", b"'|b1'")
    assert b"|u1" not in whole
    assert "it is a mask with other bytes than 0 and 1" in refused(
        path, zipped([("a.npy", content)])
    )


@pytest.mark.parametrize(
    "array",
    [
        np.ones((2, 3), order="F"),
        np.arange(3, dtype=">f4"),
        np.array([], dtype=np.int8),
        np.array(["a", "b"]),
        np.zeros((1,) * 32),
        np.array([1, 2], np.uint16).view("V2"),
        np.array(3 + 0j).real,
    ],
)
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_numbers_and_text_are_read_as_numpy_wrote_them(path, array, method):
    path.write_bytes(zipped([("a.npy", npy(array))], method))
    found = npz.read(path)["a"]
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert found.tobytes() == array.tobytes()


@pytest.mark.parametrize(
    "text",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }",
        '{"shape": (2,), "descr": "<f8", "fortran_order": False}',
        "{'descr':'<f8','fortran_order':True,'shape':(2,)}",
    ],
)
def test_a_header_in_any_spelling_is_read(path, text):
    path.write_bytes(zipped([("a.npy", described(text))]))
    assert npz.read(path)["a"].tolist() == [0, 0]


def described(text):
    """An .npy file of two numbers with this header."""
    header = text.ljust(117) + "\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header.encode() + bytes(16)


@pytest.mark.parametrize(
    "text",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), 'shape': (2,), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), 'more': 1}",
        "{'descr': '<f8', 'fortran_order': False}",
        "{'descr': '<f8', 'fortran_order': False, and 'shape': (2,)}",
        "{'descr': '<f8', 'fortran_order': 0, 'shape': (2,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2.0,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-2,)}",
        "{'descr': ('<f8', 2), 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2,)",
        "{'descr': '<f8\", 'fortran_order': False, 'shape': (2,)}",
    ],
)
def test_a_header_that_says_more_less_or_something_else_is_refused(path, text):
    whole = zipped([("a.npy", described(text))])
    assert ": the array a cannot be read: its header is " in refused(path, whole)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_a_pipe_or_a_device_is_refused_without_waiting(path, make):
    make(path)
    with pytest.raises(OSError, match="it is not a regular file"):
        npz.read(path)
