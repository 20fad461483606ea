"""Files: written whole or not at all, whatever happens, and held by one run at a time."""

import errno
import os
import signal
import stat
import sys
from pathlib import Path

import pytest

from handgrad.common import files
from handgrad.common.files import _lock, check_writable, claimed, open_regular, write_bytes
from tests.digits import finished, python


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.bin"


def names_in(directory):
    return sorted(p.name for p in directory.iterdir())


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_written_and_nothing_stays_beside_it(path):
    for data in (b"first", b"", memoryview(b"third")):
        write_bytes(path, data)
        assert path.read_bytes() == bytes(data)
        assert names_in(path.parent) == [path.name]


def test_a_name_as_long_as_names_may_be_is_written(tmp_path):
    for path in (tmp_path / ("x" * 255), tmp_path / ("€" * 85)):
        with claimed(path):
            write_bytes(path, b"1")
        assert path.read_bytes() == b"1"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_a_file_that_is_there_keeps_its_permissions(path, mode):
    path.write_bytes(b"old")
    path.chmod(mode)
    write_bytes(path, b"new")
    assert (path.read_bytes(), mode_of(path)) == (b"new", mode)


@pytest.mark.parametrize("umask", [0o077, 0o022, 0o027])
def test_a_new_file_has_the_permissions_that_the_umask_leaves(path, umask):
    before = os.umask(umask)
    try:
        write_bytes(path, b"1")
    finally:
        os.umask(before)
    assert mode_of(path) == 0o666 & ~umask


def test_a_secret_is_never_readable_by_others_while_it_is_written(path, monkeypatch):
    path.write_bytes(b"old")
    path.chmod(0o600)
    seen = []
    monkeypatch.setattr(os, "fsync", lambda fd: seen.append(stat.S_IMODE(os.fstat(fd).st_mode)))
    write_bytes(path, b"new")
    assert seen == [0o600]


def test_a_link_stays_a_link_and_its_target_is_written(tmp_path):
    target, link = tmp_path / "there" / "target", tmp_path / "here" / "link"
    target.parent.mkdir()
    link.parent.mkdir()
    link.symlink_to("../there/target")
    for data in (b"new", b"old"):  # the target does not exist at first
        write_bytes(link, data)
        assert link.is_symlink()
        assert target.read_bytes() == data
    assert names_in(tmp_path / "here") == ["link"]
    assert names_in(tmp_path / "there") == ["target"]


def loop(path):
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (os.mkdir, "it is a directory"),
        (os.mkfifo, "it is not a regular file"),
        (loop, "its symbolic links lead in a circle"),
    ],
)
@pytest.mark.parametrize("use", [lambda path: write_bytes(path, b"1"), check_writable])
def test_what_cannot_be_written_is_said_and_left_alone(path, make, reason, use):
    make(path)
    before = path.lstat()
    with pytest.raises(OSError, match=reason):
        use(path)
    assert os.path.samestat(path.lstat(), before)
    assert names_in(path.parent) == [path.name]


def test_a_directory_that_is_not_there_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for directory in (tmp_path / "none", tmp_path / "file"):
        for use in (lambda path: write_bytes(path, b"1"), check_writable):
            with pytest.raises(NotADirectoryError) as caught:
                use(directory / "name")
            assert caught.value.strerror == f"{directory} is not a directory"


@pytest.fixture
def sealed(path, monkeypatch):
    """A directory in which no file can be made, also by root."""
    opened = Path.open

    def refusing(name, mode="r", *rest):
        if "x" in mode and name.parent == path.parent:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(name))
        return opened(name, mode, *rest)

    monkeypatch.setattr(Path, "open", refusing)


@pytest.mark.parametrize("use", [lambda path: write_bytes(path, b"1"), check_writable])
def test_a_directory_that_may_not_be_written_to_is_found(path, sealed, use):
    with pytest.raises(PermissionError):
        use(path)


def test_a_file_that_may_not_be_written_to_is_not_replaced(path, monkeypatch):
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "access", lambda *_: False)
    for use in (lambda path: write_bytes(path, b"1"), check_writable):
        with pytest.raises(PermissionError) as caught:
            use(path)
        assert caught.value.strerror == "it may not be written to"
    assert path.read_bytes() == b"old"


def test_to_check_changes_nothing(path):
    check_writable(path)
    assert names_in(path.parent) == []
    path.write_bytes(b"old")
    before = path.stat()
    check_writable(path)
    assert path.stat() == before
    assert names_in(path.parent) == [path.name]


@pytest.mark.parametrize("failure", [OSError("no space left"), KeyboardInterrupt(), MemoryError()])
def test_a_failure_while_writing_leaves_the_old_file(path, monkeypatch, failure):
    def failing(_):
        raise failure

    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(type(failure)):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert names_in(path.parent) == [path.name]


KILLED = """
import os, signal, sys
from handgrad.common import files
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
files.write_bytes(sys.argv[1], b"new")
"""


