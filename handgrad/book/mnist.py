"""IDX files: the format of the MNIST digits, plain or gzipped."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

UNSIGNED_BYTE = 8


def read_mnist(directory):
    """((images, labels), (images, labels)): the training and the test digits in a directory.

    images : (N, 28, 28) bytes, labels : (N) bytes from 0 to 9. Raises FileNotFoundError or
    ValueError, in one sentence that names the file.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise FileNotFoundError(f"{directory} is no directory")
    train, test = (_read_part(directory, stem) for stem in ("train", "t10k"))
    size, other = train[0].shape[1:], test[0].shape[1:]
    if size != other:
        path = _find(directory, "t10k-images", "idx3-ubyte")
        raise ValueError(f"{path} holds images of shape {other}, the training images have {size}")
    return train, test


def read_idx(path):
    """The array of unsigned bytes in an IDX file."""
    data = _content(path)
    if len(data) < 4 or data[:3] != bytes((0, 0, UNSIGNED_BYTE)):
        raise ValueError(f"{path} is not an IDX file of bytes: it begins with {data[:4].hex()!r}")
    header = 4 + 4 * data[3]
    if len(data) < header:
        raise ValueError(f"{path} ends within its header: it is truncated or damaged")
    shape = tuple(int(n) for n in np.frombuffer(data[4:header], ">u4"))
    wanted, found = math.prod(shape), len(data) - header
    if wanted != found:
        raise ValueError(
            f"{path} should hold {wanted} bytes and holds {found}: it is truncated or damaged"
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


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
        if (directory / name).is_file():
            return directory / name
    raise FileNotFoundError(f"{directory} holds no {names[0]} (or {names[1]})")


def _content(path):
    raw = Path(path).read_bytes()
    if not raw.startswith(b"\x1f\x8b"):
        return raw
    try:
        return gzip.decompress(raw)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path} is truncated or damaged: {error}") from None
