"""A script of a few lines that shows an error and runs by itself."""

import sys
from types import FunctionType

from handgrad.judge.diagnosis import carried
from handgrad.judge.diagnosis.instances import made_again, takes_parameters
from handgrad.judge.diagnosis.literals import written
from handgrad.judge.diagnosis.sources import TAKEN, sources
from handgrad.judge.subjects import Pair, StatefulLayer

LINES = 15
END = ["print(verdict)", "assert verdict.ok"]


def script(subject, inputs, library, seed, reference=None):
    """The lines that judge the subject at these inputs, and fail."""
    imports = ["import numpy as np", "import handgrad", *_libraries(library, inputs)]
    count = len(inputs) - _parameters(subject)
    room = LINES - len(imports) - len(END) - 2 - 2 * (count < len(inputs))
    room -= 3 * (reference is not None)
    named = _named_parameters(subject, count)
    lines, expression = _brought(_whole(subject), "subject", room, named)
    options, placed = [f"seed={seed}"] if seed else [], []
    if count < len(inputs):
        placed = [f"layer = {expression}"]
        placed += [] if named else _with_parameters(subject, count)
        expression = "layer"
        options += [f"params={subject.params!r}"] if subject.params else []
    if reference is not None:
        lines += _of_reference(reference)
        options.append("reference=reference")
    given = [f"x{i}" for i in range(count)]
    verdict = f"verdict = handgrad.verify({', '.join([expression, *given, *options])})"
    numbers = {i: repr(x.item()) for i, x in enumerate(inputs) if i in subject.numbers}
    written_out = {i: _array(x, library) for i, x in enumerate(inputs)} | numbers
    arrays = [f"x{i} = {text}" for i, text in written_out.items()]
    return "\n".join(_fitted(_imported_once([*imports, *lines]), arrays, [*placed, verdict]))


def _imported_once(lines):
    """The lines without the imports that stand there twice; code may hold a line twice."""
    return [
        line
        for k, line in enumerate(lines)
        if line not in lines[:k] or not line.startswith(("import ", "from "))
    ]


def _fitted(before, arrays, after):
    """All lines in order; many arrays share a line."""
    if len(before) + len(arrays) + len(after) + len(END) > LINES:
        arrays = ["; ".join(arrays)]
    return [*before, *arrays, *after, *END]


def _whole(subject):
    """What was given to verify, as it was before any call."""
    subject = subject.pristine or subject
    if isinstance(subject, Pair):
        return subject.function, subject.backward
    held = vars(subject)
    return next(held[name] for name in ("rule", "layer", "function") if name in held)


def _parameters(subject):
    """How many of the inputs are a layer's parameters."""
    return len(subject.parameters) if isinstance(subject, StatefulLayer) else 0


def _named_parameters(subject, count):
    """The expressions for a layer's parameters, if its class takes them."""
    layer = subject.pristine or subject
    if not takes_parameters(layer):
        return {}
    return {name: f"x{count + k}" for k, name in enumerate(layer.params)}


def _with_parameters(subject, count):
    """A layer's parameters are put into it."""
    values = [f"x{count + k}" for k in range(_parameters(subject))]
    if subject.params:
        targets = [f"layer.{name}" for name in subject.params]
        return [f"{', '.join(targets)} = {', '.join(values)}"]
    return [f"layer.params = ({', '.join(values)},)"]


def _brought(whole, name, room, named=None):
    """How to come by an object: lines, and an expression."""
    parts = whole if isinstance(whole, tuple) else (whole,)
    values = [value for part in parts if (value := _value(part, named))]
    if len(values) == len(parts):
        lines = _defined([thing for _, thing in values], room)
        texts = [text for text, _ in values]
        if lines:
            return lines, f"({', '.join(texts)})" if isinstance(whole, tuple) else texts[0]
    text, modules = carried.dumped(whole)
    if text:
        load = f'{name} = carried.loaded("{text}")'
        paths = [line for module in modules for line in _path_to(module)]
        return [*paths, "from handgrad.judge.diagnosis import carried", load], name
    return [f"# put here the {name} that was judged: {carried.WHY_NOT}"], name


def _of_reference(reference):
    """The lines that bring the reference, under that name: the subject may have the same one."""
    if place := _place(reference):
        return [*_path_to(place[0]), f"from {place[0].__name__} import {place[1]} as reference"]
    lines, text = _brought(reference, "reference", 0)
    return lines if text == "reference" else [*lines, f"reference = {text}"]


def _value(thing, named):
    """An expression for an object, and the function or class that it needs; None if there is none."""
    if place := _place(thing):
        return place[1], thing
    if isinstance(thing, type | FunctionType):
        return thing.__name__, thing
    text = made_again(thing, named)
    return (text, type(thing)) if text else None


def _defined(things, room):
    """The lines that import functions and classes, or define them in the room that there is."""
    things = list(dict.fromkeys(things))
    places = [place for thing in things if (place := _place(thing))]
    names = {name for _, name in places if not TAKEN.fullmatch(name)}
    if len(names) == len(things):
        return _imported(places)
    lines = sources(things)
    return lines if len(lines) <= room else []


def _place(thing):
    """The module of a class, a function, or a variable that holds it, and its name; None if none."""
    module = sys.modules.get(getattr(thing, "__module__", None) or "")
    if module is None or carried.root_of(module) is None:
        return None
    name = getattr(thing, "__name__", "")
    if getattr(module, name, None) is thing:
        return module, name
    return next(((module, n) for n, v in vars(module).items() if v is thing), None)


def _imported(places):
    """The lines that import names from their modules."""
    by_module = {}
    for module, name in places:
        by_module.setdefault(module, []).append(name)
    paths = [line for module in by_module for line in _path_to(module)]
    return [*paths, *(f"from {m.__name__} import {', '.join(n)}" for m, n in by_module.items())]


def _path_to(module):
    root = carried.root_of(module)
    return [f"import sys; sys.path.insert(0, {root!r})"] if root else []


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
