"""Terms: which path of the chain rule a wrong gradient leaves out.

The function is run with the gradient stopped behind one operation after another. If that gives the
wrong gradient, the path through the operation is what is missing.
"""

from functools import partial

import numpy as np

from handgrad.oracle import in_double_precision

CALLS = {"jit", "pjit", "custom_jvp_call", "custom_vjp_call", "closed_call", "checkpoint"}
CALLED = ("jaxpr", "call_jaxpr")  # the parameter that holds the program that is called
OPERATIONS = 80  # a longer program is not searched


def dropped_terms(automatic, trial):
    """(sentence, gradients) for every operation, and every use of one, that may be left out."""
    import jax

    real = trial.real
    inputs = [x.astype(float) if i in real else x for i, x in enumerate(trial.inputs)]
    dy = [d.astype(float) for d in trial.dy]
    with in_double_precision():
        closed = jax.make_jaxpr(automatic.reference)(*inputs)
        jaxpr = _flat(closed)
        if len(jaxpr.eqns) > OPERATIONS:
            return
        for stop in _stops(jaxpr):
            run = partial(_run_at, jaxpr, closed.consts, inputs, real, stop)
            _, vjp = jax.vjp(run, *(inputs[i] for i in real))
            grads = vjp(
                [
                    np.asarray(d).reshape(v.aval.shape)
                    for d, v in zip(dy, jaxpr.outvars, strict=True)
                ]
            )
            k, place = stop
            name = jaxpr.eqns[k].primitive.name
            where = f"operation {k + 1}, `{name}`"
            if place is not None:
                where += f", as its operand {place + 1}"
            sentence = f"lacks a term: the path through {where}, is dropped"
            yield sentence, dict(zip(real, map(np.asarray, grads), strict=True))


def _flat(closed):
    """The program with the functions that it calls written out."""
    import jax

    def run(*xs):
        return _inlined(closed.jaxpr, closed.consts, xs)

    return jax.make_jaxpr(run)(*(v.aval for v in closed.jaxpr.invars)).jaxpr


def _inlined(jaxpr, consts, arguments):
    """Evaluate a program, and what it calls under jit in the same way."""
    known = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*consts, *arguments), strict=True))
    for eqn in jaxpr.eqns:
        values = [_read(known, v) for v in eqn.invars]
        inner = next((eqn.params[name] for name in CALLED if name in eqn.params), None)
        if inner is not None and eqn.primitive.name in CALLS:
            results = _inlined(inner.jaxpr, inner.consts, values)
        else:
            results = _bound(eqn, values)
        known.update(zip(eqn.outvars, results, strict=True))
    return [_read(known, v) for v in jaxpr.outvars]


def _stops(jaxpr):
    """(operation, None) for a whole result, and (operation, operand) for one use of a value."""
    for k in range(len(jaxpr.eqns) - 1):
        yield k, None
    for k, eqn in enumerate(jaxpr.eqns):
        for place, _ in enumerate(eqn.invars):
            if len(eqn.invars) > 1:
                yield k, place


def _run_at(jaxpr, consts, inputs, real, stop, *xs):
    return _run(jaxpr, consts, _placed(inputs, real, xs), stop)


def _run(jaxpr, consts, arguments, stop):
    """Evaluate a program with the gradient stopped at one place."""
    from jax import lax

    at, place = stop
    known = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*consts, *arguments), strict=False))
    for k, eqn in enumerate(jaxpr.eqns):
        values = [_read(known, v) for v in eqn.invars]
        if k == at and place is not None:
            values[place] = lax.stop_gradient(values[place])
        results = _bound(eqn, values)
        if k == at and place is None:
            results = [lax.stop_gradient(r) for r in results]
        known.update(zip(eqn.outvars, results, strict=True))
    return [_read(known, v) for v in jaxpr.outvars]


def _bound(eqn, values):
    results = eqn.primitive.bind(*values, **eqn.params)
    return results if eqn.primitive.multiple_results else [results]


def _read(known, v):
    return v.val if hasattr(v, "val") else known[v]


def _placed(inputs, real, xs):
    placed = list(inputs)
    for i, x in zip(real, xs, strict=True):
        placed[i] = x
    return placed
