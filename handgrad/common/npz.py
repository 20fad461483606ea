"""Arrays in an .npz file: the same bytes for the same arrays, and no file that can do harm.

Nothing is ever pickled or unpickled, and nothing is allocated before its size is known to be that
of the bytes that are there.
"""

import ast
import hashlib
import io
import math
import os
import warnings
import zipfile
import zlib
from collections import Counter
from pathlib import Path

import numpy as np

MAX_BYTES = 2**28  # of a file, and of all that it declares to hold
EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date that a zip file can hold
UNIX = 3
PERMISSIONS = 0o644 << 16
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
MAGIC = b"\x93NUMPY"
WIDTHS = {b"\x01\x00": 2, b"\x02\x00": 4}  # bytes that hold a header's length, by the version
MAX_HEADER = 10_000
NUMBERS = "biufV"  # V holds bits alone, which is how NumPy writes a bfloat16
ENCRYPTED = 1
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError)
UNREADABLE = (
    LookupError,
    MemoryError,
    OverflowError,
    RecursionError,
    SyntaxError,
    TypeError,
    ValueError,
)


def write(path, arrays):
    """Write arrays, by their names, beside the old file, and only then put it in its place.

    The bytes depend on nothing but the names and the arrays: no time, no compression.
    """
    path = Path(path)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                for name, array in arrays.items():
                    archive.writestr(_member(name), _npy(array))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read(path):
    """The arrays of an .npz file, by their names.

    Raises OSError if the file cannot be opened, and ValueError, in one sentence that names the
    file and the array, if it is damaged, too large, or holds anything but numbers.
    """
    with Path(path).open("rb") as file:
        whole = file.read(MAX_BYTES + 1)
    if len(whole) > MAX_BYTES:
        raise ValueError(f"{path} has more than {MAX_BYTES} bytes: no file of vectors has")
    try:
        with zipfile.ZipFile(io.BytesIO(whole)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            _refuse_bombs(path, members)
            return {_name(path, member): _array(path, archive, member) for member in members}
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a whole .npz file: {_sentence(error)}") from None


def digest(array):
    """The SHA-256 of an array's bytes, in the order of its indices."""
    return hashlib.sha256(array.tobytes()).hexdigest()


def _member(name):
    info = zipfile.ZipInfo(f"{name}.npy", date_time=EPOCH)
    info.create_system = UNIX
    info.external_attr = PERMISSIONS
    return info


def _npy(array):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array, order="C"), (1, 0), allow_pickle=False)
    return file.getvalue()


def _refuse_bombs(path, members):
    declared = sum(member.file_size for member in members)
    if declared > MAX_BYTES:
        raise ValueError(
            f"{path} declares {declared} bytes of arrays; at most {MAX_BYTES} are read"
        )
    for name, times in Counter(member.filename for member in members).most_common(1):
        if times > 1:
            raise ValueError(f"{path} holds {name!r} {times} times")


def _name(path, member):
    name, suffix = member.filename[:-4], member.filename[-4:]
    if suffix != ".npy" or not name.isprintable():
        raise ValueError(f"{path} holds {member.filename!r}, which is no array, named NAME.npy")
    return name


def _array(path, archive, member):
    """One array, whose header is held against the bytes that follow it before any is used."""
    name = member.filename.removesuffix(".npy")
    if member.compress_type not in METHODS or member.flag_bits & ENCRYPTED:
        raise ValueError(f"{path}: the array {name} is encrypted, or not stored or deflated")
    try:
        content = archive.read(member)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of strange literals in a header
            return _parsed(content)
    except DAMAGED as error:
        raise ValueError(f"{path}: the array {name} is damaged: {_sentence(error)}") from None
    except UNREADABLE as error:
        raise ValueError(f"{path}: the array {name} cannot be read: {_sentence(error)}") from None


def _parsed(content):
    shape, columns_first, dtype, start = _header(content)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are never unpickled")
    if dtype.kind not in NUMBERS or not dtype.itemsize:
        raise ValueError(f"it is an array of {dtype}, and no array of numbers")
    size = len(content) - start
    if math.prod(shape) * dtype.itemsize != size:
        raise ValueError(f"it declares the shape {shape} of {dtype}, and has {size} bytes")
    return np.ndarray(shape, dtype, content, start, order="F" if columns_first else "C")


def _header(content):
    """What an .npy file declares: shape, order and dtype, and where its numbers begin.

    NumPy's own reader of headers leaks the errors of a tokenizer, and warns of Python 2.
    """
    width = WIDTHS.get(content[: len(MAGIC) + 2].removeprefix(MAGIC))
    if width is None:
        raise ValueError("it does not begin as an .npy file of version 1 or 2 does")
    begin = len(MAGIC) + 2 + width
    end = begin + int.from_bytes(content[begin - width : begin], "little")
    if end > min(len(content), MAX_HEADER):
        raise ValueError(f"its header ends at byte {end}, of {min(len(content), MAX_HEADER)}")
    text = content[begin:end].decode("latin-1").strip()
    declared = ast.literal_eval(text)
    if not _declares_an_array(declared):
        raise ValueError(f"its header is {text[:100]!r}")
    columns_first, dtype = bool(declared["fortran_order"]), np.dtype(declared["descr"])
    return declared["shape"], columns_first, dtype, end


def _declares_an_array(declared):
    """Whether a header gives a shape of whole numbers, and a dtype that is no structure."""
    if not isinstance(declared, dict) or declared.keys() != {"descr", "fortran_order", "shape"}:
        return False
    shape = declared["shape"]
    sizes = isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)
    return sizes and isinstance(declared["descr"], str)


def _sentence(error):
    """What an error says, in one line of printable characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return "".join(c if c.isprintable() else "?" for c in text[:200])
