"""Work in processes of its own: a crash or a hang costs one answer, and nothing else."""

import logging
import multiprocessing
import os
import queue
import resource
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


class Worker:
    """A process that answers one job after another, and is replaced when it does not."""

    def __init__(self, work):
        self.work = work
        self._begin()

    def ask(self, job, seconds):
        """The answer, or None: it crashed, or took longer than so many seconds."""
        self.pipe.send(job)
        with suppress(EOFError, ConnectionError):
            if self.pipe.poll(seconds):
                return self.pipe.recv()
        self.stop()
        self._begin()
        return None

    def stop(self):
        self.process.kill()
        self.process.join()

    def _begin(self):
        context = multiprocessing.get_context("spawn")  # no threads of JAX or torch come along
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, self.work), daemon=True)
        self.process.start()
        theirs.close()


def answers(work, jobs, seconds, processes):
    """The answers of `work` to the jobs, in order; None where there is none."""
    workers = [Worker(work) for _ in range(processes)]
    idle = queue.SimpleQueue()
    for worker in workers:
        idle.put(worker)

    def one(job):
        worker = idle.get()
        try:
            return worker.ask(job, seconds)
        finally:
            idle.put(worker)

    try:
        with ThreadPoolExecutor(processes) as threads:
            yield from threads.map(one, jobs)
    finally:
        for worker in workers:
            worker.stop()


def _serve(pipe, work):
    """Answers jobs until nobody asks; takes no more memory than leaves the machine alive."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    logging.disable()  # JAX logs what a callback raises
    with suppress(EOFError):
        while True:
            pipe.send(work(pipe.recv()))
