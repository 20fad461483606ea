"""The drawn zoo: every rule of the catalog, its backward changed at one place by machine.

It is nobody's memory: new rules bring new mutants. What is equal to the rule at ordinary inputs is
left out, and so is what raises there, or gives another shape or dtype: nobody would miss that.

`python -m tests.judge.drawn COUNT SEED [alone]` judges so many, as their rule or with no reference.
"""

import ast
import copy
import inspect
import sys
import textwrap
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad import verify
from handgrad.judge.draws import draw_cases
from handgrad.judge.trial import outputs_of
from handgrad.judge.verdict import Status
from tests.rules_and_cases import ONE_OF_EACH

SEEN = 1e-6  # of a gradient's scale: what differs less at every point is taken for equal
SMALL = 1e-3  # a gradient that is smaller is measured as if it had this size
SWAPPED = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
OTHERS = {
    "sum": "mean",
    "mean": "sum",
    "max": "min",
    "min": "max",
    "zeros_like": "ones_like",
    "ones_like": "zeros_like",
    "exp": "expm1",
    "sin": "cos",
    "cos": "sin",
    "triu": "tril",
    "tril": "triu",
    "floor": "ceil",
    "sign": "abs",
}
CAUGHT = {Status.WRONG, Status.CONTRACT}
SAME = {"matrix_transpose", "unbroadcast", "transpose", "permute_dims", "flip", "conj"}


@dataclass(frozen=True)
class Mutant:
    """A rule, and its class with another backward; what stands there in the place of what."""

    rule: Any
    cls: type
    change: str

    def __str__(self):
        return f"{self.rule}: {self.change}"

    def judged(self, seed, *, alone=False):
        """The verdict: as its rule, or at the rule's inputs with no reference."""
        if alone:
            return verify(self.stranger(), *draw_cases(self.rule, seed)[0].inputs, seed=seed)
        return verify(self.stranger(), like=self.rule, seed=seed)

    def stranger(self):
        """An object with this forward and backward, and without a derivation."""
        made = copy.copy(self.rule)
        object.__setattr__(made, "__class__", self.cls)
        return Stranger(made)


class Stranger:
    """Somebody's code of a forward and a backward."""

    def __init__(self, made):
        self._made = made

    def forward(self, *inputs):
        return self._made.forward(*inputs)

    def backward(self, residuals, dy):
        return self._made.backward(residuals, dy)


def drawn(count, seed, each=2):
    """So many mutants of rules drawn by lot, a few of each."""
    rng = np.random.default_rng(seed)
    found = []
    for k in rng.permutation(len(ONE_OF_EACH)):
        known = list(of_rule(ONE_OF_EACH[k]))
        found += [known[n] for n in rng.permutation(len(known))[:each]]
        if len(found) >= count:
            break
    return found[:count]


def of_rule(rule):
    """The mutants of one rule that differ from it at ordinary inputs."""
    cls = type(rule)
    function = inspect.unwrap(cls.backward)
    module = vars(sys.modules[function.__module__])
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    tree.body[0].decorator_list = []
    points = [
        (case.inputs, seed) for seed in (100, 101, 102) for case in draw_cases(rule, seed)[:1]
    ]
    for change, changed in _changes(tree):
        scope = module.copy()
        exec(compile(ast.fix_missing_locations(changed), f"<{cls.__name__}>", "exec"), scope)
        made = type(cls.__name__, (cls,), {"backward": scope[function.__name__], "__doc__": None})
        mutant = Mutant(rule, made, change)
        if _differs(mutant, points):
            yield mutant


def _differs(mutant, points):
    """Whether its gradients are there, of the right shape, and not the rule's."""
    return max((_apart(mutant, *point) for point in points), default=0) > SEEN


