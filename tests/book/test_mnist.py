"""IDX files: what is read, and what is refused in one sentence that names the file."""

import gzip
import os
import tracemalloc

import numpy as np
import pytest

from handgrad.book import mnist
from handgrad.book.mnist import read_idx, read_mnist
from tests.digits import draw_digits, idx, write_digits

TRAIN_IMAGES = "train-images-idx3-ubyte"
TRAIN_LABELS = "train-labels-idx1-ubyte"
TEST_IMAGES = "t10k-images-idx3-ubyte"
TEST_LABELS = "t10k-labels-idx1-ubyte"
NAMES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)


@pytest.fixture
def few():
    rng = np.random.default_rng(3)
    return draw_digits(rng, 7), draw_digits(rng, 5)


@pytest.fixture
def directory(few, tmp_path):
    write_digits(tmp_path, *few)
    return tmp_path


def refusal(read, path, kind=ValueError):
    """What is said when a path is read, if it is one sentence."""
    with pytest.raises(kind) as caught:
        read(path)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("dot", ["-", "."])
def test_what_was_written_is_read(few, tmp_path, dot, gzipped):
    write_digits(tmp_path, *few, dot=dot, gzipped=gzipped)
    for part, expected in zip(read_mnist(tmp_path), few, strict=True):
        for array, wanted in zip(part, expected, strict=True):
            assert array.dtype == np.uint8
            assert np.array_equal(array, wanted)


def test_a_directory_may_be_a_string(few, directory):
    assert np.array_equal(read_mnist(str(directory))[1][1], few[1][1])


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 3, 4, 5)])
def test_an_array_of_any_shape_is_read(tmp_path, shape):
    array = np.random.default_rng(4).integers(0, 256, shape, dtype=np.uint8)
    path = tmp_path / "array"
    path.write_bytes(idx(array))
    assert read_idx(path).shape == shape
    assert np.array_equal(read_idx(path), array)


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_is_named_with_both_spellings(directory, name):
    (directory / name).unlink()
    message = refusal(read_mnist, directory, FileNotFoundError)
    assert message == f"{directory} holds no {name} (or {name}.gz)"


def test_a_missing_directory_is_named(tmp_path):
    message = refusal(read_mnist, tmp_path / "none", NotADirectoryError)
    assert message == f"{tmp_path / 'none'} is not a directory"


@pytest.mark.parametrize("name", NAMES)
def test_a_truncated_file_is_named(directory, name):
    path = directory / name
    path.write_bytes(path.read_bytes()[:-3])
    message = refusal(read_mnist, directory)
    assert message.startswith(f"{path} should hold")
    assert "truncated" in message


def test_a_file_cut_anywhere_is_named(tmp_path):
    whole = idx(np.arange(8, dtype=np.uint8).reshape(2, 2, 2))
    path = tmp_path / "cut"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert str(path) in refusal(read_idx, path), f"cut after {length} bytes"


def test_a_file_that_is_too_long_is_named(directory):
    path = directory / TEST_LABELS
    path.write_bytes(path.read_bytes() + b"\0")
    assert refusal(read_mnist, directory) == (
        f"{path} should hold 5 bytes and holds more: it is truncated or damaged"
    )


@pytest.mark.parametrize("cut", [5, 30, -1])
def test_a_truncated_gzip_file_is_named(few, tmp_path, cut):
    write_digits(tmp_path, *few, gzipped=True)
    path = tmp_path / f"{TRAIN_IMAGES}.gz"
    path.write_bytes(path.read_bytes()[:cut])
    assert refusal(read_mnist, tmp_path).startswith(f"{path} is truncated or damaged")


def test_a_gzip_file_with_a_changed_byte_is_named(tmp_path):
    packed = bytearray(gzip.compress(idx(np.arange(200, dtype=np.uint8)), mtime=0))
    packed[100] ^= 0xFF
    path = tmp_path / "changed.gz"
    path.write_bytes(packed)
    assert refusal(read_idx, path).startswith(f"{path} is truncated or damaged")


