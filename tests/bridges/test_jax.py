"""Every rule as a JAX function: its values and gradients, under every transformation."""

import doctest
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import handgrad.bridges.jax as bridge
from handgrad import (
    Affine,
    BatchNorm,
    Dropout,
    Exp,
    Layer,
    Multiply,
    ReLU,
    SoftmaxCrossEntropyWithLabels,
    Tanh,
    verify,
)
from handgrad.bridges import as_jax
from handgrad.common.oracle import compiled
from handgrad.judge.oracles.jax import registered_reference
from tests.bridges.points import as_tuple, point_of
from tests.rules_and_cases import ONE_OF_EACH
from tests.test_laws import FAMILIES, assert_same, without_a_compiler

SAMPLES = 3  # in a batch
CLASSES = ONE_OF_EACH


def often(rules):
    """Every rule: these each time, the others where slow tests run."""
    others = (rule for rule in CLASSES if rule not in rules)
    return [*rules, *(pytest.param(rule, marks=pytest.mark.slow) for rule in others)]


def takes_several(parameter):
    """Whether a rule, or what marks it, has more than one input."""
    rule = parameter.values[0] if hasattr(parameter, "values") else parameter
    first, *others = inspect.signature(rule.forward).parameters.values()
    return bool(others) or first.kind is first.VAR_POSITIONAL


every_rule = pytest.mark.parametrize("rule", ONE_OF_EACH, ids=repr)
each_family = pytest.mark.parametrize("rule", often(FAMILIES), ids=repr)


@pytest.mark.parametrize(
    "rule", often(FAMILIES[::10]), ids=repr
)  # each operation by itself is slow
def test_a_function_and_its_gradient_are_the_rules(rule):
    point = point_of(rule)
    y, grads = vjp_of(as_jax(rule))(*jax.tree.map(jnp.asarray, (point.inputs, point.given)))
    assert_same(as_tuple(y), point.outputs())
    assert_same(real(grads, point), point.gradients())


@each_family
def test_a_function_and_its_gradient_may_be_compiled_together(rule):
    point = point_of(rule)
    y, grads = compiled(vjp_of(as_jax(rule)))(point.inputs, point.given)
    assert_same(as_tuple(y), point.outputs())
    assert_same(real(grads, point), point.gradients())


@each_family
def test_the_gradient_of_each_sample_is_the_one_that_a_loop_gives(rule):
    points = points_of(rule)
    inputs, dy = stacked([(point.inputs, point.given) for point in points])
    y, grads = without_a_compiler(jax.vmap(vjp_of(as_jax(rule))))(inputs, dy)
    assert_same(as_tuple(y), stacked([point.outputs() for point in points]))
    assert_same(real(grads, points[0]), stacked([point.gradients() for point in points]))


@pytest.mark.parametrize("first", [True, False], ids=["the first batched", "the others batched"])
@pytest.mark.parametrize("rule", list(filter(takes_several, often(FAMILIES))), ids=repr)
def test_an_input_that_all_samples_share_gets_the_sum_of_their_gradients(rule, first):
    places = range(len(point_of(rule).inputs))
    batched = [i for i in places if (i == 0) == first]
    points = points_of(rule, batched)
    inputs, dy = stacked([(point.inputs, point.given) for point in points])
    inputs = [x if i in batched else x[0] for i, x in enumerate(inputs)]
    function = jax.vmap(as_jax(rule), [0 if i in batched else None for i in places])
    y, grads = without_a_compiler(vjp_of(function))(inputs, dy)
    assert_same(as_tuple(y), stacked([point.outputs() for point in points]))
    expected = zip(points[0].real, stacked([point.gradients() for point in points]), strict=True)
    assert_same(
        real(grads, points[0]), [dx if i in batched else np.sum(dx, axis=0) for i, dx in expected]
    )


