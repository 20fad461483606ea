"""Every kind of subject, of every library and precision: the right one passes, the wrong one not."""

import functools

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from handgrad import Layer, verify

RNG = np.random.default_rng(0)
X, W = RNG.normal(size=(2, 3)), RNG.normal(size=(2, 3))


def torch_or_skip():
    return pytest.importorskip("torch", reason="torch is an extra")


def value(xp, x, w):
    return xp.tanh(x) * w


def gradients(xp, dy, x, w, factor):
    """Those of tanh(x) w; that of w is spoiled by a factor."""
    y = xp.tanh(x)
    dw = dy * y
    return dy * w * (1 - y * y), dw if factor == 1 else factor * dw  # 1.0 may promote


class Rule:
    def __init__(self, factor):
        self.factor = factor

    def forward(self, x, w):
        return value(np, x, w), (x, w)

    def backward(self, residuals, dy):
        return gradients(np, dy, *residuals, self.factor)


class OfOne:
    """A layer that returns one gradient, and keeps that of its parameter."""

    def __init__(self, factor):
        self.factor, self.w = factor, W.copy()

    def forward(self, x):
        self.x = x
        return value(np, x, self.w)

    def backward(self, dy):
        dx, self.dw = gradients(np, dy, self.x, self.w, self.factor)
        return dx


class OfTwo:
    """A layer that returns a tuple of gradients."""

    def __init__(self, factor):
        self.factor = factor

    def forward(self, x, w):
        self.kept = x, w
        return value(np, x, w)

    def backward(self, dy):
        return gradients(np, dy, *self.kept, self.factor)


def pair(factor, xp=np):
    def f(x, w):
        return value(xp, x, w)

    def vjp(dy, x, w):
        return gradients(xp, dy, x, w, factor)

    return f, vjp


def custom_vjp(factor):
    function = jax.custom_vjp(functools.partial(value, jnp))
    function.defvjp(
        lambda x, w: (value(jnp, x, w), (x, w)),
        lambda kept, dy: gradients(jnp, dy, *kept, factor),
    )
    return function


def custom_jvp(factor):
    function = jax.custom_jvp(functools.partial(value, jnp))

    @function.defjvp
    def _(primals, tangents):
        slopes = gradients(jnp, 1.0, *primals, factor)
        return function(*primals), sum(a * b for a, b in zip(slopes, tangents, strict=True))

    return function


def plain(factor):
    """A JAX function that hides a part of w from the derivative."""

    def function(x, w):
        return value(jnp, x, factor * w + (1 - factor) * jax.lax.stop_gradient(w))

    return function


def torch_function(factor):
    torch = torch_or_skip()

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            ctx.save_for_backward(x, w)
            return value(torch, x, w)

        @staticmethod
        def backward(ctx, dy):
            return gradients(torch, dy, *ctx.saved_tensors, factor)

    return Function


