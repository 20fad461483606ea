"""A script of a few lines that shows an error, and that a person can read."""

import dataclasses
import sys
import types
from pathlib import Path

import numpy as np

from handgrad.judge.calls import CodeError, Contained
from handgrad.judge.explain.literals import written
from handgrad.judge.explain.sources import TAKEN, is_installed, lambda_source, sources

LINES = 30  # of source that is shown
PLAIN = (bool, int, float, str, tuple, type(None))  # what is written as it prints itself
END = ["print(verdict)", "assert verdict.ok"]
LEFT = " = ...  # put here "  # what the reader has to put there


def script(subject, inputs, library, verdict, options):
    """The lines that judge the subject at these inputs, and fail; `options` are verify's others.

    What the reader has to put there comes first.
    """
    count = len(inputs) - len(subject.parameters)
    lines, expression = _brought(getattr(subject, "original", subject.held), "subject")
    if subject.parameters:
        lines, expression = [*lines, f"layer = {expression}"], "layer"
        lines += _with_parameters(subject, count)
    given = [f"x{i}" for i in range(count)]
    more = [f"seed={verdict.seed}"] if verdict.seed else []
    more += ["strict=True"] if verdict.strict else []
    for name, value in options.items():
        is_code = callable(value) or dataclasses.is_dataclass(value)
        brought, text = _brought(value, name) if is_code else ([], repr(value))
        lines += brought
        more.append(f"{name}={text}")
    numbers = {i: repr(x.item()) for i, x in enumerate(inputs) if i in subject.numbers}
    texts = {i: _array(x, library) for i, x in enumerate(inputs)} | numbers
    arrays = [f"x{i} = {text}" for i, text in texts.items()]
    call = f"verdict = handgrad.verify({', '.join([expression, *_trees(subject, given), *more])})"
    imports = ["import numpy as np", "import handgrad", *_libraries(library, inputs)]
    left = [line for line in lines if LEFT in line]
    after = [line for line in lines if line.startswith("layer")]
    before = _once([line for line in lines if line not in (*left, *after)])
    return "\n".join([*left, *dict.fromkeys(imports), *before, *arrays, *after, call, *END])


def _once(lines):
    """The lines without imports that stand there twice; code may hold a line twice."""
    imports = ("import ", "from ")
    return [
        line
        for k, line in enumerate(lines)
        if line not in lines[:k] or not line.startswith(imports)
    ]


def _trees(subject, given):
    """The arguments as they were given, with names for their leaves."""
    arguments = subject.arguments
    if arguments.is_flat:
        return given
    names = [_Name(name) for name in given]
    return [repr(x) for x in arguments.pack(names)[: len(arguments.tree)]]


class _Name(str):
    """A name that is written as it is."""

    __slots__ = ()

    def __repr__(self):
        return str(self)


def _with_parameters(subject, count):
    """A layer's parameters are put into it."""
    found = getattr(subject, "found", [])
    if found:
        values = {f"x{count + k}": p.places[0] for k, p in enumerate(found)}
        return [place.assigned(subject.held, "layer", x) for x, place in values.items()]
    names = enumerate(subject.parameter_names)
    return [f"layer.get_parameter({name!r}).data = x{count + k}" for k, name in names]


def _brought(held, name):
    """How to come by an object: lines, and an expression."""
    things = held if isinstance(held, tuple) else (held,)
    found = [one for thing in things if (one := _one(thing)) is not None]
    if len(found) == len(things):
        lines = [line for part, _ in found for line in part]
        texts = [text for _, text in found]
        return lines, f"({', '.join(texts)})" if isinstance(held, tuple) else texts[0]
    kind = type(held).__name__ if not isinstance(held, tuple) else "pair"
    what = "what was judged" if name == "subject" else f"what was given as {name}"
    return [f"{name}{LEFT}{what}, a {kind} that no name leads to"], name


def _one(thing):
    """(lines, expression) that bring one function, class or object; None where nothing does."""
    if place := _place(thing):
        module, name = place
        return [*_path_to(module), f"from {module.__name__} import {name}"], name
    if getattr(thing, "__name__", "") == "<lambda>":
        return lambda_source(thing)
    if isinstance(thing, types.FunctionType):
        lines = [] if thing.__closure__ or "<" in thing.__name__ else sources([thing])
        return (lines, thing.__name__) if 0 < len(lines) <= LINES else None
    if isinstance(thing, type):
        lines = sources([thing])
        return (lines, thing.__name__) if 0 < len(lines) <= LINES else None
    if type(thing).__module__ == "builtins" or (fields := _fields(thing)) is None:
        return None
    made = _one(type(thing))
    return made and (made[0], f"{made[1]}({fields})")


def _fields(thing):
    """The arguments with which its class makes an object like this one; None if nobody knows."""
    if dataclasses.is_dataclass(thing):
        values = {f.name: getattr(thing, f.name) for f in dataclasses.fields(thing) if f.init}
        plain = all(isinstance(value, PLAIN) for value in values.values())
        return ", ".join(f"{name}={value!r}" for name, value in values.items()) if plain else None
    try:
        with Contained():
            other = type(thing)()
            is_like = _outline(other) == _outline(thing)
    except CodeError:
        return None
    return "" if is_like else None


def _outline(thing):
    """What an object holds; of arrays their shapes, which a script fills."""
    held = getattr(thing, "__dict__", {})
    return {
        name: np.shape(value) if hasattr(value, "shape") else value
        for name, value in held.items()
        if not name.startswith("_")
    }


def _place(thing):
    """The module of a class, a function, or a variable that holds it, and its name; None if none."""
    module = sys.modules.get(getattr(thing, "__module__", None) or "")
    if module is None or module.__name__ == "__main__" or not getattr(module, "__file__", None):
        return None
    name = getattr(thing, "__name__", "")
    names = [name] if getattr(module, name, None) is thing else []
    names += [n for n, v in vars(module).items() if v is thing]
    return next(((module, n) for n in names if n.isidentifier() and not TAKEN.fullmatch(n)), None)


def _path_to(module):
    """The line that lets a module be imported, unless it is in a package that is installed."""
    if is_installed(module):
        return []
    root = Path(module.__file__).resolve().parents[module.__name__.count(".")]
    return [f"import sys; sys.path.insert(0, {str(root)!r})"]


def _libraries(library, inputs):
    """The imports that the arrays need; bfloat16 is a type of JAX's."""
    if library == "torch":
        return ["import torch"]
    low = any(x.dtype.name == "bfloat16" for x in inputs)
    return ["from jax import numpy as jnp"] if library == "jax" or low else []


def _array(x, library):
    text = written(x)
    if library == "torch":
        if x.dtype.name == "bfloat16":
            return f"torch.from_numpy({written(x.astype('float32'))}).bfloat16()"
        return f"torch.from_numpy({text})"
    return f"jnp.asarray({text})" if library == "jax" else text
