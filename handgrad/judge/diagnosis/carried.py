"""Code that no import reaches, such as lambdas, closures and local classes, carried as text.

Functions go by their code, classes by what they hold. The names that they use go with them, unless
they are those of a module on disk, which is imported. Only scripts that the judge prints about
somebody's own code hold such text: loading it runs that code.
"""

import base64
import builtins
import dataclasses
import dis
import functools
import importlib
import io
import marshal
import pickle
import sys
import types
import zlib
from pathlib import Path

LONGEST = 10_000  # characters
WHY_NOT = f"it can neither be imported nor carried in {LONGEST} characters"
OWN = {"__dict__", "__weakref__", "_abc_impl", "_backward_cls"}  # what a class makes for itself


def dumped(subject):
    """The subject as text, and the modules that have to be found; "" if it cannot be carried."""
    buffer = io.BytesIO()
    carrier = _Carrier(buffer)
    try:
        carrier.dump(subject)
    except Exception:
        return "", []
    text = base64.b64encode(zlib.compress(buffer.getvalue(), 9)).decode()
    return (text, list(carrier.modules)) if len(text) <= LONGEST else ("", [])


def loaded(text):
    """The subject that a text stands for."""
    return pickle.loads(zlib.decompress(base64.b64decode(text)))


class _Carrier(pickle.Pickler):
    """What cannot be imported goes in two steps, empty and then filled: it may hold itself."""

    def __init__(self, file):
        super().__init__(file)
        self.spaces = {}  # functions of one module share its names
        self.modules = {}  # of somebody's own, from which a script can import

    def reducer_override(self, obj):
        if isinstance(obj, types.FunctionType | type) and not is_installed(obj):
            if module := home(obj):
                self.modules[module] = None
                return NotImplemented
            return self._function(obj) if isinstance(obj, types.FunctionType) else _class(obj)
        if isinstance(obj, types.ModuleType):
            self.modules[obj] = None
            return importlib.import_module, (obj.__name__,)
        for kind, reduce in REDUCED.items():
            if isinstance(obj, kind):
                return reduce(obj)
        if name := _sentinel(obj):
            return getattr, (dataclasses, name)
        return _of_jax(obj)

    def _function(self, function):
        module = sys.modules.get(function.__module__ or "")
        names = {}
        if module is not None and function.__globals__ is vars(module) and root_of(module):
            space = module  # it keeps its names there
        else:
            used = _names_in(function.__code__)
            names = {n: v for n, v in function.__globals__.items() if n in used}
            space = self.spaces.setdefault(id(function.__globals__), {})
        cells = [_content(cell) for cell in function.__closure__ or ()]
        made = marshal.dumps(function.__code__), function.__name__, space, len(cells)
        kept = {
            "__defaults__": function.__defaults__,
            "__kwdefaults__": function.__kwdefaults__,
            "__qualname__": function.__qualname__,
            **vars(function),
        }
        return empty_function, made, (names, cells, kept), None, None, fill_function


def empty_function(code, name, space, cells):
    """A function without the names that it uses, unless they are those of a module."""
    if isinstance(space, types.ModuleType):
        space = vars(space)
    space.setdefault("__builtins__", builtins)
    blank = tuple(types.CellType() for _ in range(cells))
    return types.FunctionType(marshal.loads(code), space, name, None, blank)


def fill_function(function, state):
    """Give a function its names, what its closure holds, and its attributes."""
    names, cells, kept = state
    function.__globals__.update(names)
    for cell, (filled, value) in zip(function.__closure__ or (), cells, strict=True):
        if filled:
            cell.cell_contents = value
    for name, value in kept.items():
        setattr(function, name, value)


def _class(cls):
    held = {name: value for name, value in vars(cls).items() if name not in OWN}
    slots = held.get("__slots__", ())
    for name in (slots,) if isinstance(slots, str) else slots:
        held.pop(name, None)
    first = {"__slots__": held.pop("__slots__")} if "__slots__" in held else {}
    made = type(cls), cls.__name__, cls.__bases__, first
    return empty_class, made, held, None, None, fill_class


def empty_class(metaclass, name, bases, first):
    """A class without its methods."""
    return types.new_class(name, bases, {"metaclass": metaclass}, lambda held: held.update(first))


