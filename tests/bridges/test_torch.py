"""Every rule as a torch operation: its values, its gradients, and what autograd may do with them."""

import contextlib
import doctest
import gc
import weakref

import numpy as np
import pytest

import handgrad.bridges.torch as bridge
from handgrad import (
    Affine,
    Copy,
    Dropout,
    Exp,
    GaussianNLL,
    MatMul,
    Multiply,
    Negate,
    ReLU,
    SoftmaxCrossEntropyWithLabels,
    SpectralNorm,
    Split,
    Sqrt,
    Tanh,
    rules,
)
from handgrad.bridges import as_torch
from tests.bridges.points import as_tuple, point_of
from tests.rules_and_cases import ONE_OF_EACH
from tests.test_laws import FAMILIES, assert_same

torch = pytest.importorskip("torch", reason="torch is an extra")
pytest.importorskip("array_api_compat", reason="torch needs array-api-compat")

every_rule = pytest.mark.parametrize("rule", ONE_OF_EACH, ids=repr)
LINEAR = "Cholesky Det Eigh FixedPoint Inverse LogDet QR SingularValues Solve TriangularSolve"
DECOMPOSED = {SpectralNorm, *(getattr(rules, name) for name in LINEAR.split())}  # not in bfloat16
STEEP = {GaussianNLL}  # a small variance, which torch's fixed step of differences leaves behind
JACOBIAN = 20_000  # numbers that gradcheck compares one by one; of a larger one, a projection
NUMBERED = [
    *(r for r in FAMILIES if type(r) not in STEEP),
    *(
        pytest.param(r, marks=pytest.mark.slow)
        for r in ONE_OF_EACH
        if r not in FAMILIES and type(r) not in STEEP
    ),
]
DIFFERENCES = 1e-7  # with its step of 1e-6 they keep about eight digits
ONCE = r"can be differentiated only once in torch: use as_jax for a second derivative"


@every_rule
def test_an_operation_and_its_gradient_are_the_rules(rule):
    point = point_of(rule)
    inputs = tensors_of(point)
    y = as_tuple(as_torch(rule)(*inputs))
    assert_same([output.detach() for output in y], point.outputs())
    assert_same(gradients(y, inputs, point.dy), point.gradients())


@pytest.mark.parametrize("rule", NUMBERED, ids=repr)
def test_gradcheck_passes(rule):
    """Its numbers are those of the rule, which the test above compares: here for each family."""
    point = point_of(rule)
    large = sum(point.inputs[i].size for i in point.real) * sum(d.size for d in point.dy) > JACOBIAN
    assert torch.autograd.gradcheck(
        as_torch(rule), tensors_of(point), atol=DIFFERENCES, rtol=DIFFERENCES, fast_mode=large
    )


@every_rule
def test_the_layout_of_the_upstream_gradient_does_not_matter(rule):
    point = point_of(rule)
    inputs = tensors_of(point)
    for layout in (columns_first, every_second, repeated):
        dy = [layout(d) for d in point.dy]
        grads = gradients(as_tuple(as_torch(rule)(*inputs)), inputs, dy)
        assert_same(grads, point.gradients(d.numpy() for d in dy))


@every_rule
def test_each_output_may_be_used_alone(rule):
    point = point_of(rule)
    for used in range(len(point.dy)):
        inputs = tensors_of(point)
        y = as_tuple(as_torch(rule)(*inputs))[used]
        expected = point.gradients(d * (i == used) for i, d in enumerate(point.dy))
        assert_same(gradients([y], inputs, [point.dy[used]]), expected)


@every_rule
def test_each_input_may_be_differentiated_alone(rule):
    point = point_of(rule)
    for i, expected in zip(point.real, point.gradients(), strict=True):
        inputs = tensors_of(point)
        for j in point.real:
            inputs[j].requires_grad_(i == j)
        y = as_tuple(as_torch(rule)(*inputs))
        assert_same(gradients(y, inputs, point.dy), [expected])


@every_rule
def test_an_input_that_is_changed_in_place_raises_or_does_not_matter(rule):
    point = point_of(rule)
    for changed in range(len(point.inputs)):
        inputs = tensors_of(point)
        y = as_tuple(as_torch(rule)(*inputs))
        with torch.no_grad():
            inputs[changed].copy_(inputs[changed].flip(-1) if inputs[changed].ndim else 0.3)
        grads = None
        with contextlib.suppress(RuntimeError):
            grads = gradients(y, inputs, point.dy)
        if grads is not None:
            assert_same(grads, point.gradients())


