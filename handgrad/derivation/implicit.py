"""Implicit definitions: z : fixed_point(tanh(W @ z + x)), or z : root(z**3 + z - x).

NumPy finds z by Newton's method, from 0 or from elsewhere. With F(z) = f(z) − z, or the root's own F, JAX is given
the step z − F′(z)⁻¹ F(z) from there, in which z and F′ are held fixed: its derivative is that of
the implicit function theorem.
"""

import math

import numpy as np

from handgrad.common.random import generator
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.expressions import names_in, spelled

MOST = 128  # numbers in z
STARTS, STEPS, HALVINGS = 20, 30, 8
CONVERGED, POLISH = 1e-9, 4
STEEP = 0.1  # one slope serves as long as each step makes what is left so much smaller
STEP = 1e-6  # of the differences that make F′, on which the solution does not depend


def solution(chain, walk):
    """The z of an implicit definition, on NumPy's arrays."""
    name = chain.targets[0]
    shape = _shape(chain, walk)

    def residual(z):
        value = np.asarray(walk.at({name: z.reshape(shape)})(chain.links[0].node), dtype=float)
        if value.shape != shape:
            raise DerivationError(
                f"{name} has the shape {shape}, and what it should be {value.shape}"
            )
        return np.ravel(value - z.reshape(shape) if chain.implicit == "fixed_point" else value)

    rng = generator(0, "implicit")
    for start in range(STARTS):
        z = rng.normal(size=math.prod(shape)) * bool(start)
        F, slope = residual(z), None
        for _ in range(STEPS):
            if np.max(np.abs(F), initial=0.0) <= CONVERGED * (1 + np.max(np.abs(z), initial=0.0)):
                return _polished(residual, z).reshape(shape)
            slope = _slope(residual, z) if slope is None else slope
            before = np.linalg.norm(F)
            closer = _damped(residual, z, F, slope)
            if closer is None:
                break
            z, F = closer
            slope = slope if np.linalg.norm(F) < STEEP * before else None
    raise DerivationError(f"no {chain.implicit} of {spelled(chain.links[0].node)} was found")


def linked(chain, walk, z):
    """The z of an implicit definition while JAX traces, from the z that NumPy found."""
    import jax
    from jax import numpy as jnp

    name, shape = chain.targets[0], np.shape(z)

    def residual(z):
        value = walk.at({name: z})(chain.links[0].node)
        return jnp.ravel(value - z if chain.implicit == "fixed_point" else value)

    held = jax.lax.stop_gradient(z)
    slope = jax.lax.stop_gradient(jax.jacfwd(residual)(held).reshape(z.size, z.size))
    return held - jnp.linalg.solve(slope, residual(held)).reshape(shape)


def _damped(residual, z, F, slope):
    """The z and F(z) after a step of Newton's method, halved until it is closer; None if it never is."""
    try:
        step = np.linalg.solve(slope, F)
    except np.linalg.LinAlgError:
        step = np.linalg.lstsq(slope, F, rcond=None)[0]
    for _ in range(HALVINGS):
        closer = residual(z - step)
        if np.linalg.norm(closer) < np.linalg.norm(F):
            return z - step, closer
        step = step / 2
    return None


def _polished(residual, z):
    """A solution to the last digit: more steps with one slope."""
    slope = _slope(residual, z)
    for _ in range(POLISH):
        z = z - np.linalg.solve(slope, residual(z))
    return z


def _slope(residual, z):
    """F′ by central differences, a column for each number of z."""
    columns = []
    for i in range(z.size):
        move = np.zeros(z.size)
        move[i] = STEP * (1 + abs(z[i]))
        columns.append((residual(z + move) - residual(z - move)) / (2 * move[i]))
    return np.stack(columns, axis=1)


def _shape(chain, walk):
    """The shape of z: the first that the expression keeps, among (), the axes and the shapes beside it."""
    name, node = chain.targets[0], chain.links[0].node
    known = [np.shape(walk.names[n]) for n in names_in(node) if n != name and n in walk.names]
    axes = [(size,) for shape in known for size in shape]
    for shape in dict.fromkeys([(), *axes, *sorted(known, key=len)]):
        if math.prod(shape) > MOST:
            continue
        try:
            value = walk.at({name: np.zeros(shape)})(node)
        except DerivationError:
            continue
        if np.shape(value) == shape:
            return shape
    raise DerivationError(f"the shape of {name} does not show in {spelled(node)}")
