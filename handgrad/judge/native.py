"""Code that may never come back: what leaves Python for libraries, and loops that wait for a number.

`svd` of an infinity does not return, a compiled kernel may abort the process, and `while not x < ε`
ends for no NaN. Such code meets strange inputs in a child process alone, which is ended in time.
"""

import dis
import functools
import os
import select
import signal
import types
import warnings

from handgrad.judge.calls import CodeError
from handgrad.judge.copies import in_cell

SAFE = {"numpy", "math", "builtins", "operator", "functools", "itertools", "_operator", "handgrad"}
SAFE |= {"jax", "jaxlib", "typing", "dataclasses", "collections", "abc", "enum", "array_api_compat"}
LEAVES = {"linalg", "lapack", "ctypes", "cffi", "vectorize", "njit"}
DEPTH = 5  # functions that call functions
BUSY = 0.5  # seconds of the processor for one item: then the child is ended
SECONDS = 20.0  # for one item that waits
RESTARTS = 2
RUNS, RAISES = b"y", b"n"


def may_not_return(thing, depth=DEPTH, seen=None):
    """Whether a function, an object or a pair of them reaches such code."""
    seen = set() if seen is None else seen
    if id(thing) in seen or depth == 0:
        return False
    seen.add(id(thing))
    parts = _parts(thing)
    return parts is None or any(may_not_return(part, depth - 1, seen) for part in parts)


def _parts(thing):
    """What a thing is made of, or None for what is suspect itself."""
    match thing:
        case tuple() | list():
            return thing
        case types.FunctionType():
            return _of_function(thing)
        case types.MethodType():
            return [thing.__func__, thing.__self__]
        case functools.partial():
            return [thing.func]
    linalg = "linalg" in (getattr(thing, "__module__", None) or "")
    if linalg or _root(type(thing)) == "numba":
        return None
    return [] if _root(thing) in SAFE else _of_object(thing)


def _of_object(thing):
    if isinstance(thing, types.BuiltinFunctionType):
        return None
    if not isinstance(thing, type):
        return [type(thing), *getattr(thing, "__dict__", {}).values()]
    own = [getattr(v, "__func__", v) for base in thing.__mro__[:-1] for v in vars(base).values()]
    return [value for value in own if isinstance(value, types.FunctionType)]


def _root(thing):
    return (getattr(thing, "__module__", None) or type(thing).__module__ or "").partition(".")[0]


def _of_function(function):
    if (function.__module__ or "").partition(".")[0] in SAFE - {"handgrad"}:
        return None if "linalg" in function.__module__ else []
    codes = list(_codes(function.__code__))
    names = {name for code in codes for name in code.co_names}
    if names & LEAVES or any(map(_waits, codes)):
        return None
    found = [function.__globals__[name] for name in names if name in function.__globals__]
    modules = [value for value in found if isinstance(value, types.ModuleType)]
    roots = {module.__name__.partition(".")[0]: module for module in modules}
    if roots.keys() & {"scipy", "numba"}:
        return None
    inside = [getattr(roots[root], name, None) for root in roots.keys() - SAFE for name in names]
    cells = [in_cell(cell) for cell in function.__closure__ or ()]
    return [part for part in (*found, *inside, *cells) if callable(part)]


def _codes(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _waits(code):
    """Whether a code has a loop that is not over things."""
    names = [instruction.opname for instruction in dis.get_instructions(code)]
    return sum("JUMP_BACKWARD" in name for name in names) > names.count("FOR_ITER")


def outcomes(run, items, busy=BUSY):
    """For each item: True if run(item) comes back, False if it raises, None if it does neither.

    Without a fork nothing is tried, and all is None.
    """
    found = []
    for _ in range(1 + RESTARTS):
        rest = items[len(found) :]
        if not rest or not hasattr(os, "fork"):
            break
        found += [answer == RUNS for answer in _answers(run, rest, busy)]
        if len(found) < len(items):
            found.append(None)  # the one at which the child ended or did not answer
    return found + [None] * (len(items) - len(found))


def _answers(run, items, busy):
    """What the child says of each item, up to the one at which it ends."""
    reads, writes = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # JAX and Python warn of a fork; the child uses no JAX
        child = os.fork()
    if child == 0:
        _work(run, items, writes, busy)
    os.close(writes)
    answers = []
    try:
        while len(answers) < len(items) and select.select([reads], [], [], SECONDS)[0]:
            if not (said := os.read(reads, len(items))):
                break
            answers += [said[k : k + 1] for k in range(len(said))]
    finally:
        os.close(reads)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return answers


def _work(run, items, writes, busy):
    """The child: it answers and ends, whatever happens."""
    try:
        for item in items:
            signal.setitimer(signal.ITIMER_PROF, busy)
            try:
                run(item)
                os.write(writes, RUNS)
            except CodeError:
                os.write(writes, RAISES)
    finally:
        os._exit(0)
