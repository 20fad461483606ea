"""Code that may never come back: what leaves Python for libraries, and loops that wait for a number.

`svd` of an infinity does not return, a compiled kernel may abort the process, and `while not x < ε`
ends for no NaN. Such code meets strange inputs in a child process alone.
"""

import dis
import functools
import types

from handgrad.judge.copies import in_cell

SAFE = {"numpy", "math", "builtins", "operator", "functools", "itertools", "_operator", "handgrad"}
SAFE |= {"jax", "jaxlib", "typing", "dataclasses", "collections", "abc", "enum", "array_api_compat"}
LEAVES = {"linalg", "lapack", "ctypes", "cffi", "vectorize", "njit"}
DEPTH = 5  # functions that call functions


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
    for kind, parts in KINDS.items():
        if isinstance(thing, kind):
            return parts(thing)
    if "linalg" in (getattr(thing, "__module__", None) or "") or _root(type(thing)) == "numba":
        return None
    if _root(thing) in SAFE:
        return []
    if isinstance(thing, types.BuiltinFunctionType):
        return None
    return [type(thing), *getattr(thing, "__dict__", {}).values()]


def _root(thing):
    return (getattr(thing, "__module__", None) or type(thing).__module__ or "").partition(".")[0]


def _of_class(cls):
    if cls.__module__.partition(".")[0] in SAFE:
        return []
    kinds = (types.FunctionType, staticmethod, classmethod)
    own = [value for base in cls.__mro__[:-1] for value in vars(base).values()]
    return [getattr(value, "__func__", value) for value in own if isinstance(value, kinds)]


def _of_function(function):
    if (function.__module__ or "").partition(".")[0] in SAFE - {"handgrad"}:
        return None if "linalg" in function.__module__ else []
    codes = list(_codes(function.__code__))
    names = {name for code in codes for name in code.co_names}
    if names & LEAVES or any(map(_waits, codes)):
        return None
    found = [function.__globals__[name] for name in names if name in function.__globals__]
    modules = [value for value in found if isinstance(value, types.ModuleType)]
    if any(module.__name__.partition(".")[0] in {"scipy", "numba"} for module in modules):
        return None
    inside = [getattr(m, n, None) for m in modules if _root_of(m) not in SAFE for n in names]
    cells = [in_cell(cell) for cell in function.__closure__ or ()]
    return [part for part in (*found, *inside, *cells) if callable(part)]


def _root_of(module):
    return module.__name__.partition(".")[0]


def _codes(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _waits(code):
    """Whether a code has a loop that is not over things."""
    names = [instruction.opname for instruction in dis.get_instructions(code)]
    return sum("JUMP_BACKWARD" in name for name in names) > names.count("FOR_ITER")


KINDS = {
    tuple | list: list,
    types.FunctionType: _of_function,
    types.MethodType: lambda method: [method.__func__, method.__self__],
    functools.partial: lambda partial: [partial.func],
    type: _of_class,
}
