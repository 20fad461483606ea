"""Code in a file, to be judged: FILE.py::NAME, and the inputs for it."""

import argparse
import ast
import importlib.util
import inspect
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.cli.console import UsageError
from handgrad.common.random import generator
from handgrad.derivation.domains import DOMAINS, draw
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.sources import read_text

TYPES = ("float64", "float32", "float16", "bfloat16")
FORM = "NAME=SHAPE[:DOMAIN][:TYPE], such as x=4x3, t=4:label(5) or s=:positive"


@dataclass(frozen=True)
class Subject:
    """A gradient in somebody's file, and the inputs to judge it at; none to draw them."""

    name: str
    subject: Any
    inputs: tuple[Any, ...]


def find_subject(target, inputs, seed):
    """The code that FILE.py::NAME names, or None if there is only a docstring to check.

    The file is run only if NAME can be code with a gradient.
    """
    path, found, name = target.partition("::")
    is_part = found and path.endswith(".py")
    if inputs and not is_part:
        raise UsageError(f"--input is for code in a file, FILE.py::NAME, and not for {target}")
    if not is_part or not any(_may_be_code(node, name) for node in _statements(path)):
        if inputs:
            raise UsageError(f"{path} has no code {name!r} with a gradient")
        return None
    subject = _instance(_loaded(path, name), name)
    if not _is_code(subject):
        if inputs:
            raise UsageError(f"{path}::{name} is not a gradient: {subject!r}")
        return None
    if not inputs and not _has_derivation(subject):
        raise UsageError(
            f"{target} has no derivation to draw inputs from: add --input {FORM}, for each input"
        )
    return Subject(f"{Path(path).name}::{name}", subject, _drawn(subject, inputs, seed))


def _statements(path):
    try:
        return ast.parse(read_text(path)).body
    except SyntaxError:
        return []  # said when its docstrings are read
    except DerivationError as error:
        raise UsageError(f"{path}: {error}") from None


def _may_be_code(node, name):
    """Whether a statement defines NAME as more than a plain function, or a class with a docstring."""
    match node:
        case ast.ClassDef(name=n):
            return n == name and (bool(node.bases) or any(map(_is_forward, node.body)))
        case ast.FunctionDef(name=n):
            return n == name and bool(node.decorator_list)
        case ast.Assign(targets=targets):
            return any(_is_name(target, name) for target in targets)
        case ast.AnnAssign(target=target):
            return _is_name(target, name)
    return False


def _has_derivation(subject):
    from handgrad.derivation.docstrings import derivation_of

    try:
        return bool(derivation_of(subject).givens)
    except DerivationError as error:
        raise UsageError(f"{type(subject).__name__}: {error}") from None


def _is_forward(node):
    return isinstance(node, ast.FunctionDef) and node.name == "forward"


def _is_name(node, name):
    return isinstance(node, ast.Name) and node.id == name


def _loaded(path, name):
    """NAME of the file, which is run as a module beside its own files."""
    folder, stem = str(Path(path).resolve().parent), Path(path).stem
    spec = importlib.util.spec_from_file_location(stem, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} cannot be run")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, folder)
    sys.modules.setdefault(stem, module)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UsageError(f"{path} cannot be run: {type(error).__name__}: {error}") from None
    finally:
        sys.path.remove(folder)
    return getattr(module, name)


def _instance(whole, name):
    """An object of a class with forward and backward; anything else as it is."""
    from handgrad.judge.subjects import is_torch_function

    if not isinstance(whole, type) or is_torch_function(whole):
        return whole
    try:
        return whole()
    except TypeError as error:
        raise UsageError(
            f"{name} cannot be made without arguments ({error}): "
            f"name an object in the file, such as subject = {name}(...)"
        ) from None


def _is_code(subject):
    """Whether the judge may know what to do with it."""
    from handgrad.judge.subjects import subject_of

    try:
        subject_of(subject)
    except TypeError:
        return False
    return True


def _drawn(subject, inputs, seed):
    """The inputs in the order of the subject's own arguments, or in the given one."""
    parsed = dict(inputs)
    order = _arguments(subject)
    if order and set(parsed) - set(order):
        unknown = min(set(parsed) - set(order))
        raise UsageError(f"--input {unknown}: there is no such input, only {', '.join(order)}")
    missing = [name for name in order if name not in parsed]
    if inputs and missing:
        raise UsageError(
            f"--input {missing[0]}=SHAPE is missing: the inputs are {', '.join(order)}"
        )
    names = order if order and inputs else list(parsed)
    return tuple(parsed[name](generator(seed, "input", name)) for name in names)


def _arguments(subject):
    """The names of the forward's inputs; none if they are not written out."""
    function = subject[0] if isinstance(subject, tuple) else getattr(subject, "forward", subject)
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []
    if isinstance(subject, type):  # a torch Function's forward begins with ctx
        parameters = parameters[1:]
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return []
    return [p.name for p in parameters if p.default is p.empty]


def input_option(text):
    """The type of --input: (name, function from a random generator to an array)."""
    name, found, rest = text.partition("=")
    shape, *words = rest.split(":")
    if not found or not name.isidentifier() or len(words) > 2:
        raise _malformed(text, f"an input is {FORM}")
    try:
        sizes = tuple(int(size) for size in shape.split("x")) if shape else ()
    except ValueError:
        raise _malformed(text, f"{shape!r} is not a shape such as 4x3") from None
    kind = next((word for word in words if word in TYPES), None)
    domain = next((word for word in words if word not in TYPES), "real")
    domain, _, argument = domain.partition("(")
    if domain not in DOMAINS:
        raise _malformed(text, f"{domain!r} is neither a domain ({', '.join(DOMAINS)}) nor a type")
    number = argument.removesuffix(")")
    classes = int(number) if number.isdecimal() else None

    def make(rng):
        try:
            array = draw(rng, domain, sizes, classes)
        except DerivationError as error:
            raise UsageError(f"--input {text}: {error}") from None
        return array if kind is None else array.astype(_dtype(kind))

    return name, make


def _dtype(name):
    from jax import numpy as jnp

    return np.dtype(getattr(jnp, name))


def _malformed(text, why):
    return argparse.ArgumentTypeError(f"{text!r}: {why}")
