"""Copies of functions that may keep something: in what they close over, in defaults, in attributes."""

import contextlib
import copy
import types
from typing import Any

from handgrad.judge.calls import CodeError, Contained


def copied(function: Any, memo: dict) -> Any:
    """A copy that shares nothing with the original, but for what cannot be copied.

    A function that keeps nothing is its own copy. `memo` is that of copy.deepcopy: functions that
    share a variable go on to share it.
    """
    if not isinstance(function, types.FunctionType):
        return copy.deepcopy(function, memo)
    kept = function.__closure__, function.__defaults__, function.__kwdefaults__, vars(function)
    if not any(kept):
        return function
    if id(function) not in memo:
        cells = function.__closure__ or ()
        new = [cell for cell in cells if id(cell) not in memo]
        memo.update({id(cell): types.CellType() for cell in new})
        memo[id(function)] = _made(function, tuple(memo[id(cell)] for cell in cells), memo)
        for cell in new:
            _fill(cell, memo)
    return memo[id(function)]


def in_cell(cell):
    """What a function closes over, or None where that is not filled yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _made(function, cells, memo):
    made = types.FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        _content(function.__defaults__, memo),
        cells,
    )
    made.__kwdefaults__ = _content(function.__kwdefaults__, memo)
    made.__qualname__, made.__module__ = function.__qualname__, function.__module__
    vars(made).update(_content(vars(function), memo))
    return made


def _fill(cell, memo):
    with contextlib.suppress(ValueError):  # of an empty one
        memo[id(cell)].cell_contents = _content(cell.cell_contents, memo)


def _content(held, memo):
    """What a function holds, copied if it can be."""
    try:
        with Contained():
            return copied(held, memo)
    except CodeError:
        return held
