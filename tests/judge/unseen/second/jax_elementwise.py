"""Derivatives of their own in JAX, number by number, and of losses."""

from functools import partial

import jax
import jax.numpy as jnp

from tests.judge.unseen.case import Case, Wrong


@jax.custom_jvp
def softplus(x):
    return jnp.logaddexp(x, 0)


@softplus.defjvp
def softplus_jvp(primals, tangents):
    (x,), (t,) = primals, tangents
    return softplus(x), jax.nn.sigmoid(x) * t


@jax.custom_jvp
def safe_sqrt(x):
    return jnp.sqrt(jnp.where(x > 0, x, 0))


@safe_sqrt.defjvp
def safe_sqrt_jvp(primals, tangents):
    (x,), (t,) = primals, tangents
    y = safe_sqrt(x)
    return y, jnp.where(x > 0, t / (2 * jnp.where(x > 0, y, 1)), 0)


@jax.custom_vjp
def gelu(x):
    u = jnp.sqrt(2 / jnp.pi) * (x + 0.044715 * x**3)
    return 0.5 * x * (1 + jnp.tanh(u))


def gelu_fwd(x):
    return gelu(x), x


def gelu_bwd(x, dy):
    c = jnp.sqrt(2 / jnp.pi)
    t = jnp.tanh(c * (x + 0.044715 * x**3))
    du = c * (1 + 3 * 0.044715 * x**2)
    return (dy * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * du),)


gelu.defvjp(gelu_fwd, gelu_bwd)


@jax.custom_vjp
def xent(logits, labels):
    return xent_fwd(logits, labels)[0]


def xent_fwd(logits, labels):
    logp = jax.nn.log_softmax(logits)
    nll = -jnp.take_along_axis(logp, labels[:, None], axis=1)[:, 0]
    return nll, (logp, labels)


def xent_bwd(res, dy):
    logp, labels = res
    hot = jax.nn.one_hot(labels, logp.shape[1], dtype=logp.dtype)
    return dy[:, None] * (jnp.exp(logp) - hot), None


xent.defvjp(xent_fwd, xent_bwd)


@jax.custom_vjp
def grad_reverse(x):
    return x


def grad_reverse_fwd(x):
    return x, None


def grad_reverse_bwd(_, dy):
    return (-0.5 * dy,)


grad_reverse.defvjp(grad_reverse_fwd, grad_reverse_bwd)


@jax.custom_vjp
def quantize(x):
    """Rounds inside (-1, 1), clips outside; the gradient is that of the clip."""
    return jnp.round(jnp.clip(x, -1, 1) * 8) / 8


def quantize_fwd(x):
    return quantize(x), x


def quantize_bwd(x, dy):
    return (jnp.where(jnp.abs(x) <= 1, dy, 0),)


quantize.defvjp(quantize_fwd, quantize_bwd)


@jax.custom_jvp
def smooth_max(x, y):
    return jnp.maximum(x, y)


@smooth_max.defjvp
def smooth_max_jvp(primals, tangents):
    x, y = primals
    dx, dy = tangents
    share = jnp.where(x > y, 1.0, jnp.where(x == y, 0.5, 0.0))
    return smooth_max(x, y), share * dx + (1 - share) * dy


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def bce_logits(z, t, pos_weight):
    return jnp.mean(pos_weight * t * jax.nn.softplus(-z) + (1 - t) * jax.nn.softplus(z))


def bce_logits_fwd(z, t, pos_weight):
    return bce_logits(z, t, pos_weight), (z, t)


def bce_logits_bwd(pos_weight, res, dy):
    z, t = res
    s = jax.nn.sigmoid(z)
    dz = pos_weight * t * (s - 1) + (1 - t) * s
    dt = pos_weight * jax.nn.softplus(-z) - jax.nn.softplus(z)
    return dy * dz / z.size, dy * dt / z.size


bce_logits.defvjp(bce_logits_fwd, bce_logits_bwd)


@jax.custom_vjp
def distill(student, teacher):
    """T² KL(teacher ‖ student) at the temperature 3, a mean over the batch."""
    return distill_fwd(student, teacher)[0]


def distill_fwd(student, teacher):
    T = 3.0
    p, logq = jax.nn.softmax(teacher / T), jax.nn.log_softmax(student / T)
    logp = jax.nn.log_softmax(teacher / T)
    kl = jnp.sum(p * (logp - logq), axis=-1)
    return T * T * kl.mean(), (p, logp, logq)


def distill_bwd(res, dy):
    T = 3.0
    p, logp, logq = res
    N = p.shape[0]
    r = logp - logq
    ds = T * (jnp.exp(logq) - p) / N
    dt = T * p * (r - jnp.sum(p * r, axis=-1, keepdims=True)) / N
    return dy * ds, dy * dt


distill.defvjp(distill_fwd, distill_bwd)


