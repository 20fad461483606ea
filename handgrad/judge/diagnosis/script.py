"""A script of a few lines that shows an error and runs by itself."""

import dataclasses
import importlib.util
import sys
from pathlib import Path

import numpy as np

from handgrad.judge.diagnosis import carried
from handgrad.judge.subjects import Pair, Rule

LONG = 64  # numbers: more are drawn, and not written out


def script(subject, inputs, library, seed):
    """The lines that judge the subject at these inputs, and fail."""
    names = ", ".join(f"x{i}" for i in range(len(inputs)))
    imports, expression = _source(subject)
    options = f", seed={seed}" if seed else ""
    return "\n".join(
        [
            "import numpy as np",
            "import handgrad",
            *imports,
            *_conversion(library),
            *(f"x{i} = {_literal(x, library)}" for i, x in enumerate(inputs)),
            f"verdict = handgrad.verify({expression}, {names}{options})",
            "print(verdict)",
            "assert verdict.ok",
        ]
    )


def _source(subject):
    """How to come by the subject: lines, and an expression."""
    if isinstance(subject, Pair):
        whole = (subject.function, subject.backward)
        places = [_place(function) for function in whole]
        expression = f"({', '.join(place[1] for place in places if place)})"
    else:
        whole = next(
            vars(subject)[name] for name in ("rule", "layer", "function") if name in vars(subject)
        )
        places, expression = [_place(whole)], ""
        if places[0]:
            expression = places[0][1]
        elif isinstance(subject, Rule) and _prints_itself(whole):
            places, expression = [_place(type(whole))], repr(whole)
    if all(places):
        return _imported(places), expression
    return _carried(whole), "subject"


def _carried(whole):
    """The lines that bring code along which cannot be imported."""
    parts = whole if isinstance(whole, tuple) else (whole, type(whole))
    modules = [sys.modules.get(getattr(part, "__module__", None) or "") for part in parts]
    roots = [line for module in modules if module for line in _path_to(module)]
    if text := carried.dumped(whole):
        load = f'subject = carried.loaded("{text}")'
        return [*dict.fromkeys(roots), "from handgrad.judge.diagnosis import carried", load]
    return ["# subject is the one that was judged: it cannot be imported, nor carried along"]


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
    return ["import sys", f"sys.path.insert(0, {root!r})"] if root else []


def _root(module):
    """The directory from which a module is imported, if it is not an installed one."""
    path = getattr(module, "__file__", None)
    if path is None or "site-packages" in path or module.__name__.partition(".")[0] == "handgrad":
        return ""
    depth = module.__name__.count(".") + (Path(path).name == "__init__.py")
    return str(Path(path).resolve().parents[depth])


def _prints_itself(rule):
    return dataclasses.is_dataclass(rule) and "\n" not in repr(rule) and " at 0x" not in repr(rule)


def _conversion(library):
    if library == "numpy" or importlib.util.find_spec(library) is None:
        return []
    return ["import torch"] if library == "torch" else ["from jax import numpy as jnp"]


def _literal(x, library):
    text = _array(x)
    if library == "torch":
        return f"torch.from_numpy({text})"
    return f"jnp.asarray({text})" if library == "jax" else text


def _array(x):
    if x.size > LONG and x.dtype == np.float64:
        return f"np.random.default_rng(0).normal(size={x.shape})"
    if x.dtype.name == "bfloat16":
        return f"{_array(x.astype(float))}.astype(jnp.bfloat16)"
    numbers = repr(x.tolist()) if x.size else f"np.zeros({x.shape}).tolist()"
    return f"np.array({numbers}, np.{x.dtype.name.replace('bool', 'bool_')})"


def drawn(inputs):
    """The inputs as the script will have them."""
    return tuple(
        np.random.default_rng(0).normal(size=x.shape)
        if x.size > LONG and x.dtype == np.float64
        else x
        for x in inputs
    )
