"""Losses."""

import math
from dataclasses import dataclass

import jax
import numpy as np
from jax import numpy as jnp

from tests.judge.unseen.case import Case, Wrong, parameters


class LogCoshLoss:
    def forward(self, y_pred, y_true):
        diff = y_pred - y_true
        self.slope = np.tanh(diff)
        a = np.abs(diff)
        return a + np.log1p(np.exp(-2.0 * a)) - math.log(2.0)

    def backward(self, grad_output):
        grad = self.slope * grad_output
        return grad, -grad


def log_cosh(y_pred, y_true):
    d = y_pred - y_true
    return jnp.logaddexp(d, -d) - math.log(2.0)


@dataclass(frozen=True)
class TverskyLoss:
    """1 - Tversky index of sigmoid(logits) and a mask, for the whole batch."""

    alpha: float = 0.3
    beta: float = 0.7
    smooth: float = 1.0

    def forward(self, logits, mask):
        p = 1 / (1 + np.exp(-logits))
        tp = np.sum(p * mask)
        fp = np.sum(p * (1 - mask))
        fn = np.sum((1 - p) * mask)
        num = tp + self.smooth
        den = tp + self.alpha * fp + self.beta * fn + self.smooth
        return 1 - num / den, (p, mask, num, den)

    def backward(self, saved, g):
        p, mask, num, den = saved
        d_num = mask
        d_den = mask + self.alpha * (1 - mask) - self.beta * mask
        d_p = -g * (d_num * den - num * d_den) / den**2
        return d_p * p * (1 - p), None


def tversky(logits, mask):
    p = jax.nn.sigmoid(logits)
    tp, fp, fn = jnp.sum(p * mask), jnp.sum(p * (1 - mask)), jnp.sum((1 - p) * mask)
    return 1 - (tp + 1.0) / (tp + 0.3 * fp + 0.7 * fn + 1.0)


class ArcFace:
    """Additive angular margin: features (N, D), labels (N,); centres W (D, C)."""

    def __init__(self, dim, classes, s=4.0, m=0.3, dtype=np.float64):
        self.cos_m, self.sin_m, self.s = math.cos(m), math.sin(m), s
        (self.W,) = parameters(dtype, (dim, classes))

    def forward(self, feature, label):
        n = np.arange(len(feature))
        self.fnorm = np.linalg.norm(feature, axis=1, keepdims=True)
        self.wnorm = np.linalg.norm(self.W, axis=0, keepdims=True)
        self.f, self.w = feature / self.fnorm, self.W / self.wnorm
        cosine = self.f @ self.w
        self.c = cosine[n, label]
        self.sine = np.sqrt(1.0 - self.c**2)
        logits = cosine.copy()
        logits[n, label] = self.c * self.cos_m - self.sine * self.sin_m
        logits *= self.s
        logits -= logits.max(axis=1, keepdims=True)
        p = np.exp(logits)
        self.p = p / p.sum(axis=1, keepdims=True)
        self.label = label
        return -np.mean(logits[n, label] - np.log(p.sum(axis=1)))

    def backward(self, grad=1.0):
        n = np.arange(len(self.p))
        dlogits = self.p.copy()
        dlogits[n, self.label] -= 1.0
        dlogits *= grad / len(self.p)
        dcos = self.s * dlogits
        dcos[n, self.label] *= self.cos_m + self.sin_m * self.c / self.sine
        df = dcos @ self.w.T
        dw = self.f.T @ dcos
        self.dW = (dw - self.w * np.sum(dw * self.w, axis=0, keepdims=True)) / self.wnorm
        return (df - self.f * np.sum(df * self.f, axis=1, keepdims=True)) / self.fnorm


@dataclass(frozen=True)
class GaussianKL:
    """KL(N(mu1, exp lv1) || N(mu2, exp lv2)), summed over the last axis."""

    def forward(self, mu1, lv1, mu2, lv2):
        inv = np.exp(-lv2)
        ratio = np.exp(lv1 - lv2)
        diff = mu1 - mu2
        kl = 0.5 * (lv2 - lv1 + ratio + diff**2 * inv - 1.0)
        return kl.sum(axis=-1), (diff, ratio, inv)

    def backward(self, residuals, dkl):
        diff, ratio, inv = residuals
        g = dkl[..., None]
        dmu1 = g * diff * inv
        dlv1 = 0.5 * g * (ratio - 1.0)
        dlv2 = 0.5 * g * (1.0 - ratio - diff**2 * inv)
        return dmu1, dlv1, -dmu1, dlv2


def gaussian_kl(mu1, lv1, mu2, lv2):
    k = lv2 - lv1 + (jnp.exp(lv1) + (mu1 - mu2) ** 2) / jnp.exp(lv2) - 1
    return jnp.sum(k, axis=-1) / 2


class StyleLoss:
    """Mean squared difference of the Gram matrices of two feature maps (C, H, W)."""

    def gram(self, features):
        C, H, W = features.shape
        F = features.reshape(C, H * W)
        return F, F @ F.T / (C * H * W)

    def forward(self, generated, style):
        self.shape = generated.shape
        self.F, G = self.gram(generated)
        self.S, A = self.gram(style)
        self.diff = G - A
        return np.mean(self.diff**2)

    def backward(self, dloss):
        C, H, W = self.shape
        dG = 2 * dloss * self.diff / C**2
        sym = dG + dG.T
        dF = sym @ self.F / (C * H * W)
        dS = -sym @ self.S / (C * H * W)
        return dF.reshape(self.shape), dS.reshape(self.S.shape[0], H, W)


