"""Ctrl-C while a command works: one line, exit status 130, and no traceback."""

import json
import signal
import sys
import time
import types

import pytest

from handgrad.cli import interruption
from tests.digits import python

INTERRUPTED = "handgrad: interrupted\n"
SLOW = """
import os
import time


class Slow:
    def forward(self, x):
        os.write(1, b"at work\\n")  # for what it prints is not shown
        time.sleep(60)

    def backward(self, dy):
        return dy
"""
THREAD = """
import threading
import time

threading.Thread(target=time.sleep, args=(60,)).start()
"""


@pytest.fixture
def interrupted(tmp_path):
    """Interrupts a command when it has written a word: the status, and what it wrote then."""

    def run(*command, word, text=SLOW, stream="stdout"):
        (tmp_path / "slow.py").write_text(text, encoding="utf-8")
        with python(*command, cwd=tmp_path) as process:
            for line in getattr(process, stream):
                if word in line:
                    break
            process.send_signal(signal.SIGINT)
            try:
                output, errors = process.communicate(timeout=30)
            finally:
                process.kill()
        return process.returncode, output, errors

    return run


JUDGE = ("-m", "handgrad", "verify", "slow.py::Slow", "--input", "x=3")


def test_an_interrupt_within_judged_code_is_one_line(interrupted):
    assert interrupted(*JUDGE, word="at work") == (130, "", INTERRUPTED)


def test_an_interrupt_of_json_is_json(interrupted):
    text = SLOW.replace("os.write(1, ", "os.write(2, ")
    command = (*JUDGE, "--json")
    status, output, errors = interrupted(*command, word="at work", text=text, stream="stderr")
    assert (status, errors) == (130, "")
    assert json.loads(output) == {"ok": False, "error": "interrupted"}


def test_an_interrupt_ends_the_threads_of_judged_code_too(interrupted):
    assert interrupted(*JUDGE, word="at work", text=THREAD + SLOW) == (130, "", INTERRUPTED)


@pytest.mark.parametrize("module", ["numpy", "jaxlib.xla_client", "jax._src.core", "jax.numpy"])
def test_an_interrupt_while_a_library_is_imported_is_one_line(interrupted, module):
    command = ("-X", "importtime", "-m", "handgrad", "compare", "Exp")
    status, _, errors = interrupted(*command, word=f" {module}\n", stream="stderr")
    said = [line for line in errors.splitlines(keepends=True) if "import time:" not in line]
    assert (status, said) == (130, [INTERRUPTED])


def test_an_interrupt_that_python_would_drop_comes_again(monkeypatch):
    monkeypatch.setattr(sys, "unraisablehook", interruption.deliver_again)

    class Dropping:
        def __del__(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drop_and_wait(Dropping())


def drop_and_wait(dropped):
    del dropped
    for _ in range(1000):
        time.sleep(0.01)


def test_another_error_that_python_drops_is_shown(monkeypatch):
    shown = []
    monkeypatch.setattr(sys, "__unraisablehook__", shown.append)
    dropped = types.SimpleNamespace(exc_type=ValueError)
    interruption.deliver_again(dropped)
    assert shown == [dropped]
