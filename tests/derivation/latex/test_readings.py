"""Single equations: how each is read, in the notation."""

import pytest

from handgrad.derivation.latex.section import sections_of
from handgrad.derivation.latex.translation import Translator
from handgrad.derivation.latex.verdict import judged

GIVENS = (
    "x : (n); y : (n); A : (n, n); B : (n, m); s : (); r : () positive; t : () label(n); "
    "q : (n) probability; μ : (); u_1 : (n); h_t : (n)"
)
READ = {
    # products, by the shapes
    r"z = A x": "z = A @ x",
    r"z = x^\top A": "z = x @ A",
    r"z = x^T y": "z = x @ y",
    r"z = x y^\top": "z = outer(x, y)",
    r"z = x \cdot y": "z = x @ y",
    r"z = x \odot y": "z = x * y",
    r"z = x \circ A y": "z = x * (A @ y)",
    r"z = x \odot B": "z = x[:, None] * B",
    r"z = B - x": "z = B - x[:, None]",
    r"z = \frac{B}{x}": "z = B / x[:, None]",
    r"z = \langle x, y \rangle": "z = inner(x, y)",
    r"z = x \otimes y": "z = outer(x, y)",
    r"z = s x": "z = s * x",
    r"z = 2sA": "z = 2 * s * A",
    r"z = x + \mathbf{1} s": "z = x + ones(n) * s",
    r"z = A^{-1} x": "z = inv(A) @ x",
    r"z = A^{-\top} x": "z = inv(A).T @ x",
    r"z = (A + I) x": "z = (A + eye(n)) @ x",
    r"z = s^{-1}": "z = 1 / s",
    r"z = x^{\odot 2}": "z = x**2",
    # functions
    r"z = \sigma(x)": "z = sigmoid(x)",
    r"z = \ln r": "z = log(r)",
    r"z = \log \sigma(s)": "z = log(sigmoid(s))",
    r"z = e^{-x}": "z = exp(-x)",
    r"z = \mathrm{e}^{s}": "z = exp(s)",
    r"z = \sin^2 s": "z = sin(s)**2",
    r"z = \operatorname{tr}(A B B^\top)": "z = trace(A @ B @ B.T)",
    r"z = \mathrm{ReLU}(x)": "z = relu(x)",
    r"z = \operatorname{shape}(B)": "z = B.shape",
    r"z = \operatorname{size}(B) s": "z = B.size * s",
    r"z = \operatorname{cumsum}(x, \text{reverse = } \text{True})": "z = cumsum(x, reverse=True)",
    r"z = \operatorname{tril}(A, \text{k = } -1)": "z = tril(A, k=-1)",
    r"z = \text{softmax}(x)": "z = softmax(x)",
    r"z = \max(0, x)": "z = maximum(0, x)",
    r"z = \tanh'(x)": "z = 1 - tanh(x)**2",
    r"z = \|x\|^2": "z = sum(x**2)",
    r"z = \|x\|_1": "z = sum(abs(x))",
    r"z = \lVert x - y \rVert_2": "z = norm(x - y)",
    r"z = |x|": "z = abs(x)",
    r"z = \log |A|": "z = log(det(A))",
    r"z = \sqrt{r}": "z = sqrt(r)",
    r"z = \frac12 r": "z = 1 / 2 * r",
    # indices
    r"z_i = \sum_j A_{ij} x_j": "z[i] = sum[j](A[i, j] * x[j])",
    r"z_i = \sum_{j=1}^{n} A_{i,j} x_j": "z[i] = sum[j : n](A[i, j] * x[j])",
    r"z = \sum_{i,j} A_{ij}": "z = sum[i, j](A[i, j])",
    r"z = \sum_{i \neq j} A_{ij} x_1": None,
    r"z = \sum_{i,j=1}^{n} A_{ij}": "z = sum[i : n, j : n](A[i, j])",
    r"z = \prod_{i} x_i": "z = prod[i](x[i])",
    r"z = \max_i x_i": "z = max[i](x[i])",
    r"z = x_1 + x_2": "z = x[0] + x[1]",
    r"z = q_t": "z = sum[k](where(k == t, q[k], 0))",
    r"z_i = q_i - \mathbf{1}[i = t]": "z[i] = q[i] - where(i == t, 1, 0)",
    r"z_i = \mathbb{1}_{\{i = t\}} + q_i": "z[i] = where(i == t, 1, 0) + q[i]",
    r"z = u_1 + y": "z = u_1 + y",
    r"z_{ij} = \delta_{ij} x_i": "z[i, j] = δ[i, j] * x[i]",
    r"z_i = i\, x_i": "z[i] = (i + 1) * x[i]",
    r"z = \sum_{i=2}^{n} x_i x_{i-1}": "z = sum[i : 1 : n](x[i] * x[i - 1])",
    # what is left out
    r"z = \underbrace{A x}_{\text{linear}}": "z = A @ x",
    r"z = \left( x + y \right)\,": "z = x + y",
    r"\boxed{z = x}": "z = x",
    r"z = {\color{red} x} \tag{1}": "z = x",
    r"z &= x": "z = x",
    r"z := x": "z = x",
    r"\hat{z} = x": "ẑ = x",
    r"\mathbf{z}_1 = \boldsymbol{x}": "z_1 = x",
    r"z(x) = 2x": "z = 2 * x",
    r"z = \begin{cases} s & \text{if } s > 0 \\ 0 & \text{otherwise} \end{cases}": (
        "z = where(s > 0, s, 0)"
    ),
    r"z = \begin{bmatrix} s \\ r \end{bmatrix}": "z = stack((s, r,))",
}


