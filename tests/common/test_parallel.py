"""Work side by side: in order, with errors, and with no process left behind."""

import math
import os
import subprocess
import sys
import time

import pytest

from handgrad.common import parallel
from handgrad.common.parallel import FEW, side_by_side

MANY = range(3 * FEW)


@pytest.fixture(autouse=True)
def _two_processors(monkeypatch):
    monkeypatch.setattr(parallel, "_processors", lambda: 2)


def process_of(_):
    time.sleep(0.01)
    return os.getpid()


def test_results_come_in_the_order_of_the_items():
    assert list(side_by_side(math.factorial, MANY)) == [math.factorial(n) for n in MANY]


def test_many_items_are_worked_on_in_other_processes():
    processes = set(side_by_side(process_of, MANY))
    assert len(processes) == 2
    assert os.getpid() not in processes


@pytest.mark.parametrize("processors", [1, 2])
def test_a_few_items_or_one_processor_stay_in_this_process(monkeypatch, processors):
    monkeypatch.setattr(parallel, "_processors", lambda: processors)
    items = MANY if processors == 1 else MANY[:FEW]
    assert set(side_by_side(process_of, items)) == {os.getpid()}


def test_an_error_reaches_the_caller_after_the_results_before_it():
    found = side_by_side(math.sqrt, [4, 9, -1, *MANY])
    assert [next(found), next(found)] == [2, 3]
    with pytest.raises(ValueError, match="math domain error"):
        next(found)


def test_the_processes_end_with_their_parent_even_if_it_is_ended(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, time\n"
        "from handgrad.common import parallel\n"
        "def process_of(n):\n"
        "    time.sleep(n and 60)\n"
        "    return os.getpid()\n"
        "if __name__ == '__main__':\n"
        "    parallel._processors = lambda: 2\n"
        "    print(next(parallel.side_by_side(process_of, range(99))), flush=True)\n"
        "    os._exit(0)\n"
    )
    found = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=True, timeout=60
    )
    worker = int(found.stdout)
    deadline = time.monotonic() + 20
    while _runs(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(worker)


def _runs(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
