"""Ports to other languages, judged by golden vectors: good ones pass, and wrong ones are found."""

import ml_dtypes
import numpy as np
import pytest

from handgrad import rules
from handgrad.bridges import golden
from handgrad.common import npz
from handgrad.judge.verdict import Status
from handgrad.rules import catalog
from tests.bridges.few import DTYPES, arrays_of


def ported(vectors, port_of=lambda rule: rule, precisions=tuple(DTYPES)):
    """What a port gives: a rule that runs on NumPy in each precision itself, by name."""
    classes = {cls.__name__: cls for family in catalog.families().values() for cls in family}
    results = {}
    for entry in vectors.manifest.entries:
        if entry.precision not in precisions:
            continue
        dtype = DTYPES[entry.precision]
        rule = port_of(classes[entry.rule](**entry.options))
        inputs = [low(x, dtype) for x in arrays_of(vectors, entry, "input")]
        dy = tuple(low(d, dtype) for d in arrays_of(vectors, entry, "upstream"))
        with np.errstate(all="ignore"):
            y, residuals = rule.forward(*inputs)
            grads = rule.backward(residuals, dy if isinstance(y, tuple) else dy[0])
        found = {"output": y if isinstance(y, tuple) else (y,), "gradient": grads}
        for stored in entry.having("output", "gradient"):
            results[stored.name] = np.asarray(found[stored.role][stored.index]).astype(float)
            if entry.precision == "float32":
                results[stored.name] = results[stored.name].astype(np.float32)
    return results


def low(x, dtype):
    return x.astype(dtype) if np.issubdtype(x.dtype, np.floating) else x


# The whole gradient is a difference of equal numbers, which the noise of a vector does not tell.
CANCELLED = {("RMSNorm", "sizes 1"), ("TripletMargin", "far from 0")}
CANCELLED |= {(name, "sizes 1") for name in ("DoRA", "GatedRMSNorm", "QKNorm")}  # y is a sign
CANCELLED |= {(f"{kind}LinearAttention", "sizes 1") for kind in ("", "Causal")}  # y is v
CANCELLED |= {("CausalLinearAttention", case) for case in ("distinct sizes", "far from 0")}
# exp(s − L) has no more digits than L, and L few behind the point where scores are large.
CANCELLED |= {("TiledAttention", "far from 0")}
# Squares of numbers far from 0 hide the small differences that choose a path.
CANCELLED |= {("SoftDTW", "far from 0")}


def wrong_in(comparisons):
    return [comparison for comparison in comparisons if not comparison]


def test_the_rules_on_numpy_in_low_precision_are_good_ports(everything):
    comparisons = list(golden.judge(everything, ported(everything)))
    assert len(comparisons) == len(list(golden.check(everything)))
    assert {(c.entry.rule, c.entry.case) for c in wrong_in(comparisons)} <= CANCELLED
    comparisons = [c for c in comparisons if (c.entry.rule, c.entry.case) not in CANCELLED]
    # 5.5 with this seed, 6.5 with others; the limit is 16
    assert max(c.off_by for c in comparisons) < 10


def test_a_port_may_flush_what_no_normal_number_of_float32_is(tmp_path):
    vectors = golden.export([rules.L2Penalty(weight_decay=1e-46)], tmp_path / "tiny.npz")
    names = [name for name in vectors.arrays if "/float32/output/" in name]
    assert all(0 < vectors.arrays[name] < 2.0**-126 for name in names)
    comparisons = list(golden.judge(vectors, {name: np.float32(0) for name in names}))
    assert len(comparisons) == len(names) > 1
    assert all(comparisons)


class NaiveBatchNorm(rules.BatchNorm):
    """The variance as a mean of squares less a squared mean."""

    def forward(self, x, gamma, beta):
        mean = np.mean(x, axis=0)
        var = np.mean(x * x, axis=0) - mean * mean
        inv_s = 1 / np.sqrt(var + x.dtype.type(self.eps))
        x_hat = (x - mean) * inv_s
        return (gamma * x_hat + beta, mean, var), (x_hat, inv_s, gamma)


