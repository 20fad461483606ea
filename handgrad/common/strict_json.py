"""JSON as its standard has it: no NaN, no infinity, and nothing that recurses without end."""

import json
import math
from typing import Any

LONGEST = 200
KINDS = {
    int: "a whole number",
    float: "a number",
    str: "a short text",
    list: "a list",
    dict: "an object",
}


def dumps(value, **options):
    """A value as JSON, with null for every number that is not finite."""
    return json.dumps(_finite(value), allow_nan=False, **options)


def loads(text):
    """The value of a JSON text. Raises ValueError, also for NaN and for numbers beyond a float."""
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_float)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def item(raw, name, kind) -> Any:
    """An item of an object. Raises ValueError, in one sentence, if it is not of this kind."""
    value = raw.get(name) if isinstance(raw, dict) else None
    if not is_a(value, kind):
        raise ValueError(f"{name!r} is not {KINDS[kind]}")
    return value


def is_a(value, kind):
    """Whether a value of JSON is of a kind; True is not a number, and a text is fit to be shown."""
    if isinstance(value, str):
        return kind is str and len(value) <= LONGEST and value.isprintable()
    return isinstance(value, (int, float) if kind is float else kind) and type(value) is not bool


def _finite(value):
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {name: _finite(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_finite(inner) for inner in value]
    return value


def _refuse(constant):
    raise ValueError(f"{constant} is not a number of JSON")


def _float(text):
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is not a finite number")
    return number