@every_rule
def test_a_second_derivative_raises_in_one_sentence(rule):
    point = point_of(rule)
    inputs = tensors_of(point)
    y = as_tuple(as_torch(rule)(*inputs))
    grads = gradients(y, inputs, point.dy, create_graph=True)
    assert_same([dx.detach() for dx in grads], point.gradients())
    for i in point.real:
        with pytest.raises(RuntimeError, match=ONCE) as caught:
            torch.autograd.grad(sum(map(torch.sum, grads)), inputs[i], retain_graph=True)
        assert str(caught.value).startswith(repr(rule))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "dtype"),
    [
        (rule, dtype)
        for rule in ONE_OF_EACH
        for dtype in ("float32", "bfloat16")
        if dtype == "float32" or type(rule) not in DECOMPOSED
    ],
    ids=repr,
)
def test_a_dtype_stays_what_it_is(rule, dtype):
    point = point_of(rule)
    dtype = getattr(torch, dtype)
    inputs = [
        x.detach().to(dtype).requires_grad_(x.requires_grad) if x.is_floating_point() else x
        for x in tensors_of(point)
    ]
    y = as_tuple(as_torch(rule)(*inputs))
    grads = gradients(y, inputs, [torch.tensor(d, dtype=dtype) for d in point.dy])
    assert {array.dtype for array in (*y, *grads)} == {dtype}


X = np.array([0.5, -1.5, 2.5])


def leaf(x=X):
    return torch.tensor(x, requires_grad=True)


def slope(function, x):
    """The gradient of the sum of a function, in the graph."""
    return torch.autograd.grad(function(x).sum(), x, create_graph=True)[0]


@pytest.mark.parametrize(
    "differentiate",
    [
        lambda f, x: (slope(f, x) + x**2).sum().backward(),
        lambda f, x: torch.autograd.grad((slope(f, x) + x**2).sum(), x),
        lambda f, x: torch.autograd.grad(slope(f, x).sum(), x, allow_unused=True),
        lambda f, x: torch.autograd.grad(slope(lambda x: f(f(x)), x).sum(), x),
        lambda f, x: torch.autograd.functional.hessian(lambda x: f(x).sum(), x),
        lambda f, x: torch.autograd.functional.hvp(lambda x: f(x).sum(), x, x),
        lambda f, x: torch.autograd.functional.jvp(f, x, x),
    ],
    ids=["backward", "grad", "allow_unused", "chain", "hessian", "hvp", "jvp"],
)
def test_no_way_to_a_second_derivative_takes_the_gradient_for_a_constant(differentiate):
    with pytest.raises(RuntimeError, match=ONCE):
        differentiate(as_torch(Exp()), leaf())


def test_a_second_derivative_that_does_not_depend_on_the_rule_is_right():
    x, w = leaf(), leaf(X[::-1].copy())
    (dw,) = torch.autograd.grad((as_torch(Tanh())(x) * w**3).sum(), w, create_graph=True)
    (ddw,) = torch.autograd.grad(dw.sum(), w)
    assert_same([ddw.detach()], [np.tanh(X) * 6 * X[::-1]])


def test_an_error_of_the_rule_stays_as_it_is():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        as_torch(MatMul())(torch.ones(2, 3), torch.ones(2, 3))


