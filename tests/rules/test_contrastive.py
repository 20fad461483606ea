"""Facts of contrastive losses: directions, partners, temperatures, and points that coincide."""

import numpy as np

from handgrad import (
    ContrastiveLoss,
    CosineEmbedding,
    CosineSimilarity,
    InfoNCE,
    NegativeSampling,
    SigLIP,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropyWithLabels,
)
from tests.rules.running import assert_close, gradients, normals, value

TAU = np.array(0.3)


def test_a_cosine_does_not_see_lengths_so_its_gradient_is_orthogonal_to_the_rows():
    a, b, dy = normals(1, (4, 3), (4, 3), (4,))
    assert_close(value(CosineSimilarity(), 5 * a, b), value(CosineSimilarity(), a, b))
    da, db = gradients(CosineSimilarity(), a, b, dy=dy)
    assert np.max(np.abs(np.sum(da * a, axis=-1))) < 1e-15
    assert np.max(np.abs(np.sum(db * b, axis=-1))) < 1e-15


def test_a_row_of_zeros_has_the_cosine_0_and_the_gradient_0():
    a, b = np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[1.0, 2.0], [0.0, 0.0]])
    assert np.array_equal(value(CosineSimilarity(), a, b), [0, 0])
    for gradient in gradients(CosineSimilarity(), a, b, dy=np.array([1.7, 0.6])):
        assert not np.any(gradient)


def test_an_unlike_pair_beyond_the_margin_is_left_alone():
    a, b = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[0.0, 1.0], [1.0, 1.0]])
    same = np.array([False, False])
    losses = value(CosineEmbedding("none", margin=0.2), a, b, same)
    assert_close(losses, np.array([0, np.sqrt(0.5) - 0.2]))
    da, _, d_same = gradients(CosineEmbedding("sum", margin=0.2), a, b, same, dy=1.7)
    assert not np.any(da[0])
    assert np.any(da[1])
    assert d_same is None


def test_a_like_pair_pulls_as_a_spring_and_an_unlike_one_pushes_up_to_the_margin():
    a, b = np.zeros((3, 2)), np.array([[0.3, 0.4], [0.3, 0.4], [3.0, 4.0]])
    same = np.array([True, False, False])
    assert_close(value(ContrastiveLoss("none"), a, b, same), np.array([0.125, 0.125, 0]))
    da, db, _ = gradients(ContrastiveLoss("sum"), a, b, same, dy=1.7)
    assert_close(da, 1.7 * np.array([[-0.3, -0.4], [0.3, 0.4], [0, 0]]))
    assert_close(db, -da)


def test_an_unlike_pair_that_coincides_does_not_move():
    a = np.array([[1.0, 2.0]])
    assert value(ContrastiveLoss("sum"), a, a, np.array([False])) == 0.5
    assert not np.any(gradients(ContrastiveLoss(), a, a, np.array([False]), dy=1.7)[0])


def test_info_nce_is_cross_entropy_of_similarities_with_the_rows_as_labels():
    x, z, dy = normals(2, (4, 3), (4, 3), ())
    s, labels = x @ z.T / TAU, np.arange(4)
    ds, _ = gradients(SoftmaxCrossEntropyWithLabels(), s, labels, dy=dy)
    dx, dz, d_tau = gradients(InfoNCE(), x, z, TAU, dy=dy)
    assert_close(value(InfoNCE(), x, z, TAU), value(SoftmaxCrossEntropyWithLabels(), s, labels))
    assert_close(dx, ds @ z / TAU)
    assert_close(dz, ds.T @ x / TAU)
    assert_close(d_tau, -np.sum(ds * s) / TAU)


def test_rows_and_temperature_that_grow_together_change_nothing():
    x, z, dy = normals(3, (4, 3), (4, 3), ())
    dx, _, d_tau = gradients(InfoNCE(), x, z, TAU, dy=dy)
    assert abs(np.sum(dx * x) + d_tau * TAU) < 1e-15


def test_sure_partners_keep_the_digits_of_their_gradient():
    x, tau = 3 * np.eye(3), np.array(0.25)
    dx, _, _ = gradients(InfoNCE("sum"), x, x, tau, dy=1.7)
    away = 1.7 * 3 / 0.25 / (np.exp(36) + 2)
    assert_close(dx, away * (np.ones((3, 3)) - 3 * np.eye(3)))


def test_siglip_is_a_yes_or_no_for_every_pair():
    x, z, dy = normals(4, (4, 3), (4, 3), ())
    k, b = np.array(2.0), np.array(-0.7)
    logits = k * x @ z.T + b
    dl, _ = gradients(SigmoidCrossEntropy("sum"), logits, np.eye(4), dy=dy / 4)
    dx, dz, dk, db = gradients(SigLIP(), x, z, k, b, dy=dy)
    losses = value(SigmoidCrossEntropy("sum"), logits, np.eye(4))
    assert_close(value(SigLIP(), x, z, k, b), losses / 4)
    assert_close(dx, k * dl @ z)
    assert_close(dz, k * dl.T @ x)
    assert_close(dk, np.sum(dl * (x @ z.T)))
    assert_close(db, np.sum(dl))


def test_negative_sampling_judges_one_neighbour_and_k_strangers():
    h, c, n, dy = normals(5, (4, 3), (4, 3), (4, 2, 3), (4,))
    words = np.concatenate([c[:, None], n], axis=1)
    logits, t = np.sum(h[:, None] * words, axis=-1), np.eye(3)[[0] * 4]
    losses = value(SigmoidCrossEntropy("none"), logits, t)
    dl, _ = gradients(SigmoidCrossEntropy("none"), logits, t, dy=dy[:, None])
    dh, dc, dn = gradients(NegativeSampling("none"), h, c, n, dy=dy)
    assert_close(value(NegativeSampling("none"), h, c, n), np.sum(losses, axis=-1))
    assert_close(dh, np.sum(dl[..., None] * words, axis=1))
    assert_close(dc, dl[:, :1] * h)
    assert_close(dn, dl[:, 1:, None] * h[:, None])
