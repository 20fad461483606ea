"""Nothing passes unseen: both sides of comparisons, lines that claim nothing, inputs without a line."""

import pytest

from handgrad import check

PPO = "l : (N)\no : (N)\nA : (N)\nε = 0.2\nr = exp(l - o)\nc = clip(r, 1 - ε, 1 + ε)\nL = -mean(minimum(r * A, c * A))\n"
SLOW = pytest.mark.slow
WRONG = {
    "a clip at four": "x : (N)\ny = minimum(maximum(x, -4), 4)\ndx = dy\n",
    "Huber's loss": "r : (N)\nL = sum(where(abs(r) <= 3, r**2 / 2, 3 * (abs(r) - 1.5)))\ndr = dL * r\n",
    "softplus": "x : (N)\ny = log(1 + exp(x))\ndx = dy * where(x > 20, 0, 1 / (1 + exp(-x)))\n",
    "ReLU6": "x : (N)\ny = minimum(maximum(x, 0), 6)\ndx = dy * (x > 0)\n",
    "hard-swish": "x : (N)\ny = x * clip(x + 3, 0, 6) / 6\ndx = dy * (2 * x + 3) / 6\n",
    "PPO without ε": f"{PPO}dl = -dL / N * where(r * A <= A, 1, 0) * A * r\n",
    "a threshold far out": "x : (N)\ny = where(x > 50, 2 * x - 50, x)\ndx = dy\n",
    "shrinkage of one sign": "x : (N)\ny = sign(x) * maximum(abs(x) - 2, 0)\ndx = dy * (x > 2)\n",
    "shrinkage with a sign": "x : (N)\ny = sign(x) * maximum(abs(x) - 2, 0)\ndx = dy * sign(x) * (abs(x) > 2)\n",
    "ELU, cut off": "x : (N)\ny = where(x > 0, x, exp(x) - 1)\ndx = dy * where(x > -5, where(x > 0, 1, exp(x)), 0)\n",
    "log cosh, cut off": "x : (N)\ny = log(cosh(x))\ndx = dy * where(abs(x) > 10, 1, tanh(x))\n",
    "a clipped gradient": "x : (N)\ny = x**2\ndx = clip(2 * x * dy, -50, 50)\n",
    "another threshold": "x : (N)\nb = 2\ny = where(b * x > 20, x, log(1 + exp(b * x)) / b)\ndx = dy * where(x > 20, 1, 1 / (1 + exp(-b * x)))\n",
    "a hinge far out": "s : (N)\nL = mean(maximum(8 - s, 0))\nds = -dL / N * ones(N)\n",
    "a norm far out": "x : (N)\nn = norm(x)\ny = where(n > 100, 100 * x / n, x)\ndx = where(n > 100, 100 / n, 1) * dy\n",
    "a sum far out": "x : (N, D)\ns = sum(x, axis=1)\ny = where(s > 40, 40, s)\ndx = dy[:, None] * ones((N, D))\n",
    "one side of a loss": "r : (N)\nL = sum(maximum(0.9 * r, -0.1 * r))\ndr = dL * 0.9 * (r > 0)\n",
    "a probability near zero": "p : (N) interval(0, 1)\ny = -log(maximum(p, 0.01))\ndp = -dy / p\n",
    "CELU without its scale": "x : (N)\na = 3\ny = maximum(x, 0) + minimum(0, a * (exp(x / a) - 1))\ndx = dy * where(x > 0, 1, exp(x))\n",
    "a threshold near zero": "x : (N)\ny = where(abs(x) < 0.01, x**2, abs(x))\ndx = dy * sign(x)\n",
}


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(n, marks=SLOW) for n in range(2, 10))])
@pytest.mark.parametrize("name", WRONG)
def test_an_error_beyond_ordinary_numbers_is_found(name, seed):
    assert check(WRONG[name], seed=seed).derivations[0].status == "WRONG"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("a clip at four", "a factor ((x > -4) * (maximum(x, -4) < 4)) is missing"),
        ("ReLU6", "a factor (maximum(x, 0) < 6) is missing"),
        ("a hinge far out", "a factor (8 - s > 0) is missing"),
        ("another threshold", "`x > 10` in the place of `x > 20`"),
    ],
)
def test_the_comparison_that_a_line_lacks_is_named(name, hint):
    (link,) = check(WRONG[name]).derivations[0].links
    assert hint in link.hint


