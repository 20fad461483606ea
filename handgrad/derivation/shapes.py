"""Shapes: a size for each letter, and with it the shape of every given."""

import ast

import numpy as np

from handgrad.derivation.bounds import bound_elements
from handgrad.derivation.errors import DerivationError, EmptyError
from handgrad.derivation.evaluation import evaluate
from handgrad.derivation.expressions import is_reduction, names_in
from handgrad.derivation.indices import bound_in
from handgrad.derivation.notation import CONSTANTS, Given, Kind
from handgrad.derivation.vocabulary import vocabulary

SIZES = (2, 3, 4, 5)
TELLING = (5, 7, 3, 6, 8, 9)
FEW = 5  # letters, or indices of an entry: with more of such sizes, arrays become too large
STEPS = (4, 5, 3, 6, 7)  # of recurrences, in which each step is a node


def numpy_value(node, names):
    """The value of an expression on NumPy, without a warning where it leaves its domain."""
    with without_warnings():
        return evaluate(node, names, vocabulary(np))


def without_warnings():
    """NumPy gives NaN where there is no value, and says nothing of it."""
    return np.errstate(all="ignore")


def distinct_sizes(rng, sizes=SIZES):
    """Sizes for letters: all different, as long as there are any."""
    unused = []

    def letter():
        if not unused:
            unused.extend(rng.permutation(sizes))
        return int(unused.pop())

    return letter


def telling_sizes(derivation):
    """Sizes that a number of a formula, such as 2 or 0.2, is not taken for; small ones for many letters."""
    axes = [axis for given in derivation.givens for axis in (*given.axes, *_classes(given))]
    letters = {name for axis in axes for name in names_in(axis)} - derivation.fields.keys()
    sides = [side for chain in derivation.chains for side in chain.nodes]
    nodes = [node for side in sides for node in ast.walk(side)]
    numbers = {node.value for node in nodes if isinstance(node, ast.Constant)}
    numbers |= {n for n in derivation.fields.values() if isinstance(n, int | float)}
    steps = any(chain.block for chain in derivation.chains)
    telling = [n for n in (STEPS if steps else TELLING) if not {n, float(n), 1 / n} & numbers]
    many = max([len(letters), *(len(_indices(side) - letters) for side in sides)])
    return telling[: len(letters)] if many <= FEW and len(letters) <= len(telling) else SIZES


def _indices(node):
    """The names in all subscripts of an expression."""
    entries = (part for part in ast.walk(node) if isinstance(part, ast.Subscript))
    return {name for entry in entries for name in names_in(entry.slice)}


def find_shapes(derivation, letter, leading):
    """The constants of a derivation, its sizes among them, and each given's (shape, argument).

    `letter()` is the size of the next letter, `leading(i)` the axes that `...` stands for in given
    i. Definitions made of sizes and options alone may stand in shapes too.
    """
    constants = dict(CONSTANTS) | derivation.fields
    constants |= _sizes_of_values(derivation.givens, constants)
    shapes = {}
    for item in derivation.order:
        if isinstance(item, Given):
            shape = ()
            for axis in item.axes:
                shape += _sizes(axis, item, constants, letter, lambda: leading(len(shapes)))
            try:
                bound_elements(shape)
            except DerivationError as error:
                raise error.at(item.line) from None
            for size in _classes(item):
                _draw_sizes(size, constants, letter)
            argument = item.argument and evaluate(item.argument, constants, {})
            shapes[item.name] = (shape, argument)
        elif item.kind is Kind.DEFINITION:
            constants |= _constants(item, constants)
    return constants, shapes


def hides(derivation, constants):
    """Whether these sizes hide something: a stated range has only one number, where it might have
    more, or an axis of K + 2 is as long as another of N.
    """
    return _is_narrow(derivation, constants) or _meet(derivation, constants)


def _meet(derivation, constants):
    """Whether a letter that is an axis has the size of an axis that is calculated without it.

    Where there are more letters than sizes, they are of the same size anyway.
    """
    axes = [axis for given in derivation.givens for axis in given.axes]
    letters = {axis.id for axis in axes if isinstance(axis, ast.Name)}
    if len({constants[letter] for letter in letters}) < len(letters):
        return False
    return any(
        evaluate(axis, constants, {}) in {constants[a] for a in letters - set(names_in(axis))}
        for axis in axes
        if isinstance(axis, ast.BinOp)
    )