def section(equations, header=GIVENS):
    text = f"<!-- derivation: {header} -->\n\n" + "\n".join(f"$$\n{e}\n$$" for e in equations)
    (found,) = sections_of(text, "t.md", "t")
    return found


def readings(equations, header=GIVENS):
    """The equations as they were read, in their order."""
    translation = Translator(section(equations, header), 0).translated()
    return [f"{s.fronts[0]} = {link.texts[0]}" for s in translation.statements for link in s.links]


@pytest.mark.parametrize("latex", [k for k, v in READ.items() if v])
def test_an_equation_is_read(latex):
    assert readings([latex]) == [READ[latex]]


CLAIMS = {
    r"\frac{\partial L}{\partial x} = A^\top \frac{\partial L}{\partial z}": "dx = A.T @ dz",
    r"\nabla_x L = A^\top \nabla_z L": "dx = A.T @ dz",
    r"\partial L/\partial x = A^\top \partial L/\partial z": "dx = A.T @ dz",
    r"\frac{dL}{dx} = A^T \frac{dL}{dz}": "dx = A.T @ dz",
    r"\frac{\partial L}{\partial A} = \frac{\partial L}{\partial z} x^\top": "dA = outer(dz, x)",
    r"\frac{\partial L}{\partial A_{ij}} = \frac{\partial L}{\partial z_i} x_j": (
        "dA[i, j] = dz[i] * x[j]"
    ),
    r"\frac{\partial z}{\partial x} = A": "∂z/∂x = A",
    r"\frac{\partial z_i}{\partial x_j} = A_{ij}": "∂z[i]/∂x[j] = A[i, j]",
    r"\frac{\partial L}{\partial x} = \left(\frac{\partial z}{\partial x}\right)^\top \frac{\partial L}{\partial z}": (
        "dx = (∂z/∂x).T @ dz"
    ),
}


@pytest.mark.parametrize("latex", CLAIMS)
def test_a_derivative_is_read_and_holds(latex):
    header = f"{GIVENS}; loss L; z = A @ x"
    assert readings([latex], header) == [CLAIMS[latex]]
    verdict = judged(section([latex], header), 0)
    assert verdict.counts == {"hold": 1}


def test_readings_of_several_definitions_are_changed_one_after_the_other():
    mean = r"\operatorname{mean}_{\text{axis -1}}"
    lines = [rf"m = {mean}(x)", "c = x - m", rf"v = {mean}(c^2)", r"z = \frac{c}{\sqrt{v + 1}}"]
    verdict = judged(section(lines, "x : (N, D)"), 0)
    texts = [s.links[0].texts[0] for s in verdict.translation.statements]
    assert texts == [
        "mean(x, axis=-1, keepdims=True)",
        "x - m",
        "mean(c**2, axis=-1, keepdims=True)",
        "c / sqrt(v + 1)",
    ]


UNREAD = {
    r"z = \lambda x": "λ is not known",
    r"z = f(x)": "f is not known",
    r"z = A x_{ij}": "x has 1 axes, not 2",
    r"z = x^{2": "} is missing",
    r"z = \sqrt[3]{r}": "only square roots are read",
    r"z = \int x": "∫",
    r"z \approx x": "≈ is not checked",
    r"z = ": "nothing stands behind this =",
    r"dx = 2y": "say in the header",
    r"z = \begin{tikzpicture} x \end{tikzpicture}": "not read here",
}


@pytest.mark.parametrize("latex", UNREAD)
def test_what_is_not_read_says_why_and_where(latex):
    verdict = judged(section([latex]), 0)
    ((line, column, words),) = verdict.unread
    assert line == 4
    assert column >= 1
    assert UNREAD[latex].replace("∫", "int") in words


