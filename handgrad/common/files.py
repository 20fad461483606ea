"""Files: written whole or not at all, opened without waiting, and held by one run at a time."""

import contextlib
import errno
import os
import re
import stat
from pathlib import Path

SHOWN = 48  # characters of a file's name in the names beside it, which end at 255 bytes


def write_bytes(path, data):
    """Write a file beside the old one, and only then put it in its place.

    A link stays a link, and its target is written; a file that is there keeps its permissions.
    Raises OSError, and then the old file is as it was.
    """
    target = _target(path)
    _remove_leftovers(target)
    part, file, locked = _part_of(target)
    try:
        with file:
            with contextlib.suppress(FileNotFoundError):
                part.chmod(stat.S_IMODE(target.stat().st_mode))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            if locked:
                part.replace(target)  # under its lock, or another run could remove it
        if not locked:
            part.replace(target)  # Windows moves no open file, and has no locks
    finally:
        part.unlink(missing_ok=True)


def check_writable(path):
    """Raise OSError now where `write_bytes` would raise it later."""
    part, file, _ = _part_of(_target(path))
    file.close()
    part.unlink()


@contextlib.contextmanager
def open_regular(path):
    """Open a file for reading. Raises OSError, and does not wait, for a pipe or a device."""
    with open(path, "rb", opener=_open_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        yield file


@contextlib.contextmanager
def claimed(path):
    """Hold a file for one run, and remove what killed runs have left beside it.

    Raises BlockingIOError while another run holds it. Where there are no locks, on Windows and on
    some network drives, two runs are not told apart; each still writes the file whole.
    """
    target = _target(path)
    lock = _beside(target, "lock")
    descriptor = _locked(lock)
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        _remove_leftovers(target)
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(descriptor)


def _target(path):
    """The file that a path or a link leads to. Raises OSError if it cannot be written."""
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise OSError(errno.ELOOP, "its symbolic links lead in a circle")
    if not target.parent.is_dir():
        parent = target.parent if Path(path).is_symlink() else Path(path).parent
        raise NotADirectoryError(errno.ENOTDIR, f"{parent} is not a directory")
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a directory")
    if target.exists() and not target.is_file():
        raise OSError(errno.EINVAL, "it is not a regular file")
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "it may not be written to")
    return target


def _beside(target, end):
    return target.with_name(f".{target.name[:SHOWN]}.{end}")


def _part_of(target):
    """A new file beside the target, open and, where there are locks, locked."""
    while True:
        part = _beside(target, f"{os.urandom(8).hex()}.part")
        file = part.open("xb")
        locked = _lock(file.fileno())
        if locked is not False and _is_open_at(file.fileno(), part):
            return part, file, locked
        file.close()  # another run took it for a leftover before it was locked


def _remove_leftovers(target):
    """Remove the parts that killed runs have left: nobody has them locked."""
    name = re.escape(_beside(target, "").name) + r"[0-9a-f]{16}\.part"
    for part in target.parent.iterdir():
        if re.fullmatch(name, part.name):
            with contextlib.suppress(OSError), open_regular(part) as file:
                if _lock(file.fileno()):
                    part.unlink()


def _locked(lock):
    """The descriptor of a lock file, which this process now holds."""
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        if _lock(descriptor) is False:
            holder = os.read(descriptor, 20).decode("ascii", "replace")
            os.close(descriptor)
            advice = "wait until it ends, or name another file"
            raise BlockingIOError(errno.EAGAIN, f"process {holder} is writing it: {advice}")
        if _is_open_at(descriptor, lock):
            return descriptor
        os.close(descriptor)  # its last holder removed it before it was locked here


def _lock(descriptor):
    """Whether this process now has the file locked, or None where there are no locks."""
    try:
        import fcntl
    except ImportError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is_open_at(descriptor, path):
    """Whether a path still leads to the file that is open."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _open_without_waiting(path, flags):
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
