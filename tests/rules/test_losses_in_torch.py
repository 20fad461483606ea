"""Losses as torch has them: the same value and the same gradients in float64."""

import numpy as np
import pytest

import handgrad as hg
from tests.rules.running import assert_close, normals
from tests.rules_and_cases import trial_of

torch = pytest.importorskip("torch", reason="torch is an extra")
F = torch.nn.functional


def cross_entropy(x, t, w, **options):
    return F.cross_entropy(x, t, w.detach(), **options)


CASES = [
    (hg.L1(), F.l1_loss),
    (hg.MeanSquaredError(), F.mse_loss),
    (hg.Huber(delta=0.5), lambda x, t: F.huber_loss(x, t, delta=0.5)),
    (hg.SmoothL1(beta=0.5), lambda x, t: F.smooth_l1_loss(x, t, beta=0.5)),
    (hg.GaussianNLL(), F.gaussian_nll_loss),
    (hg.PoissonNLL(), F.poisson_nll_loss),
    (hg.NLL(ignore_index=1), lambda z, t: F.nll_loss(z, t, ignore_index=1)),
    (hg.WeightedCrossEntropy(), cross_entropy),
    (
        hg.WeightedCrossEntropy(ignore_index=1, label_smoothing=0.1),
        lambda x, t, w: cross_entropy(x, t, w, ignore_index=1, label_smoothing=0.1),
    ),
    (
        hg.WeightedCrossEntropy("sum", label_smoothing=0.1),
        lambda x, t, w: cross_entropy(x, t, w, label_smoothing=0.1, reduction="sum"),
    ),
    (hg.SoftmaxCrossEntropy(), F.cross_entropy),
    (hg.MulticlassHinge(margin=0.5), lambda x, t: F.multi_margin_loss(x, t, margin=0.5)),
    (
        hg.KLDivergence(),
        lambda x, t: F.kl_div(F.log_softmax(x, dim=-1), t, reduction="batchmean"),
    ),
    (hg.BinaryCrossEntropy(), F.binary_cross_entropy),
    (hg.MarginRanking(margin=0.3), lambda a, b, t: F.margin_ranking_loss(a, b, t, margin=0.3)),
    (hg.TripletMargin(), F.triplet_margin_loss),
    (hg.CosineSimilarity(), lambda a, b: F.cosine_similarity(a, b, dim=-1)),
    (
        hg.CosineEmbedding(margin=-0.3),
        lambda a, b, same: F.cosine_embedding_loss(a, b, torch.where(same, 1, -1), margin=-0.3),
    ),
    (
        hg.SigmoidCrossEntropy(pos_weight=3.0),
        lambda x, t: F.binary_cross_entropy_with_logits(x, t, pos_weight=torch.tensor(3.0)),
    ),
]


@pytest.mark.parametrize(("rule", "function"), CASES, ids=lambda case: repr(case)[:60])
def test_the_value_and_the_gradients_are_those_of_torch(rule, function):
    inputs = list(trial_of(rule, seed=3).inputs)
    if isinstance(rule, hg.GaussianNLL):
        inputs[2] = np.abs(inputs[2])  # torch refuses variances below 0
    tensors = [torch.tensor(x, requires_grad=x.dtype == np.float64) for x in inputs]
    y, residuals = rule.forward(*inputs)
    theirs = function(*tensors)
    assert_close(y, theirs.detach().numpy())
    (dy,) = normals(4, np.shape(y))
    theirs.backward(torch.tensor(dy))
    for dx, tensor in zip(rule.backward(residuals, dy), tensors, strict=True):
        if tensor.grad is not None:
            assert_close(dx, tensor.grad.numpy())