def test_a_column_is_that_of_the_sign_that_is_not_read():
    verdict = judged(section([r"z = x + \lambda y"]), 0)
    assert verdict.unread == [(4, 9, "λ is not known")]


def test_an_ambiguous_product_is_read_as_what_holds():
    header = "x : (n); w : (n)"
    inner = judged(section(["y = w x", r"\frac{\partial y}{\partial w} = x"], header), 0)
    assert inner.counts == {"define": 1, "hold": 1}
    entries = judged(
        section(["y = w x", r"\frac{\partial y_i}{\partial w_j} = \delta_{ij} x_i"], header), 0
    )
    assert entries.counts == {"define": 1, "hold": 1}


def test_a_square_matrix_power_is_read_as_what_holds():
    found = judged(section(["Y = X^2", r"dY = dX\, X + X\, dX"], "X : (n, n); differentials d"), 0)
    assert [link.text for link in found.outcome.links] == ["δX @ X + X @ δX"]
    assert found.counts == {"define": 1, "hold": 1}


def test_definitions_may_stand_in_any_order():
    assert readings(["z = v^2", "v = 2s"]) == ["z = v**2", "v = 2 * s"]


def test_a_recurrence_is_read_with_its_first_state():
    header = "x : (T, n); h_0 : (n); W : (n, n)"
    assert readings([r"h_t = \tanh(W h_{t-1} + x_t)"], header) == [
        "h[t + 1] = tanh(W @ h[t] + x[t])"
    ]


def test_a_name_with_its_arguments_is_the_name():
    header = f"{GIVENS}; k = sum(x * y)"
    assert readings([r"\frac{\partial k(x, y)}{\partial x} = y + 0 k(x, y)"], header) == [
        "∂k/∂x = y + 0 * k"
    ]


def test_an_alias_may_be_defined():
    equations = [r"\ell = \|x\|^2", r"\frac{\partial \ell}{\partial x} = 2x"]
    assert judged(section(equations, f"{GIVENS}; loss L; alias \\ell = L"), 0).counts == {
        "define": 1,
        "hold": 1,
    }


def counts(equations, header):
    return judged(section(equations, header), 0).counts


def test_a_node_with_the_argument_that_it_was_defined_with_is_the_node_and_no_product():
    equations = [r"f(x) = \sum_i x_i^2", r"f(x) = x^\top x", r"\nabla f(x) = 2x"]
    assert counts(equations, "x : (n); w : (n)") == {"define": 1, "hold": 2}


def test_a_name_that_an_equation_defines_is_never_a_constant():
    equations = [r"e = \int x", r"y = e^2 x"]
    assert counts(equations, "x : (n)") == {"NOT READ": 2}


def test_a_logarithm_of_what_another_equation_defines_is_not_a_name():
    assert counts([r"\log p = -x", "p = e^{-2x}"], "x : ()") == {"define": 1, "WRONG": 1}
    assert counts([r"\log p = -x", r"\frac{d \log p}{dx} = -1"], "x : ()") == {
        "define": 1,
        "hold": 1,
    }


def test_an_equation_with_a_condition_beside_it_is_checked_where_that_holds():
    for beside, wanted in ((r"\quad x_i > 0", "hold"), (r"\quad x_i < 0", "WRONG")):
        equations = ["y_i = |x_i|", r"\frac{\partial y_i}{\partial x_i} = 1" + beside]
        assert counts(equations, "x : (n)") == {"define": 1, wanted: 1}


def test_what_stands_in_code_defines_nothing():
    for quoted, wanted in (("$u = 2x$", {"define": 2}), ("`$u = 2x$`", {"NOT READ": 1})):
        text = f"<!-- derivation: x : (n) -->\n\nHere {quoted}.\n\n$$y = u + 1$$\n"
        (found,) = sections_of(text, "t", "t")
        assert judged(found, 0).counts == wanted


def test_indices_may_count_from_zero():
    equations = [r"y = \sum_{i=0}^{n-1} w_i x_i", r"\frac{\partial y}{\partial w_0} = x_0"]
    assert counts(equations, "x : (n); w : (n); indices 0") == {"define": 1, "hold": 1}
    assert counts(equations, "x : (n); w : (n)") == {"NOT READ": 2}


def test_the_output_is_that_by_whose_entries_is_differentiated():
    equations = [
        r"y_{ij} = \sum_k w_{ik} u_{kj}",
        "v = 2w",
        r"\frac{\partial L}{\partial w_{ik}} = \sum_j \frac{\partial L}{\partial y_{ij}} u_{kj}",
    ]
    assert counts(equations, "w : (n, m); u : (m, l); loss L; indices 0") == {
        "define": 2,
        "hold": 1,
    }


