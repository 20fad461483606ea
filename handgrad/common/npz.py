"""Arrays in an .npz file: the same bytes for the same arrays, and no file that can do harm.

Nothing is ever pickled or unpickled, and nothing is allocated before its size is known to be that
of the bytes that are there.
"""

import hashlib
import io
import math
import re
import struct
import zipfile
import zlib
from collections import Counter

import numpy as np

from handgrad.common.files import open_regular, write_bytes

MAX_BYTES = 2**28  # of a file, and of all that its arrays declare to hold
MAX_DIRECTORY = 2**24  # bytes that list what a zip file holds
MAX_NAME = 200
EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date that a zip file can hold
UNIX = 3
PERMISSIONS = 0o644 << 16
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
END = struct.Struct("<4s8xI4xH")  # the last record: signature, sizes of directory and comment
LOCATOR = 20  # bytes of the record that stands before it in a file that needs 64 bits
MAGIC = b"\x93NUMPY"
WIDTHS = {b"\x01\x00": 2, b"\x02\x00": 4}  # bytes that hold a header's length, by the version
MAX_HEADER = 10_000
ITEM = re.compile(  # of a header, which is a dict as Python spells it
    r"""\s*(['"])(?:"""
    r"""descr\1\s*:\s*(['"])(?P<descr>[^'"]*)\2|"""
    r"""fortran_order\1\s*:\s*(?P<fortran_order>True|False)|"""
    r"""shape\1\s*:\s*(?P<shape>\(\)|\((?:\d+,\ *)+(?:\d+)?\)))\s*(?:,|$)"""
)
DTYPE = re.compile(r"[<>|=]?[biufVU][1-9]\d*")  # numbers, text, and V: NumPy's bits of a bfloat16
ENCRYPTED = 1
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, NotImplementedError),
    *(LookupError, OverflowError, TypeError, ValueError),
)
UNREADABLE = (MemoryError, OverflowError, TypeError, ValueError)


def write(path, arrays):
    """Write arrays, by their names, beside the old file, and only then put it in its place.

    The bytes depend on nothing but the names and the arrays: no time, no compression.
    """
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            archive.writestr(_member(name), _npy(array))
    write_bytes(path, whole.getbuffer())


def read(path, most=MAX_BYTES):
    """The arrays of an .npz file of at most so many bytes, by their names.

    Raises OSError if the file cannot be opened, and ValueError, in one sentence that names the
    file and the array, if it is damaged, too large, or holds anything but numbers and text.
    """
    with open_regular(path) as file:
        size = file.seek(0, io.SEEK_END)
        if size > most:
            raise ValueError(f"{path} has {size} bytes, and at most {most} are read")
        try:
            _refuse_large_directories(file, size)
            archive = zipfile.ZipFile(file)
        except DAMAGED as error:
            raise ValueError(f"{path} is not a whole .npz file: {_sentence(error)}") from None
        with archive:
            members = [m for m in archive.infolist() if not m.orig_filename.endswith("/")]
            _refuse_bombs(path, members, max(size, MAX_BYTES))
            return {_name(path, member): _array(path, archive, member) for member in members}


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


def _refuse_large_directories(file, size):
    """Raise ValueError unless the file ends as a zip file with a small directory does.

    zipfile reads the whole directory before it can be asked how much that is.
    """
    file.seek(max(0, size - LOCATOR - END.size))
    tail = file.read()
    signature, directory, comment = END.unpack(tail[-END.size :].rjust(END.size))
    if signature != b"PK\5\6" or comment:
        raise ValueError("it does not end as a zip file does")
    if tail.startswith(b"PK\6\7") or directory > MAX_DIRECTORY:
        raise ValueError(f"its directory has more than {MAX_DIRECTORY} bytes")


def _refuse_bombs(path, members, most):
    declared = sum(member.file_size for member in members)
    if declared > most:
        raise ValueError(f"{path} declares {declared} bytes of arrays; at most {most} are read")
    for name, times in Counter(member.orig_filename for member in members).most_common(1):
        if times > 1:
            raise ValueError(f"{path} holds {name[:MAX_NAME]!r} {times} times")


def _name(path, member):
    """The name of an array, which may be shown: a NUL in it, or an escape, is refused."""
    name = member.orig_filename
    if not name.endswith(".npy") or not name.isprintable() or len(name) > MAX_NAME:
        raise ValueError(f"{path} holds {name[:MAX_NAME]!r}, which is not an array, named NAME.npy")
    return name.removesuffix(".npy")


def _array(path, archive, member):
    """One array, whose header is held against the bytes that follow it before any is used."""
    name = member.orig_filename.removesuffix(".npy")
    if member.compress_type not in METHODS or member.flag_bits & ENCRYPTED:
        raise ValueError(f"{path}: the array {name} is encrypted, or not stored or deflated")
    try:
        content = _content(archive, member)
    except DAMAGED as error:
        raise ValueError(f"{path}: the array {name} is damaged: {_sentence(error)}") from None
    try:
        return _parsed(content)
    except UNREADABLE as error:
        raise ValueError(f"{path}: the array {name} cannot be read: {_sentence(error)}") from None


def _content(archive, member):
    """The bytes of a member: no more are unpacked than it declares, and its CRC is right."""
    with archive.open(member) as file:
        content = file.read(member.file_size)
    if len(content) < member.file_size:
        raise EOFError(f"it has {len(content)} bytes, and declares {member.file_size}")
    return content


def _parsed(content):
    shape, order, dtype, start = _header(content)
    size = len(content) - start
    if math.prod(shape) * dtype.itemsize != size:
        raise ValueError(f"it declares the shape {shape} of {dtype}, and has {size} bytes")
    if dtype.kind == "b" and content[start:].translate(None, b"\0\1"):
        raise ValueError("it is a mask with other bytes than 0 and 1")
    return np.ndarray(shape, dtype, content, start, order=order)


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
    descr, fortran_order, shape = _declared(content[begin:end].decode("latin-1").strip())
    if "O" in descr:
        raise ValueError("it holds Python objects, which are never unpickled")
    if not DTYPE.fullmatch(descr):
        raise ValueError(f"it is an array of {descr[:100]!r}, not of numbers")
    sizes = tuple(map(int, re.findall(r"\d+", shape)))
    return sizes, "F" if fortran_order == "True" else "C", np.dtype(descr), end


def _declared(text):
    """descr, fortran_order and shape, as they stand in a header: each once, and nothing else."""
    found = list(ITEM.finditer(text[1:-1]))
    items = {str(item.lastgroup): item[str(item.lastgroup)] for item in found}
    spelled = "{" + "".join(item[0] for item in found) + "}"
    if not len(items) == len(found) == 3 or spelled.replace(" ", "") != text.replace(" ", ""):
        raise ValueError(f"its header is {text[:100]!r}")
    return items["descr"], items["fortran_order"], items["shape"]


def _sentence(error):
    """What an error says, in one line of printable characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return "".join(c if c.isprintable() else "?" for c in text[:200])
