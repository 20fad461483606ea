r"""Products: what two factors beside each other mean.

`A B` is a matrix product, `x y` one of numbers or of vectors: which, the shapes tell, and the check.
"""

from dataclasses import replace

from handgrad.derivation.latex.readings import PRODUCT, aligned, distinct, made, pairs

HADAMARD = {"odot", "circ", "*", "bullet"}
MATRICES = 2
LOW = ("odot", "circ", "otimes", "*", "bullet")  # bind less tightly than A B, or as tightly


def product(first, op, second, environment):
    """The readings of a product of two parts."""
    found = []
    for a, b in pairs(first, second):
        for text, turn in _forms(a, op, b):
            own = made(environment, text, PRODUCT, turn, _meant(a, b, text))
            found += [replace(reading, derivative=_chained(a, b)) for reading in own]
    return distinct(found) or _unfit(first, second, environment)


def _meant(a, b, text):
    """The shape that a product is meant to have, in a literal reading."""
    if text.startswith("outer"):
        return (*a.shape, *b.shape)
    if " @ " in text and a.ndim and b.ndim:
        return (*a.shape[:-1], *b.shape[1:])
    return a.shape if a.ndim >= b.ndim else b.shape


def _unfit(first, second, environment):
    """A matrix product that does not fit, with the shape that it is meant to have."""
    found = []
    for a, b in pairs(first, second):
        if a.ndim == b.ndim == 1:
            text = f"{a.within(PRODUCT)} * {b.within(PRODUCT + 1)}"
            found += made(environment, text, PRODUCT, shape=(*a.shape, *b.shape))
        elif a.ndim and b.ndim:
            text = f"{a.within(PRODUCT)} @ {b.within(PRODUCT + 1)}"
            found += made(environment, text, PRODUCT, shape=(*a.shape[:-1], *b.shape[1:]))
    return found[:1]


def _chained(a, b):
    """The y and x of a product of local derivatives that meet."""
    meet = a.derivative and b.derivative and a.derivative[1] == b.derivative[0]
    return (a.derivative[0], b.derivative[1]) if meet else ()


def _forms(a, op, b):
    """(text, turn) of each way in which two factors multiply."""
    left = a.within(PRODUCT)
    right = b.within(PRODUCT + 1)
    if op in {"/", "div"}:
        yield f"{left} / {right}", a.turn
        yield from ((f"{x} / {y}", "") for x, y in aligned(a, b, PRODUCT))
    elif op == "bmod":
        yield f"{left} % {right}", ""
    elif op == "otimes":
        yield (
            (
                f"outer({a.text}, {b.text})"
                if a.ndim == b.ndim == 1
                else f"kron({a.text}, {b.text})"
            ),
            "",
        )
    elif op in HADAMARD:
        yield f"{left} * {right}", a.turn or b.turn
        yield from ((f"{x} * {y}", "") for x, y in aligned(a, b, PRODUCT))
        if op == "*":
            yield f"{left} @ {right}", a.turn or b.turn
    elif not (a.ndim and b.ndim):
        yield f"{left} * {right}", a.turn or b.turn
    elif a.ndim > MATRICES or b.ndim > MATRICES:
        yield from _contracted(a, b)
    else:
        yield from _of_arrays(a, op, b, left, right)


def _contracted(a, b):
    """Products of arrays of many axes: of their matrices, or over all axes that they share."""
    if a.shape[-1] == b.shape[max(0, b.ndim - 2)]:
        yield f"{a.within(PRODUCT)} @ {b.within(PRODUCT + 1)}", ""
    for count in range(min(a.ndim, b.ndim), 0, -1):
        if a.shape[a.ndim - count :] == b.shape[:count]:
            yield f"tensordot({a.text}, {b.text}, {count})", ""


def _of_arrays(a, op, b, left, right):
    """Products of vectors and matrices."""
    elementwise = f"{left} * {right}", a.turn or b.turn
    dot = f"{left} @ {right}"
    match a.ndim, b.ndim:
        case 2, 2:
            yield dot, ""
            yield from [elementwise] if a.shape == b.shape else []
        case 2, 1:
            yield from [(dot, "column")] if a.shape[1] == b.shape[0] else []
        case 1, 2:
            yield from [(dot, "row")] if a.shape[0] == b.shape[0] else []
        case _:
            yield from _of_vectors(a, op, b, dot, elementwise)


def _of_vectors(a, op, b, dot, elementwise):
    """Products of two vectors: a number, a matrix, or number by number."""
    outer = f"outer({a.text}, {b.text})", ""
    same = a.shape == b.shape
    inner = [(dot, "")] if same else []
    if "row" in {a.turn, b.turn}:
        turned = b.turn == "row" and a.turn != "row"
        yield from [outer] if turned else inner or [outer]  # vectors are columns, if they can be
    elif same:
        yield from [elementwise, *inner] if op == "" else [*inner, elementwise]


def combined(items, environment):
    """The readings of factors, from left to right, and with A B bound before A ⊙ B."""
    return [*_by_segments(items, environment), *_flat(items, environment)]


def _by_segments(items, environment):
    """With what stands beside each other bound first, and with all of it below a /."""
    for low in (LOW, ("/", "div")):
        cuts = [i for i, (op, _) in enumerate(items) if i and op in low]
        if not cuts or len(items) < 3:
            continue
        segments = [items[a:b] for a, b in zip([0, *cuts], [*cuts, len(items)], strict=True)]
        parts = [(segment[0][0], _flat(segment, environment)) for segment in segments]
        total = parts[0][1]
        for op, readings in parts[1:]:
            total = total and readings and product(total, op, readings, environment)
        yield from total


def _flat(items, environment):
    found = items[0][1]
    for op, readings in items[1:]:
        found = found and product(found, op, readings, environment)
    return found
