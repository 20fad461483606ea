"""A script of a few lines that shows an error and runs by itself."""

import dataclasses
import sys
import sysconfig
from pathlib import Path

from handgrad.judge.diagnosis import carried
from handgrad.judge.diagnosis.literals import written
from handgrad.judge.subjects import Pair, Rule, StatefulLayer

LINES = 15


def script(subject, inputs, library, seed, reference=None):
    """The lines that judge the subject at these inputs, and fail."""
    whole = _whole(subject)
    lines, expression = _brought(whole, "subject", of_rule=isinstance(subject, Rule))
    count = len(inputs)
    options = [f"seed={seed}"] if seed else []
    if isinstance(subject, StatefulLayer) and len(subject.parameters):
        count -= len(subject.parameters)
        lines += _with_parameters(subject, expression, count)
        expression = "layer"
        options += [f"params={subject.params!r}"] if subject.params else []
    if reference is not None:
        more, named = _brought(reference, "reference")
        lines += [line for line in more if line not in lines]
        options.append(f"reference={named}")
    given = [f"x{i}" for i in range(count)]
    return "\n".join(
        _fitted(
            ["import numpy as np", "import handgrad", *_libraries(library, inputs)],
            [f"x{i} = {_array(x, library)}" for i, x in enumerate(inputs)],
            lines,
            f"verdict = handgrad.verify({', '.join([expression, *given, *options])})",
        )
    )


def _fitted(imports, arrays, lines, verdict):
    """All lines in order; many arrays share a line."""
    end = [verdict, "print(verdict)", "assert verdict.ok"]
    if len(imports) + len(arrays) + len(lines) + len(end) > LINES:
        arrays = ["; ".join(arrays)]
    return [*imports, *arrays, *lines, *end]


def _whole(subject):
    """What was given to verify, as it was before any call."""
    subject = subject.pristine or subject
    if isinstance(subject, Pair):
        return subject.function, subject.backward
    held = vars(subject)
    return next(held[name] for name in ("rule", "layer", "function") if name in held)


def _with_parameters(subject, expression, count):
    """A layer's parameters are put into it."""
    if subject.params:
        targets = [f"layer.{name}" for name in subject.params]
        values = [f"x{count + k}" for k in range(len(targets))]
        return [f"layer = {expression}", f"{', '.join(targets)} = {', '.join(values)}"]
    values = "".join(f"x{count + k}, " for k in range(len(subject.parameters)))
    return [f"layer = {expression}", f"layer.params = ({values.strip()})"]


def _brought(whole, name, *, of_rule=False):
    """How to come by an object: lines, and an expression."""
    parts = whole if isinstance(whole, tuple) else (whole,)
    places = [_place(part) for part in parts]
    if all(places):
        names = [place[1] for place in places if place]
        return _imported(places), f"({', '.join(names)})" if isinstance(whole, tuple) else names[0]
    if of_rule and _prints_itself(whole) and (place := _place(type(whole))):
        return _imported([place]), repr(whole)
    if text := carried.dumped(whole):
        load = f'{name} = carried.loaded("{text}")'
        return [*_paths(parts), "from handgrad.judge.diagnosis import carried", load], name
    return [f"# put here the {name} that was judged: it can neither be imported nor carried"], name


def _paths(parts):
    """The lines that let the modules of some objects be found."""
    named = (getattr(part, "__module__", None) or type(part).__module__ for part in parts)
    modules = [sys.modules.get(name) for name in dict.fromkeys(named)]
    return list(dict.fromkeys(line for module in modules if module for line in _path_to(module)))


def _place(thing):
    """The module of a class, a function, or a variable that holds it, and its name; None if none."""
    module = sys.modules.get(getattr(thing, "__module__", None) or "")
    if module is None or module.__name__ == "__main__":
        return None
    name = getattr(thing, "__name__", "")
    if getattr(module, name, None) is thing:
        return module, name
    return next(((module, n) for n, v in vars(module).items() if v is thing), None)


def _imported(places):
    lines = []
    for module, name in dict.fromkeys(places):
        lines += [*_path_to(module), f"from {module.__name__} import {name}"]
    return list(dict.fromkeys(lines))


def _path_to(module):
    root = _root(module)
    return [f"import sys; sys.path.insert(0, {root!r})"] if root else []


def _root(module):
    """The directory from which a module is imported, if it is not an installed one."""
    path = getattr(module, "__file__", None)
    if path is None or "-packages" in path or path.startswith(sysconfig.get_path("stdlib")):
        return ""
    if module.__name__.partition(".")[0] == "handgrad":
        return ""
    depth = module.__name__.count(".") + (Path(path).name == "__init__.py")
    return str(Path(path).resolve().parents[depth])


def _prints_itself(rule):
    text = repr(rule)
    return dataclasses.is_dataclass(rule) and "\n" not in text and " at 0x" not in text


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