FOREIGN = {
    "text": (b"label,pixel1,pixel2\n", "6c616265"),
    "png": (b"\x89PNG\r\n\x1a\n", "89504e47"),
    "floats": (bytes((0, 0, 13, 1)) + bytes(8), "00000d01"),
    "empty": (b"", "''"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_file_is_named_with_its_first_bytes(directory, kind):
    content, shown = FOREIGN[kind]
    path = directory / TRAIN_LABELS
    path.write_bytes(content)
    message = refusal(read_mnist, directory)
    assert message.startswith(f"{path} is not an IDX file")
    assert shown in message


def test_labels_and_images_of_different_lengths_are_refused(few, directory):
    path = directory / TEST_LABELS
    path.write_bytes(idx(few[1][1][:4]))
    assert refusal(read_mnist, directory) == f"{path} holds labels of shape (4,) for 5 images"


def test_images_in_the_place_of_labels_are_refused(few, directory):
    path = directory / TRAIN_LABELS
    path.write_bytes(idx(few[0][0]))
    assert refusal(read_mnist, directory) == (
        f"{path} holds labels of shape (7, 28, 28) for 7 images"
    )


@pytest.mark.parametrize("shape", [(7,), (7, 784), (0, 28, 28)])
def test_what_are_no_images_is_refused(directory, shape):
    path = directory / TRAIN_IMAGES
    path.write_bytes(idx(np.zeros(shape, dtype=np.uint8)))
    assert refusal(read_mnist, directory).startswith(f"{path} holds an array of shape {shape}")


def test_a_label_above_9_is_refused(few, directory):
    path = directory / TRAIN_LABELS
    path.write_bytes(idx(np.where(np.arange(7) == 3, np.uint8(10), few[0][1])))
    assert refusal(read_mnist, directory) == f"{path} holds the label 10: digits run from 0 to 9"


def test_test_images_of_another_size_are_refused(directory):
    path = directory / TEST_IMAGES
    path.write_bytes(idx(np.zeros((5, 20, 20), dtype=np.uint8)))
    assert str(path) in refusal(read_mnist, directory)


@pytest.fixture
def peak():
    """The most memory that Python has held at once since the test began, in bytes."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


def test_a_gzip_bomb_is_not_unpacked(tmp_path, peak):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(idx(np.zeros(5, np.uint8)) + bytes(2**26)))
    tracemalloc.reset_peak()
    message = refusal(read_idx, path)
    assert message == f"{path} should hold 5 bytes and holds more: it is truncated or damaged"
    assert peak() < 2**20


@pytest.mark.parametrize("packed", [False, True])
def test_a_header_that_declares_too_much_is_refused_before_the_rest_is_read(tmp_path, packed):
    header = bytes((0, 0, 8, 2)) + (2**16).to_bytes(4, "big") * 2
    path = tmp_path / "huge"
    path.write_bytes(gzip.compress(header) if packed else header)
    assert refusal(read_idx, path) == (
        f"{path} declares the shape (65536, 65536); at most {2**30} bytes are read"
    )


def test_a_header_that_declares_more_than_there_is_takes_no_memory(tmp_path, peak):
    path = tmp_path / "short"
    path.write_bytes(bytes((0, 0, 8, 1)) + (2**29).to_bytes(4, "big") + bytes(100))
    assert "should hold 536870912 bytes and holds 100: " in refusal(read_idx, path)
    assert peak() < 2**22


def test_a_huge_file_is_read_no_further_than_its_header_says(tmp_path, peak):
    path = tmp_path / "sparse"
    path.write_bytes(idx(np.zeros(5, np.uint8)))
    os.truncate(path, 2**36)  # zeros that take no space on the disk
    assert "should hold 5 bytes and holds more: " in refusal(read_idx, path)
    assert peak() < 2**20


@pytest.mark.parametrize("shape", [(0, 2**32 - 1, 2**32 - 1), (2**31, 0)])
def test_no_bytes_of_a_huge_shape_are_refused(tmp_path, shape):
    path = tmp_path / "empty"
    sizes = b"".join(n.to_bytes(4, "big") for n in shape)
    path.write_bytes(bytes((0, 0, 8, len(shape))) + sizes)
    assert "declares the shape (" in refusal(read_idx, path)


def test_more_axes_than_an_array_may_have_are_refused(tmp_path):
    path = tmp_path / "axes"
    path.write_bytes(bytes((0, 0, 8, 65)) + (1).to_bytes(4, "big") * 65 + b"\0")
    assert "is not an IDX file of bytes: it begins with '00000841'" in refusal(read_idx, path)


def fifo(path):
    os.mkfifo(path)


def device(path):
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (fifo, "it is not a regular file"),
        (device, "it is not a regular file"),
        (os.mkdir, "Is a d"),
    ],
)
def test_what_is_not_a_file_is_refused_without_waiting(directory, make, reason):
    path = directory / TEST_LABELS
    path.unlink()
    make(path)
    assert refusal(read_mnist, directory, OSError).startswith(f"{path} cannot be read: {reason}")


def test_a_large_array_is_read_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(mnist, "CHUNK", 7)
    array = np.random.default_rng(5).integers(0, 256, (5, 5), dtype=np.uint8)
    for content in (idx(array), gzip.compress(idx(array))):
        path = tmp_path / "array"
        path.write_bytes(content)
        assert np.array_equal(read_idx(path), array)


def test_a_gzip_file_with_a_wrong_crc_is_named(tmp_path):
    packed = bytearray(gzip.compress(idx(np.arange(200, dtype=np.uint8)), mtime=0))
    packed[-8] ^= 1  # the first byte of the CRC
    path = tmp_path / "changed.gz"
    path.write_bytes(packed)
    assert "CRC check failed" in refusal(read_idx, path)