# the subject for a factor, its inputs, and options
KINDS = {
    "a rule": (Rule, (X, W), {}),
    "a layer with a parameter": (OfOne, (X,), {"params": {"w": "dw"}}),
    "a layer of two inputs": (OfTwo, (X, W), {}),
    "a Layer of handgrad": (lambda factor: Layer(Rule(factor), W), (X,), {}),
    "a pair": (pair, (X, W), {}),
    "custom_vjp": (custom_vjp, (X[0], W[0]), {}),
    "custom_jvp": (custom_jvp, (X[0], W[0]), {}),
    "a JAX function": (plain, (X[0], W[0]), {}),
    "a torch Function": (torch_function, (X, W), {}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_right_passes(kind):
    make, inputs, options = KINDS[kind]
    verdict = verify(make(1.0), *inputs, **options)
    assert verdict.status == "PASS", str(verdict)


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_is_rejected_and_the_input_named(kind):
    make, inputs, options = KINDS[kind]
    verdict = verify(make(1.001), *inputs, **options)
    assert verdict.status == "WRONG", str(verdict)
    assert "gradient of input 1" in str(verdict)
    assert "gradient of input 0" not in str(verdict)


class Uncopied:
    """A function that holds something that cannot be copied, as a file or a module cannot."""

    def __init__(self, function):
        self.function, self.__name__ = function, function.__name__

    def __call__(self, *arguments):
        return self.function(*arguments)

    def __deepcopy__(self, memo):
        raise TypeError(f"{self.__name__} cannot be copied")


@pytest.mark.parametrize(("factor", "status"), [(1.0, "PASS"), (1.001, "WRONG")])
def test_what_cannot_be_copied_is_judged(factor, status):
    assert verify(tuple(map(Uncopied, pair(factor))), X, W).status == status


# ---- Libraries and precisions.

PRECISIONS = ("float64", "float32", "float16", "bfloat16")


def numpy_arrays(precision):
    kind = ml_dtypes.bfloat16 if precision == "bfloat16" else precision
    return X.astype(kind), W.astype(kind)


def jax_arrays(precision):
    return tuple(jnp.asarray(x, precision) for x in (X, W))


def torch_arrays(precision):
    torch = torch_or_skip()
    return tuple(torch.from_numpy(x).to(getattr(torch, precision)) for x in (X, W))


LIBRARIES = {
    "numpy": (lambda: np, np.generic | np.ndarray, numpy_arrays),
    "jax": (lambda: jnp, jax.Array, jax_arrays),
    "torch": (torch_or_skip, None, torch_arrays),
}


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_arrays_of_every_library_and_precision_are_taken(library, precision):
    namespace, _, arrays = LIBRARIES[library]
    verdict = verify(pair(1.0, namespace()), *arrays(precision))
    assert verdict.status == "PASS", str(verdict)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_wrong_gradient_of_every_library_and_precision_is_wrong(library, precision):
    namespace, _, arrays = LIBRARIES[library]
    verdict = verify(pair(1.001, namespace()), *arrays(precision))
    assert verdict.status == "WRONG", str(verdict)


@pytest.mark.parametrize("precision", PRECISIONS[1:])
@pytest.mark.parametrize("library", LIBRARIES)
def test_an_error_in_the_given_precision_alone_is_seen(library, precision):
    namespace, _, arrays = LIBRARIES[library]

    def vjp(dy, x, w):
        return gradients(namespace(), dy, x, w, 2 if precision in str(x.dtype) else 1)

    verdict = verify((pair(1.0, namespace())[0], vjp), *arrays(precision))
    assert verdict.status == "IMPRECISE", str(verdict)
    assert "the gradient of input 1 (w) loses" in str(verdict)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_subject_is_given_the_arrays_of_its_library(library):
    namespace, kind, arrays = LIBRARIES[library]
    kind = kind or namespace().Tensor
    seen = set()

    def vjp(dy, x, w):
        seen.update(isinstance(a, kind) for a in (dy, x, w))
        return gradients(namespace(), dy, x, w, 1.0)

    assert verify((pair(1.0, namespace())[0], vjp), *arrays("float64")).ok
    assert seen == {True}


@pytest.mark.parametrize("factor", [1.0, 1.5])
def test_code_that_computes_in_low_precision_alone_is_judged_in_it(factor):
    def in_half(*arrays):
        return [a.astype(np.float16) for a in arrays]

    def vjp(dy, x, w):
        grads = gradients(np, *in_half(dy, x, w), np.float16(factor))
        return tuple(dx.astype(np.float16) for dx in grads)

    subject = lambda x, w: value(np, *in_half(x, w)), vjp
    verdict = verify(subject, *in_half(X, W))
    assert verdict.status == ("PASS" if factor == 1 else "WRONG"), str(verdict)


def in_single(factor, namespace, single):
    """The pair that computes in float32 and returns what it was given, as kernels do."""
    f, vjp = pair(1.0, namespace)

    def forward(x, w):
        return cast(f(cast(x, single), cast(w, single)), x.dtype)

    def backward(dy, x, w):
        dx, dw = vjp(*(cast(a, single) for a in (dy, x, w)))
        return cast(dx, x.dtype), cast(factor * dw, w.dtype)

    return forward, backward


def cast(x, dtype):
    return x.to(dtype) if hasattr(x, "to") else x.astype(dtype)


@pytest.mark.parametrize("precision", PRECISIONS[1:])
@pytest.mark.parametrize("library", LIBRARIES)
def test_code_that_computes_in_single_precision_is_judged_in_it(library, precision):
    namespace, _, arrays = LIBRARIES[library]
    xp = namespace()
    for factor, status in ((1, "PASS"), (1.001, "WRONG")):
        verdict = verify(in_single(factor, xp, xp.float32), *arrays(precision))
        assert verdict.status == status, str(verdict)


@pytest.mark.parametrize("x", [0.7, np.array(0.7), np.float32(0.7), [0.7, -2.0], (1.5,)], ids=repr)
def test_numbers_and_lists_are_arrays(x):
    right, wrong = ((np.sin, lambda dy, x, c=c: c * dy * np.cos(x)) for c in (1, 1.001))
    assert verify(right, x).status == "PASS"
    assert verify(wrong, x).status == "WRONG"


def test_a_whole_number_of_python_is_a_real_one():
    assert verify((lambda a, b: a * b, lambda dy, a, b: (dy * b, dy * a)), 2, 3).status == "PASS"
    assert verify((lambda a, b: a * b, lambda dy, a, b: (dy * a, dy * b)), 2, 3).status == "WRONG"