def fill_class(cls, held):
    """Give a class its methods and the rest of what it holds."""
    for name, value in held.items():
        setattr(cls, name, value)
        if hasattr(type(value), "__set_name__"):
            value.__set_name__(cls, name)


def _of_jax(obj):
    """A function with a derivative of its own goes by the functions that it is made from."""
    kind, module = type(obj).__name__, type(obj).__module__.partition(".")[0]
    if module not in {"jax", "jaxlib"}:
        return NotImplemented
    if kind == "custom_vjp":
        return custom_vjp, (obj.fun, obj.nondiff_argnums, obj.fwd, obj.bwd)
    if kind == "custom_jvp":
        return custom_jvp, (obj.fun, obj.nondiff_argnums, obj.jvp)
    home = sys.modules.get(getattr(obj, "__module__", None) or "")
    name = getattr(obj, "__name__", "")
    if home is not None and getattr(home, name, None) is obj and is_installed(obj):
        return name  # such as jax.numpy.exp
    return (jitted, (obj.__wrapped__,)) if kind == "PjitFunction" else NotImplemented


def custom_vjp(fun, nondiff_argnums, fwd, bwd):
    """A jax.custom_vjp function from its parts."""
    import jax

    made = jax.custom_vjp(fun, nondiff_argnums=nondiff_argnums)
    made.defvjp(fwd, bwd)
    return made


def custom_jvp(fun, nondiff_argnums, jvp):
    """A jax.custom_jvp function from its parts."""
    import jax

    made = jax.custom_jvp(fun, nondiff_argnums=nondiff_argnums)
    made.defjvp(jvp)
    return made


def jitted(function):
    """A function under jax.jit."""
    import jax

    return jax.jit(function)


def read_only(mapping):
    """A view of a dictionary that nobody can write to."""
    return types.MappingProxyType(mapping)


REDUCED = {
    types.MappingProxyType: lambda proxy: (read_only, (dict(proxy),)),
    staticmethod: lambda method: (staticmethod, (method.__func__,)),
    classmethod: lambda method: (classmethod, (method.__func__,)),
    property: lambda p: (property, (p.fget, p.fset, p.fdel, p.__doc__)),
    functools.cached_property: lambda p: (functools.cached_property, (p.func,)),
}


def _sentinel(obj):
    """The name in dataclasses of what they compare by identity, or ""."""
    if type(obj).__module__ != "dataclasses":
        return ""
    named = (name for name, value in vars(dataclasses).items() if value is obj)
    return next(named, "")


def _content(cell):
    """(whether a cell is filled, what it holds)"""
    try:
        return True, cell.cell_contents
    except ValueError:
        return False, None


def home(thing):
    """The module, on disk, from which a function or class can be imported by its name; or None."""
    module = sys.modules.get(thing.__module__ or "")
    known = module is not None and bool(root_of(module))
    return module if known and getattr(module, thing.__qualname__, None) is thing else None


def is_installed(thing):
    """Whether a module, or the function's or class's, is installed, so that any script can import it."""
    name = thing.__name__ if isinstance(thing, types.ModuleType) else thing.__module__ or ""
    local = "<" in getattr(thing, "__qualname__", "")
    return not local and name in sys.modules and root_of(sys.modules[name]) == ""


def root_of(module):
    """The directory to import somebody's module from; "" if it is installed, None if on no disk."""
    name, path = module.__name__, getattr(module, "__file__", None)
    if name.partition(".")[0] in {"handgrad", *sys.stdlib_module_names} - {"__main__"}:
        return ""
    if name == "__main__" or path is None:
        return None
    if "-packages" in path:
        return ""
    depth = name.count(".") + (Path(path).name == "__init__.py")
    return str(Path(path).resolve().parents[depth])


def _names_in(code):
    """The global names that a code loads; others are those of attributes."""
    loads = (i for i in dis.get_instructions(code) if i.opname in {"LOAD_GLOBAL", "LOAD_NAME"})
    inner = (c for c in code.co_consts if isinstance(c, types.CodeType))
    return {i.argval for i in loads}.union(*map(_names_in, inner))
