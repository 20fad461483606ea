"""Code in a file, to be judged: FILE.py::NAME."""

import ast
import contextlib
import difflib
import importlib.util
import inspect
import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from handgrad.cli.console import UsageError, in_one_line
from handgrad.cli.inputs import FORM
from handgrad.common.text import listed
from handgrad.derivation.docstrings import derivation_of
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.sources import divided, read_text
from handgrad.judge.domains import HELD

DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
DERIVATIVES = ("custom_vjp", "custom_jvp")  # of a JAX function: a derivative of its own


@dataclass(frozen=True)
class Subject:
    """A gradient in somebody's file, and the inputs to judge it at by name; none to draw them."""

    name: str
    subject: Any
    inputs: dict[str, Any]
    domains: dict[str, str] = field(default_factory=dict)


def find_subject(target, inputs, seed, like=None):
    """The code that FILE.py::NAME names, or None if there is only a docstring to check.

    The file is run only if NAME can be code with a gradient.
    """
    path, name = divided(target)
    is_part = bool(name) and path.endswith(".py")
    if path.endswith(".py") and target.endswith(":"):
        raise UsageError(f"{target} names no code: write {target.rstrip(':')}::NAME")
    if not is_part and ".py:" in target:
        raise UsageError(f"{target}: write {target.replace('.py:', '.py::', 1)}")
    if inputs and not is_part:
        raise UsageError(f"--input is for code in a file, FILE.py::NAME, and not for {target}")
    if not is_part or (statements := _statements(path)) is None:
        return None
    _require(name, path, statements)
    wanted = bool(inputs) or like is not None
    if not any(_may_be_code(node, name, wanted) for node in statements):
        if inputs:
            raise UsageError(f"{path} has no code {name!r} with a gradient")
        return None
    subject = _instance(_loaded(path, name), name)
    if not _is_code(subject, name):
        if inputs:
            kind = type(subject).__name__
            lacks = ", which has no backward" * hasattr(subject, "forward")
            raise UsageError(f"{path}::{name} is not a gradient: its type is {kind}{lacks}")
        return None
    if not wanted and not _has_derivation(subject):
        raise UsageError(
            f"{target} has no derivation to draw inputs from: add --input {FORM}, for each input"
        )
    held = {item.name: HELD for item in inputs if item.held}
    return Subject(f"{Path(path).name}::{name}", subject, _drawn(subject, inputs, seed), held)


def _require(name, path, statements):
    """Raise UsageError for a name that the file does not define, with the nearest ones."""
    whole = ast.Module(statements, [])
    names = [node.name for node in ast.walk(whole) if isinstance(node, DEFINITIONS)]
    for node in statements:
        names += [n.id for n in ast.walk(node) if isinstance(n, ast.Name)]
        names += [
            a.asname or a.name for a in getattr(node, "names", []) if isinstance(a, ast.alias)
        ]
    if name in names or "*" in names:
        return
    lower = {n.lower(): n for n in names}
    nearest = difflib.get_close_matches(name.lower(), lower, n=3)
    code = [target.partition("::")[2] for target in code_in(path)]
    has = f": it has {listed(code)}" if code else ""
    hint = f": did you mean {' or '.join(lower[n] for n in nearest)}?" if nearest else has
    raise UsageError(f"{path} has no {name}{hint}")


def code_in(target):
    """What could be judged in a Python file, as FILE.py::NAME; nothing where a NAME is given."""
    path, name = divided(target)
    statements = _statements(path) if path.endswith(".py") and not name else None
    functions = {node.name for node in statements or () if isinstance(node, ast.FunctionDef)}
    found = (_name_of_code(node, functions) for node in statements or ())
    return [f"{path}::{name}" for name in dict.fromkeys(found) if name]


def _statements(path):
    """The statements of a Python file, or None: that it is not Python is said by who reads it."""
    try:
        return ast.parse(read_text(path)).body
    except DerivationError as error:
        raise UsageError(f"{path}: {error}") from None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _may_be_code(node, name, wanted):
    """Whether a statement defines NAME as more than a plain function, or a class with a docstring.

    Where inputs are given, a function is wanted, and may be one of JAX or torch.
    """
    match node:
        case ast.ClassDef(name=n):
            return n == name and (bool(node.bases) or any(map(_is_forward, node.body)))
        case ast.FunctionDef(name=n):
            return n == name and (wanted or bool(node.decorator_list))
        case ast.Assign(targets=targets):
            return any(_is_name(target, name) for target in targets)
        case ast.AnnAssign(target=target):
            return _is_name(target, name)
        case ast.ImportFrom(names=aliases):
            return any((alias.asname or alias.name) == name for alias in aliases)
    return False


def _name_of_code(node, functions):
    """The name of a class with a backward, of a pair of functions, or of a JAX function."""
    match node:
        case ast.ClassDef(name=name, body=body):
            methods = {item.name for item in body if isinstance(item, ast.FunctionDef)}
            return name if methods >= {"forward", "backward"} else None
        case ast.FunctionDef(name=name, decorator_list=decorators):
            written = " ".join(map(ast.unparse, decorators))
            return name if any(word in written for word in DERIVATIVES) else None
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Tuple(elts=[f, vjp])):
            both = all(isinstance(e, ast.Name) and e.id in functions for e in (f, vjp))
            return name if both else None
    return None


def _has_derivation(subject):
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
    except (Exception, SystemExit) as error:
        place = "".join(f":{line}" for line in _lines_in(spec.origin, error)[-1:])
        raise UsageError(f"{path}{place} cannot be run: {_said(error)}") from None
    finally:
        with contextlib.suppress(ValueError):  # the file may have removed it
            sys.path.remove(folder)
    if name not in vars(module):
        raise UsageError(f"{path} defines {name}, but no longer has it at its end")
    return vars(module)[name]


def _lines_in(path, error):
    """The lines of a file that an error passed through on its way up, the deepest one last."""
    frames = traceback.walk_tb(error.__traceback__)
    return [line for frame, line in frames if frame.f_code.co_filename == path]


def _said(error):
    """The type of somebody's error, and the first line of what it says."""
    try:
        said = str(error).strip().partition("\n")[0]
    except Exception:
        said = ""
    return in_one_line(f"{type(error).__name__}: {said}" if said else type(error).__name__)


def _instance(whole, name):
    """An object of a class with forward and backward; anything else as it is."""
    from handgrad.judge.subjects import is_function

    if not isinstance(whole, type) or is_function(whole):
        return whole
    try:
        return whole()
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"{name} cannot be made without arguments ({_said(error)}): "
            f"name an object in the file, such as subject = {name}(...)"
        ) from None


def _is_code(subject, name):
    """Whether the judge may know what to do with it."""
    from handgrad.judge.subjects import is_subject

    try:
        return is_subject(subject)
    except (Exception, SystemExit) as error:
        raise UsageError(f"{name} cannot be looked at: it raises {_said(error)}") from None


def _drawn(subject, inputs, seed):
    """The inputs in the order of the subject's own arguments, or in the given one."""
    stated = {item.name: item for item in inputs}
    if len(stated) < len(inputs):
        raise UsageError("an --input is given twice: name each input once")
    order = _arguments(subject)
    unknown = [name for name in stated if order and name not in order]
    if unknown:
        raise UsageError(f"--input {unknown[0]}: there is no such input, only {', '.join(order)}")
    missing = [name for name in order if name not in stated]
    if inputs and missing:
        known = ", ".join(order)
        raise UsageError(f"--input {missing[0]}=SHAPE is missing: the inputs are {known}")
    names = order if order and inputs else stated
    return {name: stated[name].drawn(seed) for name in names}


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
