"""How NumPy's functions, operators and methods find those of exact arrays."""

import functools

from handgrad.exact.errors import InexactError
from handgrad.exact.numbers import linear

METHODS = [
    "all",
    "any",
    "argmax",
    "argmin",
    "argsort",
    "astype",
    "clip",
    "copy",
    "cumprod",
    "cumsum",
    "diagonal",
    "dot",
    "max",
    "mean",
    "min",
    "prod",
    "ravel",
    "repeat",
    "round",
    "squeeze",
    "std",
    "sum",
    "swapaxes",
    "take",
    "trace",
    "var",
]


def _function(name):
    from handgrad.exact import namespace

    found = namespace.TABLE.get(name)
    if not callable(found):
        raise InexactError(f"np.{name} has no exact form")
    return found


def apply_ufunc(ufunc, method, inputs, options):
    """What a ufunc of NumPy's is for exact arrays."""
    outputs = options.pop("out", ())
    if any(not hasattr(out, "tracks") for out in outputs):
        raise InexactError("a buffer of floats")
    name = ufunc.__name__
    match method:
        case "__call__":
            result = _function(name)(*inputs, **options)
        case "reduce":
            kinds = {"add": "sum", "maximum": "max", "minimum": "min", "multiply": "prod"}
            kinds |= {"logical_and": "all", "logical_or": "any"}
            result = _function(kinds.get(name, f"{name}.reduce"))(*inputs, **_along(options))
        case "accumulate":
            kinds = {"add": "cumsum", "multiply": "cumprod"}
            result = _function(kinds.get(name, f"{name}.accumulate"))(*inputs, **_along(options))
        case "at" if name == "add":
            return _added_at(*inputs)
        case "outer" if name == "multiply":
            result = _function("outer")(*inputs)
        case _:
            raise InexactError(f"np.{name}.{method} has no exact form")
    if outputs:
        outputs[0][...] = result
        return outputs[0]
    return result


def _along(options):
    """The options of a reduction, whose axis is the first one where none is stated."""
    known = {name: options[name] for name in ("axis", "keepdims") if name in options}
    return {"axis": 0} | known


def _added_at(array, index, values):
    """Numbers added at places that may be the same."""
    import numpy as np

    def added(x, y):
        x = x.copy()
        np.add.at(x, index, y)
        return x

    from handgrad.exact.numbers import lift

    array[...] = linear(added, array, lift(values))


def apply_function(function, arguments, options):
    """What a function of NumPy's is for exact arrays."""
    return _function(function.__name__)(*arguments, **options)


def method_of(array, name):
    """A method of an array by its name."""
    if name in METHODS:
        return functools.partial(_function(name), array)
    match name:
        case "reshape":
            return lambda *shape, **options: _function(name)(array, _joined(shape), **options)
        case "transpose":
            return lambda *axes: _function(name)(array, _joined(axes) if axes else None)
        case "flatten":
            return lambda: _function("ravel")(array)
        case "conj":
            return lambda: array
    raise AttributeError(f"an exact array has no attribute {name}")


def _joined(sizes):
    """Sizes as one argument, or each as one of its own."""
    return sizes[0] if len(sizes) == 1 else sizes
