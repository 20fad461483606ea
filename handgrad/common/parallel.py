"""The same work for many items, side by side in processes of their own."""

import gc
import os
import signal
import threading

FEW = 8  # items, for which starting a process each would take longer than it saves
OBJECTS = 50_000  # new ones, after which a worker looks for garbage


def side_by_side(function, items):
    """function(item) for each item in turn, as soon as it and those before it are there.

    The function and the items are pickled. A few items, or one processor, stay in this process.
    """
    workers = min(_processors(), len(items) // FEW)
    if workers < 2:
        yield from map(function, items)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_follow_the_parent)
    try:
        yield from pool.map(function, items)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _processors():
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _follow_the_parent():
    """Leave Ctrl-C to the parent process, and end when it does, however it ends.

    A worker looks for garbage less often: JAX's many small objects are seldom any.
    """
    from multiprocessing import parent_process

    gc.set_threshold(OBJECTS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_after, args=(parent_process(),), daemon=True).start()


def _end_after(parent):
    parent.join()
    os._exit(0)
