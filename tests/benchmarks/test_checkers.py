"""The checkers of the benchmark judge what they are given, and nothing ends the benchmark."""

import copy
import os
import time

import numpy as np
import pytest

from tests.benchmarks.checkers import CHECKERS, Case, Count, Rejection
from tests.benchmarks.processes import answers
from tests.judge.zoo.catalog import named
from tests.judge.zoo.layers import Layer, UsedUp
from tests.judge.zoo.mutation import each
from tests.judge.zoo.witnesses import as_tuple

OPERATIONS = named("sin", "affine", "cross_entropy", "polar", "where")
EXTRAS = {"torch": "torch", "chex": "chex", "HIPS": "autograd"}


@pytest.fixture(params=CHECKERS)
def checker(request):
    extra = EXTRAS.get(request.param.split()[0])
    if extra:
        pytest.importorskip(extra, reason=f"{extra} is an extra")
    return CHECKERS[request.param]


def case(operation, subject):
    inputs = operation.draw(np.random.default_rng(3))
    return Case(subject, inputs, tuple(map(np.asarray, as_tuple(operation.f(*inputs)))), 0)


def reason(checker, operation, subject):
    with Rejection() as rejection:
        checker(case(operation, subject))
    return rejection.reason


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_a_right_pair_is_accepted(checker, operation):
    assert reason(checker, operation, operation.make()) == ""


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_a_doubled_gradient_is_rejected(checker, operation):
    doubled = each(lambda dx: 2 * dx)(operation.vjp, operation.f)
    assert reason(checker, operation, (operation.f, doubled))


@pytest.mark.parametrize("kind", [Layer, UsedUp])
def test_a_right_layer_is_accepted(checker, kind):
    (operation,) = named("affine")
    assert reason(checker, operation, kind(operation)) == ""


def test_a_checker_sees_the_last_of_the_gradients(checker):
    (operation,) = named("affine")

    def spoiled(dy, *inputs):
        dx, dW, db = operation.vjp(dy, *inputs)
        return dx, dW, db + 1

    assert reason(checker, operation, (operation.f, spoiled))


def test_a_count_weighs_calls_by_their_numbers():
    (operation,) = named("affine")
    x, W, b = operation.draw(np.random.default_rng(0))
    count = Count()
    f, vjp = count.watch(operation.make())
    vjp(f(x, W, b), x, W, b)
    f(x[:1], W, b)
    assert count.calls == [2, 1]
    assert count.numbers == [15 + 12 + 4 + 3 + 12 + 4, 15 + 12 + 4]


def test_a_copied_layer_is_counted_with_its_original():
    (operation,) = named("sin")
    count = Count()
    layer = count.watch(Layer(operation))
    layer.forward(np.zeros(3))
    copy.deepcopy(layer).backward(np.ones(3))
    assert count.calls == [1, 1]
    assert count.numbers == [3, 3]


def test_a_crash_and_a_hang_cost_one_answer_each():
    jobs = ["answer", "crash", "answer", "hang", "answer"]
    assert list(answers(_work, jobs, 10, 1)) == ["done", None, "done", None, "done"]


def _work(job):
    if job == "crash":
        os._exit(3)
    if job == "hang":
        time.sleep(1e6)
    return "done"