def test_a_gradient_may_be_taken_twice_from_a_graph_that_is_kept():
    x = leaf()
    y = as_torch(Exp())(x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert_same([x.grad], [2 * np.exp(X)])


@pytest.mark.parametrize("rule", [Exp(), Negate()], ids=repr)
def test_a_graph_that_is_not_kept_raises_at_the_second_backward(rule):
    y = as_torch(rule)(leaf()).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.backward()


def test_the_derivative_is_the_rules_own_and_not_that_of_its_forward():
    class Tripled(ReLU):
        def backward(self, residuals, dy):
            return (3 * super().backward(residuals, dy)[0],)

    x = leaf()
    as_torch(Tripled())(x).sum().backward()
    assert x.grad.tolist() == [3.0, 0.0, 3.0]


def test_one_output_in_a_tuple_stays_in_a_tuple():
    (y,) = as_torch(Copy(1))(leaf())
    assert_same([y.detach()], [X])


def test_two_uses_of_one_tensor_add_up():
    x = leaf()
    as_torch(Multiply())(x, x).sum().backward()
    assert_same([x.grad], [2 * X])


@pytest.mark.parametrize("rule", [Exp(), Multiply(), MatMul(), Sqrt()], ids=repr)
def test_what_is_kept_may_not_be_changed_in_place(rule):
    inputs = tensors_of(point_of(rule))
    y = as_torch(rule)(*inputs)
    with torch.no_grad():
        (y if len(inputs) == 1 else inputs[0]).mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@pytest.mark.parametrize("rule", [Copy(), Split()], ids=repr)
def test_an_output_that_is_a_view_may_not_be_changed_in_place(rule):
    y, _ = as_torch(rule)(leaf(np.array([0.5, -1.5])) * 1)
    with pytest.raises(RuntimeError, match="view"):
        y.mul_(2)


def test_nothing_is_recorded_where_no_gradient_is_wanted():
    exp = as_torch(Exp())
    with torch.no_grad():
        assert exp(leaf()).grad_fn is None
    assert exp(torch.tensor(X)).grad_fn is None
    assert_same([exp(torch.tensor(X))], [np.exp(X)])


@pytest.mark.parametrize("rule", [Exp(), Negate()], ids=repr)
def test_a_graph_that_is_dropped_is_freed_at_once(rule):
    freed = []
    y = as_torch(rule)(leaf())
    weakref.finalize(y, freed.append, "y")
    gc.disable()  # a cycle would live on
    del y
    gc.enable()
    assert freed == ["y"]


def test_a_gradient_has_the_dtype_of_its_own_input():
    x, w = leaf(X.astype(np.float32)), torch.tensor(X, dtype=torch.bfloat16, requires_grad=True)
    as_torch(Multiply())(x, w).sum().backward()
    assert (x.grad.dtype, w.grad.dtype) == (torch.float32, torch.bfloat16)
    assert w.grad.tolist() == X.tolist()


def test_a_number_may_stand_where_a_tensor_does():
    multiply, x = as_torch(Multiply()), leaf(X.astype(np.float32))
    y = multiply(x, 0.1)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == torch.float32
    assert_same([x.grad], [np.full(3, 0.1, np.float32)])
    assert multiply(100, 2) == 200


@pytest.mark.parametrize("rule", [SoftmaxCrossEntropyWithLabels(), Dropout()], ids=repr)
def test_labels_and_masks_have_no_gradient(rule):
    x, t = tensors_of(point_of(rule))
    as_torch(rule)(x, t).sum().backward()
    assert t.grad is None
    assert x.grad.abs().sum() > 0


def test_hooks_see_what_is_saved():
    packed = []

    def pack(x):
        packed.append(tuple(x.shape))
        return x.numpy()

    x = leaf()
    with torch.autograd.graph.saved_tensors_hooks(pack, torch.from_numpy):
        y = as_torch(Multiply())(x.detach(), x)
    y.sum().backward()
    assert packed.count((3,)) == 2
    assert_same([x.grad], [X])


def test_a_net_that_is_computed_again_for_its_gradient_has_the_same_one():
    from torch.utils.checkpoint import checkpoint

    def net(W, b):
        return as_torch(Tanh())(as_torch(Affine())(x, W, b)).square().sum()

    (x, W, b), (_, V, c) = (tensors_of(point_of(Affine())) for _ in range(2))
    net(W, b).backward()
    checkpoint(net, V, c, use_reentrant=False).backward()
    assert_same([V.grad, c.grad], [W.grad, b.grad])


def test_the_graph_shows_the_rule_by_its_name():
    assert as_torch(ReLU())(leaf()).grad_fn.name() == "ReLUBackward"


def test_a_gradient_that_autograd_does_not_need_is_not_computed(monkeypatch):
    asked = []

    def backward(self, residuals, dy, *, needs=None):
        asked.append(needs)
        return original(self, residuals, dy, needs=needs)

    original = Affine.backward
    monkeypatch.setattr(Affine, "backward", backward)
    x, W, b = torch.tensor(X[None]), leaf(np.outer(X, X[:2])), leaf(X[:2])
    as_torch(Affine())(x, W, b).sum().backward()
    assert asked == [(False, True, True)]
    assert x.grad is None
    assert W.grad.shape == (3, 2)


def test_the_example_runs():
    result = doctest.testmod(bridge)
    assert result.attempted >= 5
    assert result.failed == 0


def tensors_of(point):
    """The inputs of a point, and the real ones ask for a gradient."""
    return [torch.tensor(x, requires_grad=i in point.real) for i, x in enumerate(point.inputs)]


def gradients(y, inputs, dy, **options):
    """The gradients of the inputs that ask for one."""
    asking = [x for x in inputs if x.requires_grad]
    return torch.autograd.grad(list(y), asking, list(map(torch.as_tensor, dy)), **options)


def columns_first(d):
    return torch.tensor(d.T.copy()).mT if d.ndim == 2 else torch.tensor(d)


def every_second(d):
    return torch.tensor(np.stack([d, np.full(d.shape, np.nan)], axis=-1))[..., 0]


def repeated(d):
    return torch.tensor(0.7, dtype=torch.float64).expand(d.shape)
