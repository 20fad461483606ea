"""Code: a forward and its backward run on exact numbers, and held against each other.

The numbers go where arrays go: into a rule through its namespace, into NumPy's functions through
NumPy's own protocols. Integers, masks and options stay what they are. Nothing of the user's objects
is changed.
"""

import copy
import inspect

import numpy as np

from handgrad.common.random import generator
from handgrad.exact.draw import Draw
from handgrad.exact.errors import InexactError
from handgrad.exact.functions import CIRCULAR, EXPONENTIALS
from handgrad.exact.givens import given
from handgrad.exact.moves import move_of, moving, random_array, still
from handgrad.exact.numbers import Exact, lift
from handgrad.exact.ordering import equal_beside
from handgrad.exact.proof import Outcome, Proof, Tally
from handgrad.exact.reductions import total

LEVELS = (1, 2, 4)


def prove(subject, inputs, *, params=None, domains=None, seed=0):
    """Whether the backward of a subject is the derivative of its forward, at any such inputs.

    subject  a rule, `forward(*inputs) -> (y, residuals)` and `backward(residuals, dy)`; a layer
             with a memory, `forward(*inputs)` and `backward(dy)`; a pair (f, vjp) with
             `vjp(dy, *inputs)`; or a function `run(*inputs) -> (y, pull)` with `pull(dy)`
    inputs   arrays; the numbers of floating-point arrays decide comparisons and nothing else
    params   for a layer, {the name of a parameter: that of its gradient}
    domains  the domain of each input, in the words of the notation

    Returns a Proof. It holds for all inputs of these shapes at which every comparison turns out as
    it did here.
    """
    run, arrays = _runnable(subject, tuple(inputs), params or {})
    domains = tuple(domains or ()) + ("real",) * (len(arrays) - len(domains or ()))
    proof = Proof(reason="no draw")
    for levels in LEVELS:
        tally, whole = Tally(), False
        while tally.needs_tests() or tally.needs_rows():
            draws = len(tally.outcomes) + len(tally.rows)
            draw = Draw(generator(seed, "code", draws, levels), levels)
            test = whole or tally.needs_tests()
            with draw.running():
                outcome = _outcome(draw, run, arrays, domains, test=test)
            if test or outcome.reason:
                tally.outcomes.append(outcome)
            else:
                tally.rows.append(outcome.squares)
                whole = len(outcome.squares) <= max(tally.roots)  # backward takes more roots
        proof = tally.proof()
        if EXPONENTIALS not in proof.reason and CIRCULAR not in proof.reason:
            break
    return proof


def _outcome(draw, run, arrays, domains, *, test):
    """What the code gives on the numbers of a draw: a test, or its forward's roots alone."""
    try:
        exact = [_input(x, domain) for x, domain in zip(arrays, domains, strict=True)]
        if not test:
            run(*map(_copy, exact))
        holds, degree = _test(run, exact) if test else (True, (0, 0))
    except Exception as error:  # the code may raise anything
        return Outcome(reason=_words(error))
    return Outcome(
        holds,
        doubts=frozenset(draw.reasons),
        roots=frozenset(draw.roots.touched),
        squares=tuple(draw.roots.squares),
        degree=max(1, *degree),
        exponential=draw.exponential,
    )


def _words(error):
    """Why code cannot be run so: our reason if there is one, else the code's own error."""
    inner, last = error, error
    while inner is not None:
        if isinstance(inner, InexactError):
            return str(inner)
        last, inner = inner, inner.__cause__ or inner.__context__
    return f"{type(last).__name__}: {' '.join(str(last).split())[:100]}"


def _test(run, exact):
    """(whether ⟨dy, δy⟩ = ⟨dx, δx⟩ over all inputs, the degree of it)."""
    y, pull = run(*map(_copy, exact))
    several = isinstance(y, tuple | list)
    dy = [_random(np.shape(part)) for part in (y if several else [y])]
    gradients = pull(tuple(dy) if several else dy[0])
    gradients = tuple(gradients) if isinstance(gradients, tuple | list) else (gradients,)
    if len(gradients) != len(exact):
        raise InexactError(f"{len(gradients)} gradients for {len(exact)} inputs")
    moves = [
        _random(x.shape) if isinstance(x, Exact) and g is not None else None
        for x, g in zip(exact, gradients, strict=True)
    ]
    if all(move is None for move in moves):
        raise InexactError("no gradient was given")
    pairs = zip(exact, moves, strict=True)
    moved, _ = run(*(_copy(x) if move is None else moving(x, move) for x, move in pairs))
    outputs = zip(dy, moved if several else [moved], strict=True)
    left = [d * move_of(part) for d, part in outputs if isinstance(part, Exact)]
    right = [_paired(g, m) for g, m in zip(gradients, moves, strict=True) if m is not None]
    return _equal(left, right)


def _paired(gradient, move):
    """The product of a gradient and a move; the gradient must have its shape."""
    gradient = lift(gradient)
    if gradient.shape != move.shape:
        raise InexactError(f"a gradient of the shape {gradient.shape} for {move.shape}")
    return gradient * move


def _equal(left, right):
    """Whether two lists of products have the same sum."""
    sides = [sum((total(part) for part in side), lift(0)) for side in (left, right)]
    size = sum(float(np.sum(np.abs(part.real))) for part in (*left, *right))
    equal = np.all(sides[0].top.equals(sides[1].top))
    degree = sides[0].degree.plus(sides[1].degree)
    return equal_beside(equal, np.abs(sides[0].real - sides[1].real), size), degree


def _random(shape):
    from handgrad.exact.draw import current

    return random_array(current().rng.normal(size=shape))


def _input(x, domain):
    """A floating-point array as random numbers of its domain; anything else as it is."""
    if np.asarray(x).dtype.kind != "f":
        return x
    return given(domain, x)


def _copy(x):
    return still(x) if isinstance(x, Exact) else copy.copy(x)


def _runnable(subject, inputs, params):
    """(a function of arrays that returns y and what pulls a gradient back, the arrays)."""
    if isinstance(subject, tuple):
        f, vjp = subject
        return lambda *xs: (f(*xs), lambda dy: vjp(dy, *xs)), inputs
    if not hasattr(subject, "backward"):
        return subject, inputs
    if len(inspect.signature(subject.backward).parameters) > 1 and not params:
        return _of_rule(subject), inputs
    values = tuple(getattr(subject, name) for name in params)
    return _of_layer(subject, len(inputs), params), inputs + values


def _of_rule(rule):
    def run(*xs):
        y, residuals = rule.forward(*xs)
        return y, lambda dy: rule.backward(residuals, dy)

    return run


def _of_layer(layer, count, params):
    """A layer, copied for each call with its parameters among the inputs."""

    def run(*xs):
        own = copy.deepcopy(layer)
        for name, value in zip(params, xs[count:], strict=True):
            setattr(own, name, value)
        y = own.forward(*xs[:count])

        def pull(dy):
            gradients = own.backward(dy)
            gradients = gradients if isinstance(gradients, tuple | list) else (gradients,)
            return (*gradients, *(getattr(own, name) for name in params.values()))

        return y, pull

    return run
