"""Slips: what people get wrong in an equation, each in one place of `right.md`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Slip:
    """A section of `right.md`, a part of it, and what is said instead."""

    title: str
    right: str
    wrong: str

    def __str__(self):
        return f"{self.title}: {self.wrong}"


def slips(title, *pairs):
    """The slips in one section."""
    return [Slip(title, *pair) for pair in pairs]


SLIPS = [
    *slips(
        "Lecture slides: a linear layer in a batch",
        (r"= X^\top \frac{\partial L}{\partial Y}", r"= X \frac{\partial L}{\partial Y}"),
        (r"= X^\top \frac{\partial L}{\partial Y}", r"= \frac{\partial L}{\partial Y} X^\top"),
        (r"\frac{\partial L}{\partial Y} W^\top", r"\frac{\partial L}{\partial Y} W"),
        (
            r"\left(\frac{\partial L}{\partial Y}\right)^{\!\top} \mathbf{1}",
            r"\frac{\partial L}{\partial Y}",
        ),
    ),
    *slips(
        "Blog post: softmax and cross-entropy",
        ("p_i (1 - p_i) &", "p_i (1 + p_i) &"),
        ("-p_i p_j &", "p_i p_j &"),
        (r"= -\frac{t_i}{p_i}", r"= \frac{t_i}{p_i}"),
        ("= p_j - t_j", "= t_j - p_j"),
        (r"\nabla_z L = p - t", r"\nabla_z L = p - 1"),
        (r"\sum_i \frac{\partial L}{\partial p_i}", r"\frac{\partial L}{\partial p_j}"),
    ),
    *slips(
        "Textbook: back-propagation in a net of two layers",
        (r"\delta^{(2)} h^T", r"h^T \delta^{(2)}"),
        (r"(W^{(2)})^T \delta^{(2)}", r"W^{(2)} \delta^{(2)}"),
        (r"(1 - h \odot h)", "(1 - h)"),
        (r"&= \delta^{(1)} x^T", r"&= \delta^{(1)} h^T"),
        (
            r"\frac{\partial E}{\partial b_1} &= \delta^{(1)}",
            r"\frac{\partial E}{\partial b_1} &= -\delta^{(1)}",
        ),
    ),
    *slips(
        "Course notes: logistic regression",
        (r"\frac{1}{m} X^T (h - y)", r"X^T (h - y)"),
        (r"\frac{1}{m} X^T (h - y)", r"\frac{1}{m} X (h - y)"),
        (r"\frac{1}{m} X^T (h - y)", r"\frac{1}{m} X^T (y - h)"),
        ("(h_i - y_i) X_{ij}", "(h_i - y_i) X_{ji}"),
        (r"\frac1m \sum_{i=1}^m (h_i", r"\sum_{i=1}^m (h_i"),
    ),
    *slips(
        "Forum answer: the derivative of the sigmoid",
        (r"&= \frac{e^{-x}}{(1+e^{-x})^2}", r"&= -\frac{e^{-x}}{(1+e^{-x})^2}"),
        (r"\cdot \frac{e^{-x}}{1+e^{-x}}", r"\cdot \frac{e^{x}}{1+e^{-x}}"),
        (r"&= \sigma (1 - \sigma)", r"&= \sigma (1 - \sigma^2)"),
    ),
    *slips(
        "Matrix-calculus text: quadratic forms",
        (r"(A + A^\top) x + b", "2 A x + b"),
        (r"= x x^\top", r"= x^\top x"),
        (r"\nabla_b f = x", r"\nabla_b f = b"),
    ),
    *slips(
        "Matrix-calculus text: traces",
        ("= A^T B^T", "= B^T A^T"),
        ("= (BA)^T", "= (AB)^T"),
        (r"= B^\top X^\top", "= XB"),
    ),
    *slips(
        "Matrix-calculus text: determinants",
        (r"= A^{-\top}", "= A^{-1}"),
        (r"(A^{-1})^\top", r"\det(A) (A^{-1})^\top"),
    ),
    *slips(
        "Matrix-calculus text: the inverse",
        (
            r"= -Y^\top \frac{\partial L}{\partial Y} Y^\top",
            r"= -Y \frac{\partial L}{\partial Y} Y",
        ),
        (r"-A^{-\top} \frac", r"A^{-\top} \frac"),
    ),
    *slips(
        "Statistics notes: maximum likelihood of a Gaussian",
        (
            r"\frac{1}{\sigma^2} \sum_{i=1}^n (x_i - \mu)",
            r"\frac{1}{\sigma} \sum_{i=1}^n (x_i - \mu)",
        ),
        (
            r"\frac{1}{\sigma^2} \sum_{i=1}^n (x_i - \mu)",
            r"\frac{1}{2\sigma^2} \sum_{i=1}^n (x_i - \mu)",
        ),
        (r"= -\frac{n}{\sigma} +", r"= \frac{n}{\sigma} +"),
        (r"\frac{1}{\sigma^3}\sum", r"\frac{1}{\sigma^2}\sum"),
    ),
    *slips(
        "Statistics notes: least squares and ridge",
        (r"= -2 X^\top (y - X\beta)", r"= -X^\top (y - X\beta)"),
        (r"+ 2\lambda\beta", r"+ \lambda\beta"),
        (r"= 2(y - X\beta)", r"= -2(y - X\beta)"),
        (r"= \beta^\top\beta", r"= 2\beta^\top\beta"),
    ),
    *slips(
        "Statistics notes: Poisson regression",
        (r"(y_i - \mu_i) X_{ij}", r"(\mu_i - y_i) X_{ij}"),
        (r"(y_i - \mu_i) X_{ij}", r"(y_i - \mu_i) \mu_i X_{ij}"),
    ),
    *slips(
        "Paper: batch normalization",
        (
            r"\frac{\partial \ell}{\partial y_i} \cdot \gamma",
            r"\frac{\partial \ell}{\partial y_i} \cdot \beta",
        ),
        (r"\frac{-1}{2} (", r"\frac{1}{2} ("),
        ("^{-3/2}", "^{-1/2}"),
        (r"\partial y_i} \cdot \hat x_i", r"\partial y_i} \cdot x_i"),
        (
            r"\beta} &= \sum_{i=1}^m \frac{\partial \ell}{\partial y_i}",
            r"\beta} &= \frac{1}{m}\sum_{i=1}^m \frac{\partial \ell}{\partial y_i}",
        ),
    ),
    *slips(
        "Paper: layer normalization",
        (r"= g \odot \frac{\partial L}{\partial y}", r"= b \odot \frac{\partial L}{\partial y}"),
        (r"= \frac{1}{\sigma}\left(", r"= \sigma\left("),
        (r"- \hat{x}_i \frac{1}{H}", r"- x_i \frac{1}{H}"),
        (r"\partial \hat{x}_j}\hat{x}_j \right)", r"\partial \hat{x}_j} \right)"),
        (r"\frac{\partial L}{\partial y} \odot \hat{x}", r"\frac{\partial L}{\partial y} \odot x"),
    ),
    *slips(
        "Paper: attention",
        (r"= P^\top \frac{\partial L}{\partial O}", r"= P \frac{\partial L}{\partial O}"),
        (r"\frac{\partial L}{\partial O} V^\top", r"\frac{\partial L}{\partial O} V"),
        (
            r"\frac{1}{\sqrt{d_k}} \frac{\partial L}{\partial S} K",
            r"\frac{\partial L}{\partial S} K",
        ),
        (
            r"\frac{1}{\sqrt{d_k}} \left(\frac{\partial L}{\partial S}\right)^\top Q",
            r"\frac{1}{\sqrt{d_k}} \frac{\partial L}{\partial S} Q",
        ),
        (r"- \sum_{k} P_{ik}", r"- \sum_{k} P_{kj}"),
        (r"= P_{ij}\left(", r"= \left("),
    ),
    *slips(
        "Code-like notes: gradients by d",
        (r"dW = x^T ds", r"dW = ds\, x^T"),
        (r"\mathbb{1}[s > 0]", r"\mathbb{1}[s < 0]"),
        (r"\mathbb{1}[s > 0]", r"\max(0, s)"),
        (r"db_j = \sum_i ds_{ij}", r"db_j = \sum_i ds_{ji}"),
        (r"dx = ds\, W^T", r"dx = dy\, W^T"),
    ),
    *slips(
        "Differentials: the matrix way",
        (r"dX\, W + X\, dW", r"dX\, W - X\, dW"),
        (r"dX\, W + X\, dW", r"X\, dW"),
    ),
    *slips(
        "Automatic differentiation survey: dots and bars",
        (r"- \dot x_2 \cos x_2", r"- \dot x_2 \sin x_2"),
        (r"\left( x_2 + \frac{1}{x_1} \right)", r"\left( x_1 + \frac{1}{x_1} \right)"),
        (r"(x_1 - \cos x_2)", r"(x_1 + \cos x_2)"),
    ),
    *slips(
        "Physics notes: a pendulum's energy",
        (r"= \frac{p}{m \ell^2}", r"= \frac{2p}{m \ell^2}"),
        (r"= m g \ell \sin\theta", r"= -m g \ell \sin\theta"),
    ),
    *slips(
        "Economics notes: Cobb and Douglas",
        (r"A K^{\alpha - 1} L", r"A K^{\alpha} L"),
        (r"(1-\alpha) \frac{Y}{L}", r"\alpha \frac{Y}{L}"),
    ),
    *slips("Robotics notes: a Jacobian", (r"-a\sin\theta_1 - b", r"a\sin\theta_1 - b")),
    *slips(
        "Recommender notes: matrix factorization",
        (r"-2 e q + 2\lambda p", r"-2 e p + 2\lambda p"),
        (r"-2 e p + 2\lambda q", r"-2 e p + \lambda q"),
    ),
    *slips(
        "Word vectors: negative sampling",
        (r"\left(\sigma(u^\top v) - 1\right) v", r"\left(1 - \sigma(u^\top v)\right) v"),
        (r"\Big) v_j$$", r"\Big) u_j$$"),
    ),
    *slips(
        "Variational autoencoder: the divergence",
        (r"\mu} = \mu$$", r"\mu} = 2\mu$$"),
        (r"\frac{1}{2}\left(e^{s_j} - 1\right)", r"e^{s_j} - 1"),
    ),
    *slips(
        "Reinforcement learning: a softmax policy",
        (r"\mathbf{1}[i = a] - \pi_i", r"1 - \pi_i"),
        (r"\mathbf{1}[i = a] - \pi_i", r"\pi_i - \mathbf{1}[i = a]"),
    ),
    *slips(
        "Support vectors: the hinge",
        ("-y x &", "y x &"),
        (r"\text{if } y f < 1", r"\text{if } y f > 1"),
    ),
    *slips(
        "Robust statistics: Huber",
        (r"r & |r| \le 1 \\ \mathrm{sign}(r)", r"2r & |r| \le 1 \\ \mathrm{sign}(r)"),
    ),
    *slips(
        "Activation zoo",
        (r"x\,\sigma(x)\,(1 - \sigma(x))", r"\sigma(x)\,(1 - \sigma(x))"),
        (r"y + \sigma(x)(1 - y)", r"y + \sigma(x)(1 + y)"),
        (r"x \odot (1 - \tanh^2 u)", r"x \odot (1 - \tanh u)"),
    ),
    *slips(
        "Signal processing: convolution", ("x_{n+k-1}", "x_{n+k-2}"), ("x_{n+k-1}", "x_{n-k+1}")
    ),
    *slips(
        "Metric learning: cosine similarity", (r"- c\,\frac{a}{\|a\|^2}", r"- c\,\frac{a}{\|a\|}")
    ),
    *slips(
        "Contrastive learning: InfoNCE",
        (r"\frac{1}{\tau}\left(q_k", r"\left(q_k"),
        (r"\mathbb{1}[k = 1]", r"\mathbb{1}[k = 2]"),
    ),
    *slips(
        "Gaussian processes: the marginal likelihood",
        (r"= -\alpha", r"= \alpha"),
        (r"\alpha\alpha^\top - K^{-1}", r"\alpha\alpha^\top + K^{-1}"),
    ),
    *slips(
        "Principal components: a reconstruction",
        ("= 2R", "= R"),
        (r"X^\top R W + R^\top X W", r"X^\top R W"),
    ),
    *slips(
        "Residual nets",
        (r"+ W^\top \left(", r"+ W \left("),
        (r"= \frac{\partial L}{\partial y} + W", "= W"),
    ),
    *slips("Low-rank adapters", (r"= A^\top x^\top", r"= x^\top A^\top"), (r"\, B^\top", r"\, B")),
    *slips(
        "Gated units",
        (r"\partial b} W^\top", r"\partial b} W^\top"),
        (r"\odot a \odot \sigma(b)", r"\odot \sigma(b)"),
        (
            r"\frac{\partial L}{\partial a} W^\top + \frac",
            r"\frac{\partial L}{\partial a} V^\top + \frac",
        ),
    ),
    *slips(
        "Jacobians in the numerator layout",
        (r"\operatorname{diag}(1 - y^2) W", r"W \operatorname{diag}(1 - y^2)"),
    ),
    *slips("Jacobians in the denominator layout", (r"2 W^\top z", r"W^\top z")),
    *slips(
        "A chain of scalars",
        (r"\cos(u) \cdot 2xy", r"\cos(u) \cdot 2x"),
        (r"= \frac{v}{w}$$", r"= \frac{1}{2w}$$"),
        (r"\frac{v \cos u}{w} x^2", r"\frac{v \cos u}{w} 2x"),
    ),
    *slips(
        "Mixture of Gaussians",
        (r"\gamma_k \frac{x - \mu_k}{\sigma_k^2}", r"\gamma_k \frac{\mu_k - x}{\sigma_k^2}"),
        (r"= \frac{\gamma_k}{\pi_k}", r"= \gamma_k"),
    ),
    *slips("Focal loss", (r"2p\log p + p - 1", r"2\log p + p - 1")),
    *slips(
        "Newton's method: a Hessian by rows",
        (r"\frac{\partial f}{\partial x} = A x", r"\frac{\partial f}{\partial x} = 2A x"),
    ),
    *slips(
        "Kalman filter: an update",
        ("= I - K H", "= I - H K"),
        (r"\partial z} = K", r"\partial z} = -K"),
    ),
    *slips(
        "A README with inline shapes",
        (r"= X^\top \frac", r"= X \frac"),
        (
            r"\sum_{i=1}^{N} \frac{\partial L}{\partial \hat{y}_i}",
            r"\frac1N \sum_{i=1}^{N} \frac{\partial L}{\partial \hat{y}_i}",
        ),
    ),
    *slips(
        "Course notes: the Hessian of logistic regression",
        (
            r"\partial w^\top} = X^\top \operatorname{diag}(p \odot (1-p)) X",
            r"\partial w^\top} = X^\top \operatorname{diag}(p) X",
        ),
        (r"\nabla_w^2 L = X^\top \operatorname{diag}(p \odot (1-p)) X", r"\nabla_w^2 L = X^\top X"),
        ("p_n (1-p_n) X_{ni}", "p_n (1+p_n) X_{ni}"),
    ),
    *slips(
        "Optimization notes: a quadratic form and its Hessian",
        (r"\nabla_x^2 f = \frac12 (A + A^\top)", r"\nabla_x^2 f = A"),
    ),
    *slips(
        "Optimization notes: ∇ of a function of one input",
        (r"\nabla f(x) = \frac12 (A + A^\top) x + b", r"\nabla f(x) = A x + b"),
        (r"\nabla^2 f(x) = \frac12 (A + A^\top)", r"\nabla^2 f(x) = A + A^\top"),
        (r"= \frac{A + A^\top}{2}", "= A"),
    ),
    *slips(
        "Exercise: second derivatives of the Rosenbrock function",
        ("(y - 3x^2)$$", "(y - x^2)$$"),
        ("= -400x", "= 400x"),
        ("= 200", "= 100"),
    ),
    *slips(
        "Exercise: the second derivative of tanh",
        ("= -2 y (1 - y^2)", "= -2 y"),
    ),
    *slips(
        "Paper appendix: the Hessian of softmax and cross-entropy",
        (r"p_i(\delta_{ij} - p_j)", "p_i(1 - p_j)"),
        (r"- p p^\top", r"+ p p^\top"),
    ),
    *slips(
        "Lecture: an expectation over classes",
        ("= q_k", "= f_k"),
    ),
    *slips(
        "Lecture: the policy gradient of a bandit",
        (r"= \pi_k (R_k - J)", "= R_k - J"),
        (r"(\delta_{ak} - \pi_k)", r"(\delta_{ak} - \pi_a)"),
    ),
    *slips(
        "Physics notes: a linear layer in Einstein's sums",
        (r"\frac{\partial L}{\partial y_i} W_{ij}", r"\frac{\partial L}{\partial y_i} W_{ji}"),
        (r"\frac{\partial L}{\partial y_i} x_j", r"\frac{\partial L}{\partial y_j} x_i"),
    ),
    *slips(
        "README: labels in the header as LaTeX writes them",
        ("z^{(1)} > 0]", "a^{(1)} > 1]"),
    ),
    *slips(
        "Textbook: ridge regression and its Hessian",
        (r"X^\top X + \lambda I", r"X^\top X"),
    ),
    *slips(
        "Statistics notes: the Hessian of Poisson regression",
        (r"= - X^\top", r"= X^\top"),
    ),
]
SLIPS = [slip for slip in SLIPS if slip.right != slip.wrong]