@pytest.mark.parametrize("begin", [lambda path: write_bytes(path, b"next"), claimed])
def test_what_a_killed_run_has_left_is_removed_at_the_next_start(path, begin):
    path.write_bytes(b"old")
    assert finished(python("-c", KILLED, path))[0] == -signal.SIGKILL
    (part,) = set(names_in(path.parent)) - {path.name}
    assert part.startswith(".file.bin.")
    assert part.endswith(".part")
    foreign = [".file.bin.part", ".file.bin.0123456789abcdef.part.txt", ".other.bin" + part[9:]]
    for name in foreign:
        (path.parent / name).write_bytes(b"not ours")
    if (held := begin(path)) is not None:
        with held:
            assert part not in names_in(path.parent)
    assert names_in(path.parent) == sorted([*foreign, path.name])


def test_names_of_parts_cannot_be_foretold(path, monkeypatch):
    seen = []
    monkeypatch.setattr(os, "fsync", lambda _: seen.extend(names_in(path.parent)))
    for _ in range(5):
        write_bytes(path, b"1")
    assert len({name for name in seen if name.endswith(".part")}) == 5


def test_the_part_of_a_live_run_is_left_alone(path, monkeypatch):
    nested = []

    def meanwhile(_):
        if not nested:
            nested.append(1)
            write_bytes(path, b"of the other run")  # which removes leftovers
            assert path.read_bytes() == b"of the other run"

    monkeypatch.setattr(os, "fsync", meanwhile)
    write_bytes(path, b"of this run")
    assert path.read_bytes() == b"of this run"
    assert names_in(path.parent) == [path.name]


def test_a_link_or_a_pipe_with_the_name_of_a_part_does_no_harm(path):
    victim = path.parent / "victim"
    victim.write_bytes(b"precious")
    link, pipe = (path.parent / f".file.bin.{digit * 16}.part" for digit in "01")
    link.symlink_to(victim)
    os.mkfifo(pipe)
    write_bytes(path, b"1")
    assert victim.read_bytes() == b"precious"
    assert path.read_bytes() == b"1"


HOLDING = """
import sys
from handgrad.common.files import claimed
with claimed(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(path):
    """Another process that holds the path until its input ends."""
    process = python("-c", HOLDING, path, stdin=-1)
    assert process.stdout.readline() == "held\n"
    yield process
    with process:
        process.kill()


def test_a_second_run_on_a_file_says_so(path, holder):
    with pytest.raises(BlockingIOError) as caught, claimed(path):
        pytest.fail("both hold it")
    message = f"process {holder.pid} is writing it: wait until it ends, or name another file"
    assert caught.value.strerror == message


def test_a_link_to_a_held_file_is_held(path, holder):
    link = path.parent / "link"
    link.symlink_to(path)
    with pytest.raises(BlockingIOError), claimed(link):
        pytest.fail("both hold it")


@pytest.mark.parametrize("end", [signal.SIGKILL, None])
def test_a_file_is_free_when_its_run_has_ended(path, holder, end):
    holder.send_signal(end) if end else holder.stdin.close()
    holder.wait()
    assert names_in(path.parent) == ([".file.bin.lock"] if end else [])
    with claimed(path):
        assert names_in(path.parent) == [".file.bin.lock"]
    assert names_in(path.parent) == []


def test_another_file_is_not_held(path, holder):
    with claimed(path.with_name("other")):
        pass


def test_a_link_in_the_place_of_the_lock_is_not_followed(path):
    victim = path.parent / "victim"
    victim.write_bytes(b"precious")
    (path.parent / ".file.bin.lock").symlink_to(victim)
    with pytest.raises(OSError, match=r"\.lock"), claimed(path):
        pytest.fail("it was followed")
    assert victim.read_bytes() == b"precious"


def test_without_locks_files_are_written_and_leftovers_stay(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    left = path.parent / f".file.bin.{'0' * 16}.part"
    left.write_bytes(b"perhaps of a live run")
    with claimed(path), claimed(path):
        write_bytes(path, b"1")
    assert path.read_bytes() == b"1"
    assert names_in(path.parent) == [left.name, path.name]


def test_a_lock_that_its_holder_removes_meanwhile_is_taken_anew(path, monkeypatch):
    locked = []

    def removing(descriptor):
        if not locked:
            (path.parent / ".file.bin.lock").unlink()
        locked.append(descriptor)
        return _lock(descriptor)

    monkeypatch.setattr(files, "_lock", removing)
    with claimed(path):
        assert names_in(path.parent) == [".file.bin.lock"]
    assert len(locked) == 2


@pytest.mark.parametrize("remove", [True, False])
def test_a_part_that_another_run_takes_for_a_leftover_is_made_anew(path, monkeypatch, remove):
    parts = []

    def taking(descriptor):
        parts.append(set(names_in(path.parent)))
        if len(parts) > 1:
            return _lock(descriptor)
        if remove:
            (path.parent / parts[0].pop()).unlink()
        return remove and _lock(descriptor)

    monkeypatch.setattr(files, "_lock", taking)
    write_bytes(path, b"1")
    assert path.read_bytes() == b"1"
    assert len(parts) == 2


def test_a_file_is_opened_for_reading(path):
    path.write_bytes(b"1")
    with open_regular(path) as file:
        assert file.read() == b"1"


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_a_pipe_or_a_device_is_not_waited_for(path, make):
    make(path)
    with pytest.raises(OSError, match="it is not a regular file"), open_regular(path):
        pytest.fail("it was opened")
