"""What judged code may do to its judge: leave the process, give no number, warn, run in a thread."""

import concurrent.futures
import random
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from handgrad import Layer, Tanh, verify
from tests.judge.test_global_state import state
from tests.judge.test_subjects import W, X, custom_vjp, pair, torch_function, torch_or_skip

# ---- Leaving the process is an exception like any other.


def leaving(error, part=None):
    """A function that raises where it is told to, and else does nothing."""

    def at(where):
        if where == part:
            raise error

    return at


class Rule:
    def __init__(self, at):
        self.at = at

    def forward(self, x):
        self.at("forward")
        return np.sin(x), (x,)

    def backward(self, residuals, dy):
        self.at("backward")
        return (dy * np.cos(residuals[0]),)


def of_functions(at):
    rule = Rule(at)
    return lambda x: rule.forward(x)[0], lambda dy, x: rule.backward((x,), dy)


def of_objects(at):
    """A pair of objects that are called."""
    f, vjp = of_functions(at)

    class Called:
        def __init__(self, function):
            self.function = function

        def __call__(self, *arrays):
            return self.function(*arrays)

    return Called(f), Called(vjp)


class Memory(Rule):
    """A layer."""

    def forward(self, x):
        y, self.residuals = super().forward(x)
        return y

    def backward(self, dy):
        return super().backward(self.residuals, dy)


def in_jax(at):
    @jax.custom_vjp
    def f(x):
        at("forward")
        return jnp.sin(x)

    def forward(x):
        return f(x), x

    def backward(x, dy):
        at("backward")
        return (dy * jnp.cos(x),)

    f.defvjp(forward, backward)
    return f


