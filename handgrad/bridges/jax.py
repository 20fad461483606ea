"""A rule in JAX: its forward is the function, its backward the derivative."""

from functools import reduce, wraps

from handgrad.bridges.subject import refuse_what_is_no_rule


def as_jax(rule):
    """f(*inputs) = rule.forward(*inputs)[0], with rule.backward as its derivative

    f is a JAX function like any other: for jit, grad and vmap, and for one inside another.

    >>> import jax
    >>> from handgrad import Tanh
    >>> from handgrad.bridges import as_jax
    >>> tanh = as_jax(Tanh())
    >>> float(jax.grad(tanh)(0.0))
    1.0
    >>> jax.jit(jax.vmap(jax.grad(jax.grad(tanh))))(jax.numpy.zeros(3)).tolist()
    [-0.0, -0.0, -0.0]

    A second derivative is JAX's, of the rule's forward and backward. Derivatives run backward:
    jax.jvp, jax.jacfwd and jax.hessian refuse f, and jacrev(jacrev(f)) is its Hessian.
    """
    refuse_what_is_no_rule(rule)
    import jax
    import jax.numpy as jnp

    def primal(*inputs):
        return _batched_like(inputs, rule.forward(*inputs)[0])

    def forward(*inputs):
        y, residuals = rule.forward(*inputs)
        # an empty array is how a dtype gets from one compiled program into another
        like = [jnp.empty(0, x.dtype) for x in inputs]
        return _batched_like(inputs, y), (residuals, like)

    def backward(kept, dy):
        residuals, like = kept
        grads = rule.backward(residuals, dy)
        return tuple(
            None if dx is None else jnp.asarray(dx, empty.dtype)
            for dx, empty in zip(grads, like, strict=True)
        )

    primal.__name__ = type(rule).__name__  # which a jaxpr shows
    operation = jax.custom_vjp(primal)
    operation.defvjp(forward, backward)

    @wraps(operation)
    def function(*inputs):
        return operation(*map(jnp.asarray, inputs))

    return function


def _batched_like(inputs, outputs):
    """The outputs as they are, each one batched under vmap if any input is.

    Where an output is not batched, the gradient that reaches it is the sum over the samples.
    A custom_vjp hands this sum to the backward of every sample and adds up what they return
    (JAX 0.10.2), so that an input which is not batched either would get it once for each sample.
    """
    import jax
    import jax.numpy as jnp
    from jax.core import Tracer

    traced = [x for x in inputs if isinstance(x, Tracer)]
    if len(inputs) == 1 or not traced:
        return outputs
    # all of no numbers: this is true, and batched with x
    true = reduce(jnp.logical_and, (jnp.all(jnp.expand_dims(x, 0)[:0]) for x in traced))
    return jax.tree.map(lambda y: jnp.where(true, y, y), outputs)
