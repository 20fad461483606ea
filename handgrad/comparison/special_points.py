"""Special points of the catalog: kinks, ties, bounds, zeros and infinities; a case is a line of data.

It is a rule, its inputs by name, and what users of JAX and of torch write; "" where a library has no
such function. The gradient is that of the first input, unless `by` names another.
"""

from dataclasses import dataclass
from math import inf, log
from typing import Any


@dataclass(frozen=True)
class Case:
    """One point of one rule, and the code of the others."""

    rule: str
    at: dict[str, Any]
    jax: str = ""
    torch: str = ""
    by: str = ""

    def __post_init__(self):
        object.__setattr__(self, "by", self.by or next(iter(self.at)))


HALVES = (0.5, 0.5)
HALF_LOGS = (log(0.5), log(0.5))
TIE = (1.0, 1.0)
ZEROS = (0.0, 0.0)
RULED_OUT = (-inf, -inf)
PAIR = {"a": (ZEROS,), "b": ((1.0, 2.0),)}

CASES = (
    Case("Abs()", {"x": 0.0}, "jnp.abs(x)", "torch.abs(x)"),
    Case("Sqrt()", {"x": 0.0}, "jnp.sqrt(x)", "torch.sqrt(x)"),
    Case("Power()", {"a": 0.0, "b": 0.0}, "a**b", "a**b"),
    Case("Power()", {"a": 0.0, "b": 2.0}, "a**b", "a**b", by="b"),
    Case("Xlogy()", {"a": 0.0, "b": 0.0}, "jax.scipy.special.xlogy(a, b)", "torch.xlogy(a, b)"),
    Case("Atan2()", {"a": 0.0, "b": 0.0}, "jnp.atan2(a, b)", "torch.atan2(a, b)"),
    Case("LogAddExp()", {"a": -inf, "b": -inf}, "jnp.logaddexp(a, b)", "torch.logaddexp(a, b)"),
    Case("LogAddExp()", {"a": inf, "b": inf}, "jnp.logaddexp(a, b)", "torch.logaddexp(a, b)"),
    Case("Maximum()", {"a": 1.0, "b": 1.0}, "jnp.maximum(a, b)", "torch.maximum(a, b)"),
    Case("Minimum()", {"a": 1.0, "b": 1.0}, "jnp.minimum(a, b)", "torch.minimum(a, b)"),
    Case("Clip(0.0, 1.0)", {"x": 0.0}, "jnp.clip(x, 0, 1)", "torch.clip(x, 0, 1)"),
    Case("Clip(0.0, 1.0)", {"x": 1.0}, "jnp.clip(x, 0, 1)", "torch.clip(x, 0, 1)"),
    Case("ReLU()", {"x": 0.0}, "jax.nn.relu(x)", "F.relu(x)"),
    Case("ReLU()", {"x": 0.0}, "jnp.maximum(x, 0)", "torch.clamp(x, min=0)"),
    Case("LeakyReLU()", {"x": 0.0}, "jax.nn.leaky_relu(x)", "F.leaky_relu(x)"),
    Case("PReLU()", {"x": 0.0, "a": (0.1,)}, "jnp.where(x > 0, x, a[0] * x)", "F.prelu(x, a)"),
    Case("ELU(2.0)", {"x": 0.0}, "jax.nn.elu(x, 2)", "F.elu(x, 2)"),
    Case("SELU()", {"x": 0.0}, "jax.nn.selu(x)", "F.selu(x)"),
    Case("CELU(2.0)", {"x": 0.0}, "jax.nn.celu(x, 2.0)", "F.celu(x, 2)"),
    Case("ReLU6()", {"x": 0.0}, "jax.nn.relu6(x)", "F.relu6(x)"),
    Case("ReLU6()", {"x": 6.0}, "jax.nn.relu6(x)", "F.relu6(x)"),
    Case("HardTanh()", {"x": 1.0}, "jax.nn.hard_tanh(x)", "F.hardtanh(x)"),
    Case("HardSigmoid()", {"x": -3.0}, "jax.nn.hard_sigmoid(x)", "F.hardsigmoid(x)"),
    Case("HardSigmoid()", {"x": 3.0}, "jax.nn.hard_sigmoid(x)", "F.hardsigmoid(x)"),
    Case("HardSwish()", {"x": -3.0}, "jax.nn.hard_swish(x)", "F.hardswish(x)"),
    Case("HardSwish()", {"x": 3.0}, "jax.nn.hard_swish(x)", "F.hardswish(x)"),
    Case("Softplus()", {"x": 40.0}, "jax.nn.softplus(x)", "F.softplus(x)"),
    Case("Softplus()", {"x": -inf}, "jax.nn.softplus(x)", "F.softplus(x)"),
    Case("LogSigmoid()", {"x": -inf}, "jax.nn.log_sigmoid(x)", "F.logsigmoid(x)"),
    Case("SiLU()", {"x": -inf}, "jax.nn.silu(x)", "F.silu(x)"),
    Case("Max()", {"x": TIE}, "jnp.max(x)", "torch.max(x)"),
    Case("Max(axis=0)", {"x": TIE}, "jnp.max(x, axis=0)", "torch.max(x, dim=0)[0]"),
    Case("Min()", {"x": TIE}, "jnp.min(x)", "torch.min(x)"),
    Case("Prod()", {"x": (0.0, 2.0)}, "jnp.prod(x)", "torch.prod(x)"),
    Case("Prod()", {"x": ZEROS}, "jnp.prod(x)", "torch.prod(x)"),
    Case("Norm()", {"x": ZEROS}, "jnp.linalg.norm(x)", "torch.linalg.norm(x)"),
    Case("Norm(1)", {"x": (0.0, 2.0)}, "jnp.linalg.norm(x, 1)", "torch.linalg.norm(x, 1)"),
    Case("Std()", {"x": TIE}, "jnp.std(x)", "torch.std(x, correction=0)"),
    Case("Var()", {"x": TIE}, "jnp.var(x)", "torch.var(x, correction=0)"),
    Case("CumProd()", {"x": (0.0, 2.0)}, "jnp.cumprod(x)", "torch.cumprod(x, 0)"),
    Case("CumProd()", {"x": ZEROS}, "jnp.cumprod(x)", "torch.cumprod(x, 0)"),
    Case("LogCumSumExp()", {"x": RULED_OUT}, "jax.lax.cumlogsumexp(x)", "torch.logcumsumexp(x, 0)"),
    Case("LogSumExp()", {"x": RULED_OUT}, "jax.nn.logsumexp(x)", "torch.logsumexp(x, 0)"),
    Case("LogSumExp()", {"x": (inf, 0.0)}, "jax.nn.logsumexp(x)", "torch.logsumexp(x, 0)"),
    Case("Softmax()", {"x": RULED_OUT}, "jax.nn.softmax(x)", "F.softmax(x, 0)"),
    Case("Softmax()", {"x": (-inf, 0.0)}, "jax.nn.softmax(x)", "F.softmax(x, 0)"),
    Case("LogSoftmax()", {"x": (-inf, 0.0)}, "jax.nn.log_softmax(x)", "F.log_softmax(x, 0)"),
    Case("Median()", {"x": (1.0, 4.0)}, "jnp.median(x)", "torch.median(x)"),
    Case("Median()", {"x": (1.0, 1.0, 1.0)}, "jnp.median(x)", "torch.median(x)"),
    Case("Quantile(0.3)", {"x": TIE}, "jnp.quantile(x, 0.3)", "torch.quantile(x, 0.3)"),
    Case("Sort()", {"x": TIE}, "jnp.sort(x)", "torch.sort(x, stable=True)[0]"),
    Case("TopK(1)", {"x": TIE}, "jax.lax.top_k(x, 1)[0]", "torch.topk(x, 1)[0]"),
    Case("L2Normalize()", {"x": ZEROS}, "x / jnp.linalg.norm(x)", "F.normalize(x, dim=0)"),
    Case("Standardize()", {"x": (TIE,)}, "jax.nn.standardize(x)", "F.layer_norm(x, (2,))"),
    Case("Sparsemax()", {"x": (1.0, 0.0)}),
    Case(
        "MaxPool1d()",
        {"x": ((TIE,),)},
        "jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2), (1, 1, 2), 'VALID')",
        "F.max_pool1d(x, 2)",
    ),
    Case("L1()", {"x": 1.0, "t": 1.0}, "jnp.abs(x - t)", "F.l1_loss(x, t)"),
    Case("Huber()", {"x": 1.0, "t": 0.0}, torch="F.huber_loss(x, t)"),
    Case("SmoothL1()", {"x": 1.0, "t": 0.0}, torch="F.smooth_l1_loss(x, t)"),
    Case("QuantileLoss(q=0.9)", {"x": 1.0, "t": 1.0}, "jnp.maximum(0.9 * (t - x), 0.1 * (x - t))"),
    Case(
        "GaussianNLL(eps=0.1)",
        {"x": 1.0, "t": 0.5, "v": 0.0},
        "(jnp.log(jnp.maximum(v, 0.1)) + (x - t)**2 / jnp.maximum(v, 0.1)) / 2",
        "F.gaussian_nll_loss(x, t, v, eps=0.1)",
        by="v",
    ),
    Case(
        "BinaryCrossEntropy()",
        {"p": 0.0, "t": 0.0},
        "-t * jnp.log(p) - (1 - t) * jnp.log1p(-p)",
        "F.binary_cross_entropy(p, t)",
    ),
    Case(
        "BinaryCrossEntropy()",
        {"p": 0.0, "t": 1.0},
        "-t * jnp.log(p) - (1 - t) * jnp.log1p(-p)",
        "F.binary_cross_entropy(p, t)",
    ),
    Case(
        "CrossEntropy()",
        {"p": ((0.0, 1.0),), "t": ((0.0, 1.0),)},
        "-jnp.sum(t * jnp.log(p))",
        "-torch.sum(t * torch.log(p))",
    ),
    Case(
        "SoftmaxCrossEntropy()",
        {"x": ((-inf, 0.0),), "t": ((0.0, 1.0),)},
        "-jnp.sum(t * jax.nn.log_softmax(x))",
        "F.cross_entropy(x, t)",
    ),
    Case(
        "NLL()",
        {"z": (HALVES,), "t": (-100,)},
        "-jnp.sum(jnp.where(t == -100, 0, z[0, 1])) / jnp.sum(t != -100)",
        "F.nll_loss(z, t)",
    ),
    Case(
        "WeightedCrossEntropy()",
        {"x": (HALVES,), "t": (-100,), "w": (1.0, 2.0)},
        torch="F.cross_entropy(x, t, w)",
    ),
    Case(
        "MulticlassHinge()",
        {"x": ((1.0, 0.0),), "t": (0,)},
        "jax.nn.relu(1 - x[0, 0] + x[0, 1]) / 2",
        "F.multi_margin_loss(x, t)",
    ),
    Case("Hinge()", {"x": (1.0,), "t": (1.0,)}, "jnp.mean(jax.nn.relu(1 - t * x))"),
    Case(
        "MarginRanking()",
        {"a": (1.0,), "b": (1.0,), "t": (1.0,)},
        "jnp.mean(jax.nn.relu(-t * (a - b)))",
        "F.margin_ranking_loss(a, b, t)",
    ),
    Case(
        "TripletMargin(eps=0.0)",
        {"a": (ZEROS,), "p": (ZEROS,), "n": ((0.6, 0.0),)},
        "jax.nn.relu(jnp.linalg.norm(a - p) - jnp.linalg.norm(a - n) + 1)",
        "F.triplet_margin_loss(a, p, n, eps=0)",
    ),
    Case(
        "TripletMargin(eps=0.0)",
        {"a": (ZEROS,), "p": ((1.0, 0.0),), "n": ((2.0, 0.0),)},
        "jax.nn.relu(jnp.linalg.norm(a - p) - jnp.linalg.norm(a - n) + 1)",
        "F.triplet_margin_loss(a, p, n, eps=0)",
        by="p",
    ),
    Case(
        "CosineSimilarity()",
        PAIR,
        "jnp.sum(a * b, -1) / (jnp.linalg.norm(a) * jnp.linalg.norm(b))",
        "F.cosine_similarity(a, b)",
    ),
    Case(
        "CosineEmbedding()",
        {"a": ((1.0, 0.0),), "b": ((0.0, 1.0),), "same": (False,)},
        "jax.nn.relu(jnp.sum(a * b) / (jnp.linalg.norm(a) * jnp.linalg.norm(b)))",
        "F.cosine_embedding_loss(a, b, 2 * same - 1)",
    ),
    Case(
        "ContrastiveLoss()",
        {"a": (ZEROS,), "b": (ZEROS,), "same": (False,)},
        "jax.nn.relu(1 - jnp.linalg.norm(a - b))**2 / 2",
        "F.relu(1 - torch.linalg.norm(a - b))**2 / 2",
    ),
    Case(
        "KLDivergence()",
        {"x": (ZEROS,), "t": ((0.0, 1.0),)},
        "jnp.sum(jax.scipy.special.xlogy(t, t) - t * jax.nn.log_softmax(x))",
        "F.kl_div(F.log_softmax(x, -1), t, reduction='batchmean')",
        by="t",
    ),
    Case(
        "TotalVariation()",
        {"p": (HALVES,), "t": (HALVES,)},
        "jnp.sum(jnp.abs(p - t)) / 2",
        "torch.sum(torch.abs(p - t)) / 2",
    ),
    Case(
        "Dice(smooth=0.0)",
        {"p": (ZEROS,), "t": (ZEROS,)},
        "1 - 2 * jnp.sum(p * t) / jnp.sum(p + t)",
    ),
    Case("Tversky(smooth=0.0)", {"p": (ZEROS,), "t": (ZEROS,)}),
    Case(  # of log-probabilities JAX has the gradient, and torch that of the scores before them
        "CTC('sum')",
        {"x": ((HALF_LOGS,),), "labels": ((1,),), "n": (1,), "m": (1,)},
        "-x[0, 0, 1]",
        "F.ctc_loss(x, labels, n, m, reduction='sum')",
    ),
    Case(  # one step cannot spell two labels
        "CTC('sum')",
        {"x": ((HALF_LOGS,),), "labels": ((1, 1),), "n": (1,), "m": (2,)},
        torch="F.ctc_loss(x, labels, n, m, reduction='sum')",
    ),
    Case("Dropout(1.0)", {"x": 2.0, "keep": False}, torch="F.dropout(x, 1.0)"),
    Case("L1Penalty(1.0)", {"W": ZEROS}, "jnp.sum(jnp.abs(W))", "torch.sum(torch.abs(W))"),
)