def in_torch(at):
    torch = torch_or_skip()

    class Sin(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            at("forward")
            ctx.save_for_backward(x)
            return torch.sin(x)

        @staticmethod
        def backward(ctx, dy):
            at("backward")
            return dy * torch.cos(*ctx.saved_tensors)

    return Sin


class OddError(BaseException):
    """What is not an Exception."""


KINDS = [Rule, Memory, of_functions, of_objects, in_jax, in_torch]
LEAVING = {
    "it called sys.exit(0)": SystemExit(0),
    "it called sys.exit()": SystemExit(),
    "it called sys.exit('no')": SystemExit("no"),
    "it raised GeneratorExit": GeneratorExit(),
    "it raised OddError: here": OddError("here"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", ["forward", "backward"])
@pytest.mark.parametrize("says", LEAVING)
def test_leaving_the_process_is_a_finding(kind, part, says):
    verdict = verify(kind(leaving(LEAVING[says], part)), X)
    assert verdict.status == "CONTRACT"
    assert f"{part} raises RuntimeError: {says}" in verdict.findings[0].message
    assert verdict.diagnosis


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", ["forward", "backward"])
def test_ctrl_c_passes_through(kind, part):
    with pytest.raises(KeyboardInterrupt):
        verify(kind(leaving(KeyboardInterrupt(), part)), X)


@pytest.mark.parametrize("kind", [Rule, Memory, of_objects])
def test_code_that_leaves_at_some_call_never_ends_the_judge(kind):
    for last in (2, 3, 5, 8, 13, 21, 34, 55, 89):
        calls = iter(range(last))

        def at(where, calls=calls):
            if next(calls, None) is None:
                raise SystemExit(0)

        verdict = verify(kind(at), X)
        assert str(verdict)


class MadeOnce:
    """A layer with a parameter, whose class leaves when another of it is made."""

    made = 0

    def __init__(self, w):
        type(self).made += 1
        if self.made > 1:
            raise SystemExit(0)
        self.w = w

    def forward(self, x):
        self.x = x
        return x * self.w

    def backward(self, dy):
        self.dw = dy * self.x * 1.1
        return dy * self.w


class Uncopied(Rule):
    """A rule whose copies leave."""

    def __deepcopy__(self, memo):
        raise SystemExit(0)


def test_a_constructor_that_leaves_never_ends_the_judge():
    MadeOnce.made = 0
    verdict = verify(MadeOnce(W), X, params={"w": "dw"})
    assert "1.1 times the right one" in verdict.diagnosis
    assert verdict.script


def test_a_copy_that_leaves_is_one_that_cannot_be_made():
    assert verify(Uncopied(leaving(None)), X)
    held = Uncopied(2.0)
    verdict = verify((lambda x: held.at * x * x, lambda dy, x: 2 * held.at * x * dy), X)
    assert verdict.ok


def test_a_name_that_leaves_is_an_exception():
    class Nameless(Rule):
        def __repr__(self):
            raise SystemExit(0)

    with pytest.raises(RuntimeError, match=r"it called sys.exit\(0\)"):
        verify(Nameless(leaving(None)), X)


def test_a_reference_that_leaves_is_refused_as_one_that_raises():
    def reference(x, w):
        raise SystemExit(3)

    says = r"the reference raises RuntimeError: it called sys.exit\(3\)"
    with pytest.raises(TypeError, match=says):
        verify(pair(1.0), X, W, reference=reference)


@pytest.mark.parametrize("precision", ["float64", "float16"])
def test_code_that_raises_at_some_call_gets_a_verdict(precision):
    for last in (*range(2, 30, 3), *range(30, 100, 9)):
        calls = iter(range(last))

        def at(where, calls=calls):
            if next(calls, None) is None:
                raise ValueError("not today")

        assert str(verify(Uncopied(at), X.astype(precision)))


# ---- Where forward gives no number, there is nothing to judge.

PLACES = np.arange(6).reshape(2, 3) % 2 == 0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_a_forward_that_is_nowhere_finite_is_vacuous(value, precision):
    x = X.astype(precision)
    value = x.dtype.type(value)
    verdict = verify((lambda x: 0 * x + value, lambda dy, x: (dy * value,)), x)
    assert verdict.status == "VACUOUS"
    (finding,) = verdict.findings
    assert finding.message == f"forward gives {value} everywhere: pass inputs at which it is finite"


def test_a_number_that_is_nan_is_vacuous():
    """Its spread is 0, by which nothing may be divided."""
    pair = (lambda x: np.sum(x) * np.nan, lambda dy, x: dy * np.ones_like(x))
    assert verify(pair, X).status == "VACUOUS"


# where forward is finite, the right slope; elsewhere another number
PARTLY = {
    "log": (np.log, lambda x: 1 / x, X),
    "sqrt": (np.sqrt, lambda x: 0.5 / np.sqrt(x), X),
    "exp": (np.exp, np.exp, np.array([1.0, -2.0, 900.0, 0.5])),
    "masked with NaN": (lambda x: np.where(PLACES, np.nan, x * x), lambda x: 2 * x * ~PLACES, X),
    "masked with inf": (lambda x: np.where(PLACES, -np.inf, x * x), lambda x: 2 * x * ~PLACES, X),
}


@pytest.mark.parametrize("name", PARTLY)
@pytest.mark.parametrize(("factor", "status"), [(1.0, "PASS"), (1.001, "WRONG")])
def test_where_forward_is_finite_it_is_judged(name, factor, status):
    f, slope, x = PARTLY[name]
    with np.errstate(all="ignore"):
        assert not np.all(np.isfinite(f(x)))
    verdict = verify((f, lambda dy, x: dy * factor * slope(x)), x)
    assert verdict.status == status, str(verdict)
    assert verdict.sees or status == "WRONG"


@pytest.mark.parametrize(
    ("f", "says"),
    [
        (lambda x: x.astype(object), "output 0 of forward is object"),
        (lambda x: x * 1j, "output 0 of forward is complex128"),
        (lambda x: (), r"forward returned \(\): the judge needs an output"),
    ],
    ids=["objects", "complex numbers", "nothing"],
)
def test_what_has_no_real_numbers_is_refused(f, says):
    with pytest.raises(TypeError, match=says):
        verify((f, lambda dy, x: dy), X)


@pytest.mark.parametrize("scale", [1e155, 1e200, 1e306])
@pytest.mark.parametrize("factor", [1, 1.01])
def test_numbers_whose_squares_overflow_do_not_pass(scale, factor):
    """Their sizes are not known, so that nothing is seen of an error."""
    pair = (lambda x: scale * np.sin(x), lambda dy, x: scale * factor * dy * np.cos(x))
    assert verify(pair, X).status in {"INCONCLUSIVE", "WRONG"}


def test_an_empty_output_is_vacuous():
    assert verify((lambda x: x[:0], lambda dy, x: np.zeros_like(x)), X).status == "VACUOUS"


# ---- Warnings, which may be errors.


def warning_where(is_so, part):
    """sin, that warns in a part where something is so."""

    def at(where, x):
        if where == part and is_so(x):
            warnings.warn("strange", UserWarning, stacklevel=2)

    def f(x):
        at("forward", x)
        return np.sin(x)

    def vjp(dy, x):
        at("backward", x)
        return dy * np.cos(x)

    return f, vjp


@pytest.mark.parametrize("part", ["forward", "backward"])
def test_a_warning_that_is_an_error_at_the_given_inputs_is_said(part):
    verdict = verify(warning_where(lambda x: True, part), X)
    assert verdict.status == "CONTRACT"
    assert f"{part} raises UserWarning: strange" in verdict.findings[0].message


@pytest.mark.parametrize("part", ["forward", "backward"])
@pytest.mark.parametrize(
    "is_so",
    [
        lambda x: np.max(np.abs(x), initial=0) > 10,
        lambda x: np.any(x == 0),
        lambda x: x.shape != X.shape,
        lambda x: not x.flags.c_contiguous,
        lambda x: x.flags.writeable,
        lambda x: x.dtype != float,
    ],
    ids=["large", "zero", "shape", "layout", "memory", "type"],
)
def test_a_warning_that_is_an_error_at_other_inputs_is_no_finding(part, is_so):
    assert verify(warning_where(is_so, part), X).status in {"PASS", "INCONCLUSIVE"}


# ---- Threads.


class Sleepless:
    """A rule that draws random numbers, for nothing."""

    def __init__(self, factor):
        self.factor = factor

    def forward(self, x):
        np.random.get_bit_generator().random_raw()
        random.gauss()
        return np.sin(x), (x,)

    def backward(self, residuals, dy):
        return (dy * np.cos(residuals[0]) * self.factor,)


def jobs():
    """Verdicts to be given, in every library."""
    yield from (lambda f=f: verify(pair(f), X, W) for f in (1.0, 1.01))
    yield from (lambda f=f: verify(Sleepless(f), X) for f in (1.0, 1.01))
    yield from (lambda f=f: verify(custom_vjp(f), X[0], W[0]) for f in (1.0, 1.01))
    yield from (lambda f=f: verify(torch_function(f), X, W) for f in (1.0, 1.01))
    yield lambda: verify(Layer(Tanh()), X.astype("float32"))
    yield lambda: verify(Tanh())


def test_threads_get_the_verdicts_that_one_after_the_other_gets():
    alone = [str(job()) for job in jobs()]
    before = state()
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        running = [threads.submit(lambda job=job: str(job())) for job in jobs()]
        together = [one.result() for one in running]
    assert together == alone
    assert state() == before


def test_numbers_that_were_replaced_are_spoken_of():
    verdict = verify(Tanh(), np.array([np.nan, 1.0, 2.0]))
    assert verdict.ok
    assert verdict.drawn == "others for the numbers of x where forward is not finite"
    assert not verify(Tanh(), np.array([3.0, 1.0, 2.0])).drawn