class TransposedConv2d(rules.Conv2d):
    """The kernel's gradient with rows for columns, in the shape that is right."""

    def backward(self, residuals, dy):
        dx, dW, db = super().backward(residuals, dy)
        return dx, np.swapaxes(dW, -1, -2).reshape(dW.shape), db


class UnshiftedSoftmax(rules.Softmax):
    """eˣ as it is, which overflows."""

    def forward(self, x):
        y = np.exp(x) / np.sum(np.exp(x), axis=self.axis, keepdims=True)
        return y, (y,)


@pytest.mark.parametrize(
    ("port", "cases", "arrays"),
    [
        (NaiveBatchNorm, {"far from 0"}, {"y0", "y2", "dx", "dgamma"}),
        (TransposedConv2d, {"distinct sizes", "far from 0"}, {"dW"}),
        (UnshiftedSoftmax, {"far from 0"}, {"y", "dx"}),
    ],
)
def test_a_wrong_port_is_found_in_float32_where_it_is_wrong(tmp_path, port, cases, arrays):
    rule = port.__mro__[1]
    vectors = golden.export([rule()], tmp_path / "one.npz")
    results = ported(vectors, lambda own: port(**vars(own)), ("float32",))
    wrong = wrong_in(golden.judge(vectors, results))
    assert {c.entry.case for c in wrong} == cases
    assert {c.name.split("/d")[0].split("/")[-1] for c in wrong} <= {"gradient", "y", "y0", "y2"}
    assert {c.name.rpartition("/")[2] for c in wrong} == arrays
    assert Status.WRONG in {c.status for c in wrong}


def moved(vectors, name, units, where=slice(None)):
    """One result, with some of its numbers moved by so many units of their noise."""
    (entry,) = (e for e in vectors.manifest.entries if name in {s.name for s in e.arrays})
    (stored,) = (s for s in entry.arrays if s.name == name)
    array = vectors.arrays[name].copy()
    noise = vectors.arrays[entry.noise_of(stored).name].astype(float)
    array.reshape(-1)[where] += units * noise.reshape(-1)[where]
    return {name: array}


@pytest.mark.parametrize(
    ("units", "status"),
    [
        (15.9, Status.PASS),
        (-15.9, Status.PASS),
        (16.1, Status.IMPRECISE),
        (-900, Status.IMPRECISE),
        (1100, Status.WRONG),
        (np.inf, Status.WRONG),
        (np.nan, Status.WRONG),
    ],
)
def test_the_limits_are_in_units_of_the_noise(few, units, status):
    (comparison,) = golden.judge(few, moved(few, "Affine/0/float32/gradient/dW", units))
    assert comparison.status is status
    assert bool(comparison) is (status is Status.PASS)


def test_one_number_in_a_thousand_may_be_beyond_the_limit_and_none_far_beyond(few):
    name = "Conv2d/2/float32/gradient/dx"
    assert 1000 <= few.arrays[name].size < 2000
    for units, where, passes in ((60, [7], True), (60, [7, 90], False), (65, [7], False)):
        (comparison,) = golden.judge(few, moved(few, name, units, where))
        assert bool(comparison) is passes


def test_a_bfloat16_result_without_one_right_digit_is_wrong_and_not_imprecise(few):
    name = "MatMul/0/bfloat16/output/y"
    (half,) = golden.judge(few, {name: 0.4 * few.arrays[name]})
    (all_of_it,) = golden.judge(few, {name: 2.6 * few.arrays[name]})
    assert half.status is Status.WRONG
    assert all_of_it.status is Status.WRONG
    (a_bit,) = golden.judge(few, {name: 1.3 * few.arrays[name]})
    assert a_bit.status is Status.IMPRECISE


