"""Short code as its author wrote it: what no import reaches, with the names that it uses.

A source may be older, or newer, than what runs: it is shown only if it compiles to the same code.
"""

import ast
import builtins
import contextlib
import dis
import inspect
import re
import sys
import textwrap
import types

TAKEN = re.compile(r"np|torch|jnp|handgrad|subject|reference|layer|verdict|x\d+")  # by the script
ALIASES = {"np": "numpy", "torch": "torch", "jnp": "jax.numpy", "handgrad": "handgrad"}
ALWAYS = {"np", "handgrad"}  # imported by every script
LIBRARIES = ("site-packages", "dist-packages", "/lib/python")
LITERALS = (bool, int, float, str)


def is_installed(thing):
    """Whether a module, or the module of a class or function, is in a package that anybody has."""
    name = getattr(thing, "__module__", None) or getattr(thing, "__name__", "")
    file = getattr(sys.modules.get(name), "__file__", None) or ""
    return name in sys.builtin_module_names or any(part in file for part in LIBRARIES)


def sources(things):
    """The lines that define some functions and classes, or [] if they cannot be shown."""
    found = {}
    try:
        for thing in things:
            _define(thing, found)
    except (LookupError, OSError, SyntaxError, TypeError):
        return []
    return _lines(found)


def lambda_source(thing):
    """(lines, expression) that give a lambda; None if it cannot be told which of its lines it is."""
    found = {}
    try:
        text = textwrap.dedent(inspect.getsource(thing))
        trees = [_lambda_at(text[at.start() :]) for at in re.finditer(r"\blambda\b", text)]
        same = {ast.unparse(tree): tree for tree in trees if tree and _compiles_to(tree, thing)}
        if thing.__closure__ or len(same) != 1:
            return None
        ((text, tree),) = same.items()
        space = vars(sys.modules[thing.__module__])
        for used in sorted(_used(tree, compile(tree, "", "eval"))):
            _bring(used, space, found)
    except (LookupError, OSError, SyntaxError, TypeError):
        return None
    return _lines(found), text


def _compiles_to(tree, thing):
    """Whether a lambda is this one, and no other that stands beside it."""
    code = next(_within(compile(tree, "", "eval")))
    same = code.co_code == thing.__code__.co_code
    return same and _words_of(code) == _words_of(thing.__code__)


def _lines(found):
    return [line for text in found.values() for line in text.splitlines() if line.strip()]


def _lambda_at(text):
    """The lambda with which a text starts, which is as long as it may be; or None."""
    for end in range(len(text), 0, -1):
        with contextlib.suppress(SyntaxError, ValueError):
            tree = ast.parse(f"({text[:end]})", mode="eval")
            if isinstance(tree.body, ast.Lambda):
                return tree
    return None


def _define(thing, found):
    """Put the text of a function or a class after the texts of what it uses."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    node, name = tree.body[0], thing.__name__
    plain = isinstance(node, ast.FunctionDef) and not node.decorator_list
    if not (plain or isinstance(node, ast.ClassDef)) or TAKEN.fullmatch(name) or name in found:
        raise LookupError(name)
    code = compile(tree, "", "exec")
    space = vars(sys.modules[thing.__module__])
    if not _is_current(thing, next(_within(code))):
        raise LookupError(name)
    for used in sorted(_used(tree, code) - {name}):
        if used not in found:
            _bring(used, space, found)
    found[name] = ast.unparse(_without_docstrings(node))


def _bring(name, space, found):
    """Put in the line that gives a global name its value."""
    if name not in space:
        if not hasattr(builtins, name):
            raise LookupError(name)
        return
    value = space[name]
    module = isinstance(value, types.ModuleType)
    if TAKEN.fullmatch(name) and not (module and value.__name__ == ALIASES.get(name)):
        raise LookupError(name)
    if module and not is_installed(value):
        raise LookupError(name)
    if module:
        if name not in ALWAYS:
            found[name] = imported(value.__name__, name)
    elif isinstance(value, LITERALS):
        found[name] = f"{name} = {value!r}"
    elif getattr(value, "__name__", "") == name and is_installed(value):
        found[name] = f"from {value.__module__} import {name}"
    else:
        _define(value, found)


def imported(module, name):
    """The line that imports a module under a name."""
    package, _, last = module.rpartition(".")
    start = f"from {package} import {last}" if package else f"import {last}"
    return start if name == last else f"{start} as {name}"


def _used(tree, code):
    """The names that a definition takes from outside."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    stored = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    steps = (step for c in (code, *_within(code)) for step in dis.get_instructions(c))
    outer = {step.argval for step in steps if step.opname in {"LOAD_GLOBAL", "LOAD_NAME"}}
    return ({node.id for node in names} & outer) - stored


def _within(code):
    """The codes within a code, from the outside in."""
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _within(constant)


def _is_current(thing, code):
    """Whether a source has the names and constants of a function, or of every method of a class."""
    if isinstance(thing, types.FunctionType):
        return _words_of(thing.__code__) == _words_of(code)
    methods = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return all(_words_of(_code_of(vars(thing).get(c.co_name))) == _words_of(c) for c in methods)


def _code_of(method):
    function = getattr(method, "__func__", None) or getattr(method, "fget", None) or method
    return getattr(function, "__code__", None)


def _words_of(code):
    """What a code says, wherever it stands: other imports change how it is compiled."""
    if not isinstance(code, types.CodeType):
        return repr(code)
    return code.co_names, code.co_varnames, list(map(_words_of, code.co_consts))


def _without_docstrings(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    return tree
