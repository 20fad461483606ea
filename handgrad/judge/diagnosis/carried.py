"""Functions that no import reaches, such as lambdas and closures, carried in a script as text.

Only scripts that the judge prints about somebody's own code hold such text: loading it runs that code.
"""

import base64
import builtins
import importlib
import io
import marshal
import pickle
import sys
import types

LONGEST = 20_000  # characters


def dumped(subject):
    """The subject as text, or "" if it cannot be carried."""
    buffer = io.BytesIO()
    try:
        _Carrier(buffer).dump(subject)
    except Exception:
        return ""
    text = base64.b64encode(buffer.getvalue()).decode()
    return text if len(text) <= LONGEST else ""


def loaded(text):
    """The subject that a text stands for."""
    return pickle.loads(base64.b64decode(text))


class _Carrier(pickle.Pickler):
    """Functions that cannot be imported go by their code, and the names that they use."""

    def reducer_override(self, obj):
        if isinstance(obj, types.ModuleType):
            return importlib.import_module, (obj.__name__,)
        if isinstance(obj, types.FunctionType) and not _is_importable(obj):
            used = _names_in(obj.__code__)
            names = {n: v for n, v in obj.__globals__.items() if n in used and v is not obj}
            cells = tuple(cell.cell_contents for cell in obj.__closure__ or ())
            kept = (obj.__name__, obj.__defaults__, obj.__kwdefaults__)
            return rebuilt, (marshal.dumps(obj.__code__), names, cells, kept)
        return NotImplemented


def rebuilt(code, names, cells, kept):
    """A function from its code and the names that it uses."""
    name, defaults, kwdefaults = kept
    made = types.FunctionType(
        marshal.loads(code),
        {"__builtins__": builtins, **names},
        name,
        defaults,
        tuple(map(types.CellType, cells)),
    )
    made.__kwdefaults__ = kwdefaults
    return made


def _is_importable(function):
    """Whether an installed module has it, so that any script can import it."""
    name = function.__module__ or ""
    path = getattr(sys.modules.get(name), "__file__", None) or ""
    root = name.partition(".")[0]
    installed = "-packages" in path or root in {"handgrad", *sys.stdlib_module_names}
    return "<" not in function.__qualname__ and installed and name != "__main__"


def _names_in(code):
    inner = (c for c in code.co_consts if isinstance(c, types.CodeType))
    return set(code.co_names).union(*map(_names_in, inner))