def test_an_axis_that_is_calculated_is_not_taken_for_another():
    equations = [r"s = \sum_{\text{axis -1}} x^2", r"u = \frac{x}{s}"]
    for seed in range(8):
        found = Translator(section(equations, "x : (N, K + 2)"), seed).translated()
        assert found.statements[1].links[0].texts[0] == "x / s[:, None]"


def test_a_shape_is_not_wrong_where_a_definition_may_have_another():
    equations = [
        r"s = \sum_{\text{axis 1}} x^2",
        r"y = \frac{x}{s}",
        r"\frac{\partial L}{\partial x} = \frac{\partial L}{\partial s_{:, \text{None}, :}} \odot x",
    ]
    assert counts(equations, "x : (N, 2, 2); loss L; indices 0") == {"define": 2, "NOT READ": 1}


D = r"\frac{\partial L}{\partial %s}"
FROM_0 = {
    "a range": (
        [r"y_n = w_n x_{n + 2}, \quad 0 \le n < N", rf"{D % 'w_n'} = {D % 'y_n'} x_{{n + %s}}"],
        ("2", "1"),
    ),
    "steps": (
        ["h_{0} = c", r"h_{t + 1} = h_{t} \odot v_{t}", rf"{D % 'v_{t}'} = {D % 'h_{t + 1}'} \odot h_{{%s}}"],
        ("t", "t + 1"),
    ),
    "a list": (
        [r"q, r = \left( 2 c, c^2 \right)", rf"{D % 'c'} = 2 {D % 'q'} + %s c \odot {D % 'r'}"],
        ("2", "3"),
    ),
    "a condition": (
        [r"y = c \odot \left[ c > 0 \right]", rf"{D % 'c'} = {D % 'y'} \odot \left[ c %s 0 \right]"],
        (">", "<"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", FROM_0)
def test_what_counts_from_0_holds_and_a_slip_in_it_is_wrong(form):
    (*equations, last), (right, wrong) = FROM_0[form]
    header = "x : (N + 2); w : (N); v : (T, C); c : (C); loss L; indices 0"
    for part, said in ((right, "hold"), (wrong, "WRONG")):
        found = counts([*equations, last % part], header)
        assert found.pop("define") >= len(equations)
        assert found == {said: 1}


def test_functions_that_need_themselves_are_not_read():
    equations = [r"\phi(u) = \phi(u) + 1", r"y = \phi(x)"]
    assert counts(equations, "x : (n)") == {"NOT READ": 2}


def test_a_display_that_is_not_closed_is_named_and_the_next_section_is_judged():
    header = "<!-- derivation: x : (N); loss L -->"
    right = "$$L = x^\\top x$$\n$$\\frac{\\partial L}{\\partial x} = 2x$$\n"
    for between in ("\n\n## Two\n\n", "\n\n"):
        text = f"# One\n{header}\n$$L = x^\\top x{between}{header}\n{right}"
        first, second = sections_of(text, "t.md", "t")
        assert judged(first, 0).unread == [(3, 1, "the $$ of line 3 is not closed")]
        assert judged(second, 0).counts == {"define": 1, "hold": 1}


def test_the_last_display_that_is_not_closed_is_named():
    text = "<!-- derivation: x : (N) -->\n\n$$y = 2x$$\n\n$$z = 3y\n"
    (found,) = sections_of(text, "t.md", "t")
    assert judged(found, 0).unread == [(5, 1, "the $$ of line 5 is not closed")]


def test_a_delimiter_that_the_text_names_opens_nothing():
    text = "<!-- derivation: x : (N) -->\n\n$$y = 2x$$\n\nA display begins with `$$`.\n"
    (found,) = sections_of(text, "t.md", "t")
    assert judged(found, 0).counts == {"define": 1}


@pytest.mark.parametrize("gradient", [r"\mathbf 1", r"2 \cdot \mathbf 1"])
@pytest.mark.parametrize("loss", [r"\int \sum_i p_i", r"\int p'_i"])
def test_what_depends_on_a_loss_that_was_not_read_is_not_read(loss, gradient):
    equations = ["p = 2q", f"L = {loss}", rf"\frac{{\partial L}}{{\partial q}} = {gradient}"]
    found = judged(section(equations, "q : (n); loss L"), 0)
    assert found.counts == {"define": 1, "NOT READ": 2}
    assert found.unread[-1][2] == "L is defined by line 7, which was not read"


def test_an_entry_of_a_name_with_a_prime_is_read():
    equations = ["q' = 2q", r"L = \sum_i q'_i"]
    header = "q : (n); loss L"
    assert readings(equations, header) == ["q_prime = 2 * q", "L = sum[i](q_prime[i])"]
    assert counts([*equations, r"\nabla_q L = 2 \cdot \mathbf 1"], header) == {
        "define": 2,
        "hold": 1,
    }