def _is_narrow(derivation, constants):
    """Whether a stated range has only one number at these sizes, where it might have more."""
    reductions = [
        limits
        for chain in derivation.chains
        for node in chain.nodes
        for inner in ast.walk(node)
        if is_reduction(inner)
        for _, limits in bound_in(inner)
    ]
    stated = [*reductions, *(limits for c in derivation.chains for limits in c.limits.values())]
    return any(_is_one(limits, constants) for limits in stated if limits)


def _is_one(limits, constants):
    """Whether limits that depend on sizes have one number between them."""
    names = {name for limit in limits for name in names_in(limit)}
    if not names or not names <= constants.keys():
        return False
    try:
        low, high = ([0] * (len(limits) == 1)) + [evaluate(n, constants, {}) for n in limits]
    except DerivationError:
        return False
    return high - low == 1


def value_of(given, constants):
    """The value that a given states, as an array of real numbers."""
    numbers = _numbers(given.value, constants)
    try:
        return np.asarray(numbers, dtype=float)
    except ValueError:
        message = f"the value of {given.name} is not an array: its rows differ in length"
        raise DerivationError(message, given.line) from None


def _numbers(node, constants):
    """Lists of lists of numbers, as they are written."""
    if isinstance(node, ast.List | ast.Tuple):
        return [_numbers(element, constants) for element in node.elts]
    value = evaluate(node, constants, {})
    if hasattr(value, "shape") or not isinstance(value, int | float):
        message = f"{ast.unparse(node)[:100]} is not a number: a value is one, or [[1, 2], [3, 4]]"
        raise DerivationError(message, node.lineno or None, node.col_offset + 1)
    return value


def _sizes_of_values(givens, constants):
    """The letters whose sizes an array shows that is a given's value."""
    sizes = {}
    for given in givens:
        if given.value is None or not isinstance(given.value, ast.List | ast.Tuple):
            continue
        shape = value_of(given, constants).shape
        if len(shape) == len(given.axes):
            letters = zip(given.axes, shape, strict=True)
            sizes |= {a.id: n for a, n in letters if isinstance(a, ast.Name)}
    return {letter: size for letter, size in sizes.items() if letter not in constants}


def unpacked(chain, value):
    """The targets of a definition with their values."""
    if len(chain.targets) == 1:
        return {chain.targets[0]: value}
    if not isinstance(value, tuple) or len(value) != len(chain.targets):
        found = len(value) if isinstance(value, tuple) else 1
        raise DerivationError(f"{len(chain.targets)} names stand for {found} values", chain.line)
    return dict(zip(chain.targets, value, strict=True))


def _sizes(axis, given, constants, letter, leading):
    """The sizes that one axis of a given stands for."""
    if isinstance(axis, ast.Constant) and axis.value is ...:
        return tuple(leading())
    _draw_sizes(axis, constants, letter)
    size = evaluate(axis, constants, {})
    if not isinstance(size, int) or isinstance(size, bool):
        raise DerivationError(f"{given.name} has an axis of size {size!r}", given.line)
    if size < 0:
        raise EmptyError(f"{given.name} has an axis of size {size!r}", given.line)
    return (size,)


def _classes(given):
    """The number of classes of labels, which may be a size that stands nowhere before."""
    return [given.argument] if given.domain == "label" and given.argument else []


def _draw_sizes(axis, constants, letter):
    """Give the letters of an axis that have no size yet one each."""
    constants |= {name: letter() for name in names_in(axis) if name not in constants}


def _constants(chain, constants):
    """What a definition makes of constants alone, if that is a number or a shape."""
    node = chain.links[0].node
    if chain.letters or chain.block or not set(names_in(node)) <= constants.keys():
        return {}
    found = unpacked(chain, numpy_value(node, constants))
    return {name: value for name, value in found.items() if not hasattr(value, "shape")}