def _apart(mutant, inputs, seed):
    """How far its gradients are from the rule's, as a share of their size; 0 if that shows at once."""
    y, residuals = mutant.rule.forward(*inputs)
    rng = np.random.default_rng(seed)
    dy = tuple(np.asarray(rng.normal(size=np.shape(a))) for a in outputs_of(y))
    dy = dy if isinstance(y, tuple) else dy[0]
    right = mutant.rule.backward(residuals, dy)
    try:
        with np.errstate(all="ignore"):
            found = mutant.stranger().backward(residuals, dy)
    except Exception:
        return 0
    if not isinstance(found, tuple) or [*map(_kind, found)] != [*map(_kind, right)]:
        return 0
    pairs = [(a, b) for a, b in zip(right, found, strict=True) if a is not None and a.size]
    if not all(np.all(np.isfinite(b)) for _, b in pairs):
        return 0
    return max(np.max(np.abs(a - b)) / max(np.max(np.abs(a)), SMALL) for a, b in pairs)


def _kind(array):
    return (np.shape(array), getattr(array, "dtype", None))


def _changes(tree):
    """Each change at one place: what is changed, and the changed tree."""
    for number, node in enumerate(_places(tree)):
        for k, other in enumerate(_others(node)):
            changed = copy.deepcopy(tree)
            place = _places(changed)[number]
            changed = _Put(place, list(_others(place))[k]).visit(changed)
            yield f"{ast.unparse(node)}  ->  {ast.unparse(other)}", changed


def _places(tree):
    """The nodes of a function's body."""
    (function,) = tree.body
    return [node for statement in function.body for node in ast.walk(statement)]


class _Put(ast.NodeTransformer):
    def __init__(self, old, new):
        self.old, self.new = old, new

    def visit(self, node):
        return self.new if node is self.old else super().visit(node)


def _others(node):
    """What may stand in the place of a node."""
    match node:
        case ast.BinOp(left, op, right):
            yield from _other_operations(left, op, right)
        case ast.UnaryOp(op=ast.USub() | ast.Invert() | ast.Not(), operand=inner):
            yield inner
        case ast.Compare(left, [op], right) if type(op) in SWAPPED:
            yield ast.Compare(left, [SWAPPED[type(op)]()], right)
        case ast.Constant(bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(int() | float() as value):
            yield from map(ast.Constant, (value + 1, 2 * value, value - 1))
        case ast.Call(ast.Attribute(_, name), args, _):
            yield from _other_calls(node, name, args)
        case ast.Call(ast.Name(name), [first, *_]) if name in SAME:
            yield first
        case ast.Attribute(value, "T" | "mT"):
            yield value
        case ast.Return(ast.Tuple([first, second, *rest])):
            yield ast.Return(ast.Tuple([second, first, *rest], ast.Load()))


def _other_operations(left, op, right):
    if type(op) in SWAPPED:
        yield ast.BinOp(left, SWAPPED[type(op)](), right)
    yield left
    yield right
    if isinstance(op, ast.Pow):
        yield ast.BinOp(left, ast.Mult(), right)
    if isinstance(op, ast.MatMult):
        yield ast.BinOp(right, op, left)


def _other_calls(node, name, args):
    if name in OTHERS:
        other = ast.Attribute(node.func.value, OTHERS[name], ast.Load())
        yield ast.Call(other, args, node.keywords)
    if name == "where" and len(args) == 3:
        yield ast.Call(node.func, [args[0], args[2], args[1]], node.keywords)
        yield from args[1:]
    if name in SAME and args:
        yield args[0]


def main(count, seed, *how):
    """1 if a mutant passes."""
    missed, spent = [], time.process_time()
    found = drawn(count, seed)
    for mutant in found:
        verdict = mutant.judged(seed, alone="alone" in how)
        missed += [f"{mutant}: {verdict.status.value}"] if verdict.status not in CAUGHT else []
    spent = time.process_time() - spent
    print(*missed, f"{len(found)} mutants, {len(missed)} not caught, {spent:.0f} s", sep="\n")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]))