@jax.custom_vjp
def power(x, n):
    return x**n


def power_fwd(x, n):
    y = x**n
    return y, (x, n, y)


def power_bwd(res, dy):
    x, n, y = res
    return jnp.where(n == 0, 0, dy * n * x ** jnp.where(n == 0, 1, n - 1)), jnp.sum(
        dy * y * jnp.log(jnp.where(x > 0, x, 1))
    )


power.defvjp(power_fwd, power_bwd)


@jax.custom_jvp
def log_ratio(a, b):
    return jnp.log(a / b)


@log_ratio.defjvp
def log_ratio_jvp(primals, tangents):
    a, b = primals
    ta, tb = tangents
    return log_ratio(a, b), ta / a - tb / b


RIGHT = [
    Case("softplus", lambda d: softplus, lambda r: (r(3, 4),)),
    Case("safe_sqrt", lambda d: safe_sqrt, lambda r: (r.uniform(0.3, 3, 3, 4),)),
    Case("gelu", lambda d: gelu, lambda r: (r(3, 4),)),
    Case("xent", lambda d: xent, lambda r: (r(5, 4), r.labels(4, 5))),
    Case(
        "grad_reverse",
        lambda d: grad_reverse,
        lambda r: (r(3, 4),),
        {"gradient_of": lambda x: -0.5 * x},
    ),
    Case(
        "quantize",
        lambda d: quantize,
        lambda r: (2 * r(4, 5),),
        {"gradient_of": lambda x: jnp.clip(x, -1, 1)},
    ),
    Case("smooth_max", lambda d: smooth_max, lambda r: (r(4, 3), r(4, 3))),
    Case("bce_logits", lambda d: bce_logits, lambda r: (r(7), r.uniform(0.05, 0.95, 7), 3.0)),
    Case("distill", lambda d: distill, lambda r: (r(4, 5), r(4, 5))),
    Case("power", lambda d: power, lambda r: (r.uniform(0.3, 3, 3, 4), r.uniform(1, 3))),
    Case(
        "log_ratio",
        lambda d: log_ratio,
        lambda r: (r.uniform(0.3, 3, 3, 4), r.uniform(0.3, 3, 3, 4)),
    ),
]

WRONG = [
    Wrong(
        "softplus",
        "jax.nn.sigmoid(x) * t",
        "jax.nn.sigmoid(-x) * t",
        within="softplus_jvp",
        says="mask inverted",
    ),
    Wrong("softplus", "jax.nn.sigmoid(x) * t", "jnp.tanh(x / 2) * t", within="softplus_jvp"),
    Wrong(
        "safe_sqrt",
        "jnp.where(x > 0, t / (2 * jnp.where(x > 0, y, 1)), 0)",
        "t / (2 * y)",
        within="safe_sqrt_jvp",
        says="is inf",
    ),
    Wrong(
        "gelu",
        "(1 + 3 * 0.044715 * x**2)",
        "(1 + 0.044715 * x**2)",
        within="gelu_bwd",
        says="⅓ times",
    ),
    Wrong("gelu", "(0.5 * (1 + t) + ", "(0.5 + ", within="gelu_bwd"),
    Wrong(
        "xent",
        "dy[:, None] * (jnp.exp(logp) - hot)",
        "dy[:, None] * (jnp.exp(logp) + hot)",
        within="xent_bwd",
        says="of the wrong sign",
    ),
    Wrong(
        "xent",
        "dy[:, None] * (jnp.exp(logp) - hot)",
        "dy.mean() * (jnp.exp(logp) - hot)",
        within="xent_bwd",
        says="averaged over axis 0",
    ),
    Wrong("grad_reverse", "-0.5 * dy", "0.5 * dy", within="grad_reverse_bwd", says="wrong sign"),
    Wrong("quantize", "jnp.abs(x) <= 1", "x <= 1", within="quantize_bwd", says="where x < −1"),
    Wrong(
        "smooth_max",
        "jnp.where(x > y, 1.0, jnp.where(x == y, 0.5, 0.0))",
        "jnp.where(x < y, 1.0, jnp.where(x == y, 0.5, 0.0))",
        within="smooth_max_jvp",
        says="swapped",
    ),
    Wrong(
        "bce_logits",
        "pos_weight * t * (s - 1)",
        "t * (s - 1)",
        within="bce_logits_bwd",
        says="⅓ times",
    ),
    Wrong(
        "distill",
        "ds = T * (jnp.exp(logq) - p) / N",
        "ds = (jnp.exp(logq) - p) / N",
        within="distill_bwd",
        says="⅓ times",
    ),
    Wrong("power", "dy * y * jnp.log(jnp.where(x > 0, x, 1))", "dy * y", within="power_bwd"),
    Wrong(
        "log_ratio", "ta / a - tb / b", "ta / a + tb / b", within="log_ratio_jvp", says="wrong sign"
    ),
]