def style_loss(generated, style):
    def gram(f):
        return jnp.einsum("ihw,jhw->ij", f, f) / f.size

    return jnp.mean((gram(generated) - gram(style)) ** 2)


class PinballLoss:
    """Several quantiles at once: prediction (N, Q), target (N,)."""

    quantiles = (0.1, 0.5, 0.8)

    def forward(self, prediction, target):
        q = np.array(self.quantiles, dtype=prediction.dtype)
        self.error = target[:, None] - prediction
        self.q = q
        loss = np.maximum(q * self.error, (q - 1) * self.error)
        return loss.sum(axis=1).mean()

    def backward(self, upstream):
        slope = np.where(self.error > 0, self.q, self.q - 1)
        slope = slope * (upstream / len(self.error))
        return -slope, slope.sum(axis=1)


class ClipLoss:
    """Symmetric InfoNCE of image and text embeddings, (N, D) each, at temperature 0.5."""

    temperature = 0.5

    def forward(self, image, text):
        logits = image @ text.T / self.temperature
        n = len(logits)
        self.image, self.text = image, text
        self.rows = np.exp(logits - logits.max(axis=1, keepdims=True))
        self.rows /= self.rows.sum(axis=1, keepdims=True)
        self.cols = np.exp(logits - logits.max(axis=0, keepdims=True))
        self.cols /= self.cols.sum(axis=0, keepdims=True)
        k = np.arange(n)
        return -0.5 * np.mean(np.log(self.rows[k, k]) + np.log(self.cols[k, k]))

    def backward(self, dloss):
        n = len(self.rows)
        eye = np.eye(n, dtype=self.rows.dtype)
        dlogits = 0.5 * (self.rows - eye) + 0.5 * (self.cols - eye)
        dlogits = dlogits * (dloss / n / self.temperature)
        return dlogits @ self.text, dlogits.T @ self.image


def clip_loss(image, text):
    logits = image @ text.T / 0.5
    a = jnp.diagonal(jax.nn.log_softmax(logits, axis=1)).mean()
    b = jnp.diagonal(jax.nn.log_softmax(logits, axis=0)).mean()
    return -(a + b) / 2


RIGHT = [
    Case(
        "LogCoshLoss",
        lambda dtype: LogCoshLoss(),
        lambda random: (random(3, 4), random(3, 4)),
        {"reference": log_cosh},
    ),
    Case(
        "TverskyLoss",
        lambda dtype: TverskyLoss(),
        lambda random: (random(3, 5), random.mask(3, 5)),
        {"reference": tversky, "domains": {"mask": "const"}},
    ),
    Case(
        "ArcFace",
        lambda dtype: ArcFace(3, 4, dtype=dtype),
        lambda random: (random(5, 3), random.labels(4, 5)),
    ),
    Case(
        "GaussianKL",
        lambda dtype: GaussianKL(),
        lambda random: tuple(random(3, 4) for _ in range(4)),
        {"reference": gaussian_kl},
    ),
    Case(
        "StyleLoss",
        lambda dtype: StyleLoss(),
        lambda random: (random(3, 2, 4), random(3, 2, 4)),
        {"reference": style_loss},
    ),
    Case(
        "PinballLoss",
        lambda dtype: PinballLoss(),
        lambda random: (random(4, 3), random(4)),
    ),
    Case(
        "ClipLoss",
        lambda dtype: ClipLoss(),
        lambda random: (random(4, 3), random(4, 3)),
        {"reference": clip_loss},
    ),
]

WRONG = [
    Wrong(
        "LogCoshLoss",
        "grad = self.slope * grad_output",
        "grad = grad_output\n        grad *= self.slope",
        says="in place",
    ),
    Wrong(
        "TverskyLoss",
        "self.alpha * (1 - mask) - self.beta * mask",
        "self.beta * (1 - mask) - self.alpha * mask",
        says="2.33",
    ),
    Wrong(
        "TverskyLoss",
        "(d_num * den - num * d_den) / den**2",
        "d_num / den",
        says="sum .* is dropped",
    ),
    Wrong(
        "ArcFace",
        "self.cos_m + self.sin_m * self.c / self.sine",
        "self.cos_m",
        says="power .* is dropped",
    ),
    Wrong("ArcFace", "dcos = self.s * dlogits", "dcos = dlogits", says="factor 4 missing"),
    Wrong(
        "GaussianKL",
        "0.5 * g * (ratio - 1.0)",
        "0.5 * (ratio - 1.0)",
        says="upstream gradient is ignored",
    ),
    Wrong(
        "GaussianKL",
        "dmu1 = g * diff * inv",
        "dmu1 = g * diff * np.sqrt(inv)",
        says="√its other operand",
    ),
    Wrong("StyleLoss", "sym = dG + dG.T", "sym = dG", says="factor 2 missing"),
    Wrong(
        "StyleLoss",
        "dS = -sym @ self.S / (C * H * W)",
        "dS = -sym @ self.S / (H * W)",
        says="N times too large",
    ),
    Wrong(
        "PinballLoss", "self.error > 0, self.q, self.q - 1", "self.error > 0, 1 - self.q, -self.q"
    ),
    Wrong("ClipLoss", "0.5 * (self.rows - eye) + 0.5 * (self.cols - eye)", "self.rows - eye"),
    Wrong("ClipLoss", "dlogits.T @ self.image", "dlogits @ self.image", says="is transposed"),
]
