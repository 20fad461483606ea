"""What several test files share: small digits to read and to train on, and Python as a user runs it."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]


def draw_digits(rng, count):
    """Noisy images and their labels; the label decides which block of pixels is bright."""
    labels = rng.permutation(np.resize(np.arange(10, dtype=np.uint8), count))
    images = rng.integers(0, 80, (count, 28, 28), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 5)
        image[14 * row : 14 * row + 14, 5 * column : 5 * column + 5] += 150
    return images, labels


def idx(array):
    """The bytes of an IDX file that holds an array of bytes."""
    sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return bytes((0, 0, 8, array.ndim)) + sizes + array.tobytes()


def write_digits(directory, train, test, *, dot="-", gzipped=False):
    """Write the four files that MNIST has; dot is what stands before `idx`."""
    for stem, (images, labels) in (("train", train), ("t10k", test)):
        for kind, array in ((f"images{dot}idx3", images), (f"labels{dot}idx1", labels)):
            path = Path(directory) / f"{stem}-{kind}-ubyte"
            if gzipped:
                Path(f"{path}.gz").write_bytes(gzip.compress(idx(array)))
            else:
                path.write_bytes(idx(array))


def python(*arguments, **options):
    """A Python process that runs this tree, with its output in pipes."""
    environment = os.environ | options.pop("env", {})
    paths = [str(ROOT), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    environment.pop("PYTHONUNBUFFERED", None)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, **pipes | options)


def finished(process):
    """The exit status, the output and the error output of a process."""
    with process:
        try:
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    return process.returncode, output, errors