def test_a_finding_names_rule_case_array_and_the_first_wrong_index(few):
    name = "MatMul/0/float32/output/y"
    result = moved(few, name, 2000, [5, 9])
    index = np.unravel_index(5, few.arrays[name].shape)
    (comparison,) = golden.judge(few, result)
    text = str(comparison)
    assert text.startswith(f"WRONG: MatMul(), distinct sizes, float32: {name} is off by 2e+03 ")
    assert f"at [{', '.join(map(str, index))}]: it is {result[name][index]}, and " in text


FORMS = {
    "float32": (
        lambda y: y.astype(np.float32),
        lambda y: y.astype(">f4"),
        np.asfortranarray,
        lambda y: np.repeat(y, 2, axis=-1)[..., ::2],
    ),
    "bfloat16": (
        lambda y: y.astype(np.float32),
        lambda y: y.astype(ml_dtypes.bfloat16).view(np.uint16),
        lambda y: y.astype(ml_dtypes.bfloat16).view(np.uint16).astype(">u2"),
        lambda y: y.astype(ml_dtypes.bfloat16).view("V2"),
        lambda y: y.astype(ml_dtypes.bfloat16),
        lambda y: y,
    ),
    "float64": (lambda y: y, lambda y: y.astype(">f8")),
}


@pytest.mark.parametrize("precision", FORMS)
def test_a_port_gives_its_numbers_in_the_form_that_it_has(few, precision, tmp_path):
    name = f"MatMul/0/{precision}/output/y"
    for form in FORMS[precision]:
        np.savez_compressed(tmp_path / "port.npz", **{name: form(few.arrays[name])})
        (comparison,) = golden.judge(few, golden.read_results(tmp_path / "port.npz", few))
        assert comparison
        assert comparison.numbers == few.arrays[name].size


@pytest.mark.parametrize(
    ("precision", "change", "sentence"),
    [
        ("float64", lambda y: y.astype(np.float32), "is float32, and must be float64 in float64"),
        (
            "float32",
            lambda y: y.astype(np.float16),
            "is float16, and must be float32 or float64 in",
        ),
        ("float32", lambda y: y.astype(int), "is int64, and must be "),
        ("float32", lambda y: y.astype(ml_dtypes.bfloat16).view(np.uint16), "is uint16, and "),
        (
            "bfloat16",
            lambda y: y.astype(str),
            "and must be float32 or float64 or uint16 or void16 in",
        ),
        ("float32", lambda y: y.reshape(-1), "has the shape (48,), and (2, 3, 2, 4) is right"),
        ("float32", lambda y: y[:0], "has the shape (0, 3, 2, 4), and "),
    ],
)
def test_another_dtype_or_shape_is_wrong(few, precision, change, sentence):
    name = f"MatMul/0/{precision}/output/y"
    (comparison,) = golden.judge(few, {name: change(few.arrays[name])})
    assert comparison.status is Status.WRONG
    assert (comparison.numbers, comparison.off_by) == (0, np.inf)
    assert sentence in str(comparison)


def test_a_subset_is_judged_and_nothing_else(few):
    name = "Softmax/0/float32/gradient/dx"
    own = {name: few.arrays[name], "Softmax/0/float32/input/x": np.zeros(3)}
    assert [c.name for c in golden.judge(few, own)] == [name]
    assert list(golden.judge(few, {})) == []


def test_a_name_that_the_file_does_not_have_is_answered_with_the_nearest(few, tmp_path):
    npz.write(tmp_path / "port.npz", {"Softmax/0/float32/gradiant/dx": np.arange(3.0)})
    with pytest.raises(ValueError, match="did you mean Softmax/0/float32/gradient/dx") as caught:
        golden.read_results(tmp_path / "port.npz", few)
    assert "port.npz holds Softmax/0/float32/gradiant/dx, which " in str(caught.value)


def test_golden_vectors_are_not_taken_for_a_port_s_results(few, file):
    with pytest.raises(ValueError, match="is itself a file of golden vectors"):
        golden.read_results(file, few)
