"""IDX files: the format of the MNIST digits, plain or gzipped."""

import gzip
import io
import math
import zlib
from pathlib import Path

import numpy as np

from handgrad.common.files import open_regular

UNSIGNED_BYTE = 8
GZIP = b"\x1f\x8b"
MAX_AXES = 32
MAX_BYTES = 2**30  # of an array; the largest set of such digits, EMNIST's, has half of that
CHUNK = 2**20


def read_mnist(directory):
    """((images, labels), (images, labels)): the training and the test digits in a directory.

    images : (N, 28, 28) bytes, labels : (N) bytes from 0 to 9. Raises OSError or ValueError, in
    one sentence that names the file.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise NotADirectoryError(f"{directory} is not a directory")
    train, test = (_read_part(directory, stem) for stem in ("train", "t10k"))
    size, other = train[0].shape[1:], test[0].shape[1:]
    if size != other:
        path = _find(directory, "t10k-images", "idx3-ubyte")
        raise ValueError(f"{path} holds images of shape {other}, the training images have {size}")
    return train, test


def read_idx(path):
    """The array of unsigned bytes in an IDX file, of which no more is read than its header says."""
    try:
        with open_regular(path) as file:
            packed = file.read(2) == GZIP
            file.seek(0)
            stream = gzip.GzipFile(fileobj=file) if packed else file
            return _parsed(path, stream)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is truncated or damaged: {error}") from None
    except OSError as error:
        raise OSError(f"{path} cannot be read: {error.strerror}") from None


def _parsed(path, stream):
    magic = _read(stream, 4)
    if len(magic) < 4 or magic[:3] != bytes((0, 0, UNSIGNED_BYTE)) or magic[3] > MAX_AXES:
        raise ValueError(f"{path} is not an IDX file of bytes: it begins with {magic.hex()!r}")
    sizes = _read(stream, 4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise ValueError(f"{path} ends within its header: it is truncated or damaged")
    shape = tuple(int(n) for n in np.frombuffer(sizes, ">u4"))
    wanted = math.prod(shape)
    if math.prod(filter(None, shape)) > MAX_BYTES:
        raise ValueError(f"{path} declares the shape {shape}; at most {MAX_BYTES} bytes are read")
    content = _read(stream, wanted + 1)
    if len(content) != wanted:
        found = "more" if len(content) > wanted else len(content)
        raise ValueError(
            f"{path} should hold {wanted} bytes and holds {found}: it is truncated or damaged"
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def _read(stream, most):
    """At most so many bytes, without memory for more than there are."""
    content = io.BytesIO()
    while chunk := stream.read(min(CHUNK, most - content.tell())):
        content.write(chunk)
    return content.getvalue()


def _read_part(directory, stem):
    images = _find(directory, f"{stem}-images", "idx3-ubyte")
    labels = _find(directory, f"{stem}-labels", "idx1-ubyte")
    x, t = read_idx(images), read_idx(labels)
    if x.ndim != 3 or not len(x):
        raise ValueError(f"{images} holds an array of shape {x.shape}, not images")
    if t.shape != x.shape[:1]:
        raise ValueError(f"{labels} holds labels of shape {t.shape} for {len(x)} images")
    if t.max() > 9:
        raise ValueError(f"{labels} holds the label {t.max()}: digits run from 0 to 9")
    return x, t


def _find(directory, stem, kind):
    names = [f"{stem}{dot}{kind}{end}" for dot in "-." for end in ("", ".gz")]
    for name in names:
        if (directory / name).exists():
            return directory / name
    raise FileNotFoundError(f"{directory} holds no {names[0]} (or {names[1]})")