def test_a_right_line_beyond_ordinary_numbers_passes():
    line = "dl = -dL / N * where(r * A <= c * A, 1, (r > 1 - ε) * (r < 1 + ε)) * A * r\n"
    assert all(check(PPO + line, seed=seed) for seed in range(10))


@pytest.mark.parametrize(
    ("text", "unseen"),
    [
        ("x : (N)\ny = where(x**2 < -1, 0, x)\ndx = dy\n", (2, "x ** 2 < -1 was never true")),
        ("x : (N) positive\ny = maximum(x, -1)\ndx = dy\n", (2, "x > -1 was never false")),
        ("x : (N)\ny = x\ndx = where(abs(x) >= 0, dy, 0)\n", (3, "abs(x) >= 0 was never false")),
    ],
)
def test_a_side_that_cannot_be_reached_is_named_and_does_not_pass(text, unseen):
    report = check(text)
    (derivation,) = report.derivations
    assert derivation.status == "INCOMPLETE"
    assert derivation.unseen == [unseen]
    assert f"{unseen[1]}, at any point" in " ".join(str(report).split())
    assert not report


def test_what_is_not_about_numbers_needs_no_other_side():
    assert check(
        "x : (N)\ny[i] = where(i == 0, x[i], 2 * x[i])\ndx[i] = where(i < N, dy[i] * (2 - δ[i, 0]), 0)\n"
    )


@pytest.mark.parametrize(
    "claim", ["dydx = 1 - y", "grad_x = 99 * y", "Dx = y", ""], ids=["dydx", "grad", "Dx", "none"]
)
def test_a_derivation_in_which_nothing_is_held_is_vacuous(claim, tmp_path, handgrad):
    text = f"x : (N)\ny = tanh(x)\n{claim}\n"
    report = check(text)
    assert report.derivations[0].status == "VACUOUS"
    assert not report
    path = tmp_path / "a.md"
    path.write_text(f"```derivation\n{text}```\n", encoding="utf-8")
    assert handgrad("verify", path)[0] == 1


def test_inputs_without_a_line_are_listed_and_no_error():
    report = check("x : (N, D)\nW : (D, M)\nb : (M)\ny = x @ W + b\ndx = dy @ W.T\n")
    assert report
    assert report.derivations[0].unstated == ["W", "b"]
    assert "no line for: W, b" in str(report)


LINEAR = "x : (N, D)\nW : (D, K)\nb : (K)\ny = x @ W + b\n"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("grad_W", "; a gradient is written dW"),
        ("dL_dW", "; a gradient is written dW"),
        ("d_W", "; a gradient is written dW"),
        ("W_grad", "; a gradient is written dW"),
        ("dbb", ": did you mean db?"),
        ("other", ""),
    ],
)
def test_a_name_after_the_output_that_no_line_uses_is_said_to_be_unchecked(name, hint):
    said = f"not checked: {name}, which no line uses{hint}"
    report = check(f"{LINEAR}dx = dy @ W.T\n{name} = 5 * (x.T @ dy)\n")
    assert report.derivations[0].status == "PASS"
    assert said in report.derivations[0].remarks()
    report = check(f"{LINEAR}{name} = 5 * (x.T @ dy)\n")
    assert report.derivations[0].status == "VACUOUS"
    assert said in report.derivations[0].remarks()


def test_a_gradient_by_another_name_that_reads_as_the_output_is_named_too():
    (derivation,) = check("x : (N)\ny = tanh(x)\ngrad_x = 99 * y\n").derivations
    said = "not checked: grad_x, which no line uses; a gradient is written dx"
    assert said in derivation.remarks()


@pytest.mark.parametrize(
    "lines",
    [
        "g = dy @ W.T\ndx = g\n",
        "g = dy @ W.T\ng = (W @ dy.T).T\n",
        "g = x.T @ dy = (dy.T @ x).T\n",
        "g, h = dy, x\ndx = g @ W.T\n",
        "dW = x.T @ dy\n",
    ],
)
def test_what_a_line_uses_or_two_links_state_is_not_said_to_be_unchecked(lines):
    (derivation,) = check(LINEAR + lines).derivations
    assert derivation.status == "PASS"
    assert derivation.unchecked == []


@pytest.mark.parametrize("given", ["x : (N) const", "x : (N) mask", "x : (N) label(3)"])
def test_what_has_no_gradient_is_not_missed(given):
    report = check(f"{given}\nw : (N)\ny = w * x\ndw = dy * x\n")
    assert report
    assert report.derivations[0].unstated == []