@each_family
def test_the_second_derivative_is_that_of_the_reference(rule):
    point, rng = point_of(rule), np.random.default_rng(4)
    xs = [point.inputs[i] for i in point.real]
    v = [rng.normal(size=x.shape) for x in xs]
    ours, theirs = (hessian_times(f, point) for f in (as_jax(rule), registered_reference(rule)))
    with jax.numpy_dtype_promotion("standard"):  # references mix counts and numbers
        actual, expected = (without_a_compiler(f)(xs, v) for f in (ours, theirs))
    scale = max(np.max(np.abs(wanted)) for wanted in expected)
    for dx, wanted in zip(actual, expected, strict=True):
        assert dx.shape == wanted.shape
        assert np.max(np.abs(dx - wanted)) <= 1e-10 * scale  # small variances cost digits


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@every_rule
def test_a_dtype_stays_what_it_is(rule, dtype):
    point = point_of(rule)
    arguments = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, dtype if x.dtype == float else x.dtype),
        (point.inputs, point.given),
    )
    y, grads = jax.eval_shape(vjp_of(as_jax(rule)), *arguments)
    assert {array.dtype for array in (*as_tuple(y), *real(grads, point))} == {jnp.dtype(dtype)}


def test_a_gradient_has_the_dtype_of_its_own_input():
    x, w = jnp.array([1.5, -2.5], jnp.float32), jnp.array([0.5, 3.0], jnp.bfloat16)

    def loss(w):
        return jnp.sum(as_jax(Multiply())(x, w * 2))  # 2 is where a float32 dw would be refused

    with jax.numpy_dtype_promotion("standard"):
        dw = jax.jit(jax.grad(loss))(w)
    assert dw.dtype == jnp.bfloat16
    assert dw.tolist() == [3.0, -5.0]


def test_the_derivative_is_the_rules_own_and_not_that_of_its_forward():
    class Tripled(ReLU):
        def backward(self, residuals, dy):
            return (3 * super().backward(residuals, dy)[0],)

    dx = jax.jit(jax.grad(lambda x: jnp.sum(as_jax(Tripled())(x))))(jnp.array([-0.5, 0.5]))
    assert dx.tolist() == [0.0, 3.0]


def test_arrays_of_numpy_are_computed_with_by_jax():
    y = as_jax(Exp())(np.array([0.0, 1000.0]))  # where NumPy would warn
    assert isinstance(y, jax.Array)
    assert y.tolist() == [1.0, np.inf]


def test_a_number_may_stand_where_an_array_does():
    multiply = as_jax(Multiply())
    assert multiply(100, 2) == 200
    dx, dn = jax.grad(lambda x, n: jnp.sum(multiply(x, n)), (0, 1))(jnp.array([3.0, 4.0]), 2.0)
    assert dx.tolist() == [2.0, 2.0]
    assert dn == 7.0


def test_whole_numbers_get_the_zeros_that_jax_has_for_them():
    x, n = jnp.array([0.5, -1.5, 2.5]), jnp.array([2, -1, 3])
    with jax.numpy_dtype_promotion("standard"):
        dx, dn = jax.vjp(as_jax(Multiply()), x, n)[1](x)
    assert dx.tolist() == [1.0, 1.5, 7.5]
    assert dn.dtype == jax.dtypes.float0


@pytest.mark.parametrize("rule", [SoftmaxCrossEntropyWithLabels(), Dropout()], ids=repr)
def test_labels_and_masks_get_the_zeros_that_jax_has_for_them(rule):
    point = point_of(rule)
    _, (_, dt) = vjp_of(as_jax(rule))(point.inputs, jnp.asarray(point.given))
    assert dt.dtype == jax.dtypes.float0
    assert dt.shape == point.inputs[1].shape


def test_a_mask_of_floats_gets_zeros():
    keep = jnp.array([1.0, 0.0, 1.0])
    _, d_keep = jax.vjp(as_jax(Dropout()), jnp.array([0.3, -1.2, 2.0]), keep)[1](keep)
    assert d_keep.tolist() == [0.0, 0.0, 0.0]
    assert d_keep.dtype == keep.dtype


def test_an_output_that_the_loss_does_not_use_has_gradient_zero():
    point = point_of(BatchNorm())
    dy, *others = point.dy

    def loss(*inputs):
        return jnp.vdot(as_jax(BatchNorm())(*inputs)[0], dy)

    grads = jax.jit(jax.grad(loss, (0, 1, 2)))(*point.inputs)
    assert_same(grads, point.gradients([dy, *map(np.zeros_like, others)]))


def test_a_net_that_is_computed_again_for_its_gradient_has_the_same_one():
    affine, tanh = as_jax(Affine()), as_jax(Tanh())
    x, W, b = point_of(Affine()).inputs

    def loss(W, b):
        return jnp.sum(tanh(affine(x, W, b)) ** 2)

    kept, again = (jax.jit(jax.grad(f, (0, 1)))(W, b) for f in (loss, jax.checkpoint(loss)))
    assert "remat" in str(jax.make_jaxpr(jax.grad(jax.checkpoint(loss)))(W, b))
    assert_same(again, kept)


def test_a_scan_over_layers_has_the_gradient_of_a_loop():
    tanh, multiply = as_jax(Tanh()), as_jax(Multiply())
    weights = jnp.array([0.4, -1.3, 2.1, 0.9])

    def scanned(w):
        return jax.lax.scan(lambda x, w: (tanh(multiply(x, w)), None), 0.8, w)[0]

    def looped(w):
        x = 0.8
        for i in range(4):
            x = jnp.tanh(x * w[i])
        return x

    assert_same([jax.grad(scanned)(weights)], [jax.grad(looped)(weights)])


def test_the_judge_passes_a_function_as_it_passes_its_rule():
    verdict = verify(as_jax(Tanh()), *point_of(Tanh()).inputs, reference=jnp.tanh)
    assert verdict.ok, str(verdict)
    assert verdict.subject == "Tanh"


def test_forward_mode_is_refused():
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(as_jax(Tanh()), (0.5,), (1.0,))


def test_the_graph_shows_the_rule_by_its_name():
    assert "name=Tanh" in str(jax.make_jaxpr(as_jax(Tanh()))(0.5))


@pytest.mark.parametrize(
    ("subject", "sentence"),
    [
        (ReLU, "ReLU is a class: pass a rule, such as ReLU()"),
        (jnp.tanh, "is not a rule: it has no forward and backward"),
        (Layer(ReLU()), "Layer(ReLU()) is not a rule, whose backward takes (residuals, dy): pass"),
    ],
)
def test_what_is_no_rule_is_refused_in_one_sentence(subject, sentence):
    with pytest.raises(TypeError) as caught:
        as_jax(subject)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_example_runs():
    result = doctest.testmod(bridge)
    assert result.attempted >= 5
    assert result.failed == 0


def vjp_of(function):
    """The value, and the gradient of every input."""

    def value_and_gradients(inputs, dy):
        y, vjp = jax.vjp(function, *inputs)
        return y, vjp(dy)

    return value_and_gradients


def real(grads, point):
    """The gradients of the inputs that have one."""
    return [grads[i] for i in point.real]


def hessian_times(function, point):
    """The Hessian of a curved function of the outputs, times a direction."""

    def loss(xs):
        moved = dict(zip(point.real, xs, strict=True))
        inputs = [moved.get(i, x) for i, x in enumerate(point.inputs)]
        outputs = zip(as_tuple(function(*inputs)), point.dy, strict=True)
        return sum(jnp.sum(jnp.sin(y + d)) for y, d in outputs)

    def slope(xs, v):
        return sum(map(jnp.vdot, jax.grad(loss)(xs), v))

    return jax.grad(slope)


def points_of(rule, places=None):
    """Points that differ in the inputs at these places, or in all, and in dy."""
    points = [point_of(rule) for _ in range(SAMPLES)]
    for n, point in enumerate(points):
        point.inputs = tuple(
            another(x, n) if places is None or i in places else x
            for i, x in enumerate(point.inputs)
        )
        point.dy = tuple(d * (1 - 0.3 * n) for d in point.dy)
    return points


def another(x, n):
    """Other numbers, labels or masks of the same domain."""
    return x * (1 - 0.2 * n) if x.dtype == float else np.roll(x, n)


def stacked(samples):
    """The samples as one, with arrays that have an axis more."""
    return jax.tree.map(lambda *arrays: np.stack(arrays), *samples)
