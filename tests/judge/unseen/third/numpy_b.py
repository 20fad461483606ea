"""Layers "from scratch": classes with parameters and a memory."""

import numpy as np

from tests.judge.unseen.case import Case, Wrong, parameters


class Highway:
    def __init__(self, dim, dtype=np.float64):
        Wh, bh, Wt, bt = parameters(dtype, (dim, dim), (dim,), (dim, dim), (dim,))
        self.params = {"Wh": Wh, "bh": bh, "Wt": Wt, "bt": bt}
        self.grads = {}

    def forward(self, x):
        p = self.params
        h = np.tanh(x @ p["Wh"] + p["bh"])
        t = 1.0 / (1.0 + np.exp(-(x @ p["Wt"] + p["bt"])))
        self.cache = (x, h, t)
        return t * h + (1.0 - t) * x

    def backward(self, delta):
        x, h, t = self.cache
        p = self.params
        delta_h = delta * t * (1.0 - h * h)
        delta_t = delta * (h - x) * t * (1.0 - t)
        self.grads["Wh"] = x.T @ delta_h
        self.grads["bh"] = delta_h.sum(axis=0)
        self.grads["Wt"] = x.T @ delta_t
        self.grads["bt"] = delta_t.sum(axis=0)
        return delta * (1.0 - t) + delta_h @ p["Wh"].T + delta_t @ p["Wt"].T


class SEBlock:
    """Squeeze and excitation on (N, C, H, W)."""

    def __init__(self, channels, hidden, dtype=np.float64):
        self.W1, self.W2 = parameters(dtype, (channels, hidden), (hidden, channels))
        self.dW1 = self.dW2 = None

    def forward(self, x):
        self.x = x
        self.squeezed = x.mean(axis=(2, 3))
        self.z1 = self.squeezed @ self.W1
        self.a1 = np.maximum(self.z1, 0)
        self.gate = 1 / (1 + np.exp(-self.a1 @ self.W2))
        return x * self.gate[:, :, None, None]

    def backward(self, dout):
        H, W = self.x.shape[2:]
        dx = dout * self.gate[:, :, None, None]
        dgate = (dout * self.x).sum(axis=(2, 3))
        dz2 = dgate * self.gate * (1 - self.gate)
        self.dW2 = self.a1.T @ dz2
        dz1 = (dz2 @ self.W2.T) * (self.z1 > 0)
        self.dW1 = self.squeezed.T @ dz1
        dsqueezed = dz1 @ self.W1.T
        return dx + dsqueezed[:, :, None, None] / (H * W)


class GRU:
    """A GRU over time: x (T, N, D) to the hidden states (T, N, H), from zeros."""

    def __init__(self, D, H, dtype=np.float64):
        self.H = H
        self.W, self.U, self.b = parameters(dtype, (D, 3 * H), (H, 3 * H), (3 * H,))
        self.dW, self.dU, self.db = (np.zeros_like(p) for p in (self.W, self.U, self.b))

    def forward(self, x):
        H = self.H
        h = np.zeros((x.shape[1], H), dtype=x.dtype)
        self.x, self.hs, self.gates = x, [h], []
        for x_t in x:
            a = x_t @ self.W + self.b
            zr = 1 / (1 + np.exp(-(a[:, : 2 * H] + h @ self.U[:, : 2 * H])))
            z, r = zr[:, :H], zr[:, H:]
            n = np.tanh(a[:, 2 * H :] + (r * h) @ self.U[:, 2 * H :])
            h = (1 - z) * n + z * h
            self.hs.append(h)
            self.gates.append((z, r, n))
        return np.stack(self.hs[1:])

    def backward(self, dhs):
        H = self.H
        U_zr, U_n = self.U[:, : 2 * H], self.U[:, 2 * H :]
        dW, dU, db = np.zeros_like(self.W), np.zeros_like(self.U), np.zeros_like(self.b)
        dx = np.zeros_like(self.x)
        dh_next = np.zeros_like(self.hs[0])
        for t in reversed(range(len(dhs))):
            z, r, n = self.gates[t]
            h_prev = self.hs[t]
            dh = dhs[t] + dh_next
            dn = dh * (1 - z) * (1 - n**2)
            dz = dh * (h_prev - n) * z * (1 - z)
            drh = dn @ U_n.T
            dr = drh * h_prev * r * (1 - r)
            dzr = np.concatenate([dz, dr], axis=1)
            da = np.concatenate([dzr, dn], axis=1)
            dW += self.x[t].T @ da
            db += da.sum(axis=0)
            dU[:, : 2 * H] += h_prev.T @ dzr
            dU[:, 2 * H :] += (r * h_prev).T @ dn
            dx[t] = da @ self.W.T
            dh_next = dh * z + drh * r + dzr @ U_zr.T
        self.dW[...], self.dU[...], self.db[...] = dW, dU, db
        return dx


class DepthwiseConv2D:
    """One k by k filter for each channel, "valid", (N, H, W, C)."""

    def __init__(self, channels, k, dtype=np.float64):
        (self.W,) = parameters(dtype, (k, k, channels))
        self.x = None
        self.grad_W = None

    def forward(self, x):
        self.x = x
        k = self.W.shape[0]
        rows, cols = x.shape[1] - k + 1, x.shape[2] - k + 1
        out = np.zeros((x.shape[0], rows, cols, x.shape[3]), dtype=x.dtype)
        for i in range(k):
            for j in range(k):
                out += x[:, i : i + rows, j : j + cols] * self.W[i, j]
        return out

    def backward(self, grad_out):
        k = self.W.shape[0]
        rows, cols = grad_out.shape[1:3]
        grad_x = np.zeros_like(self.x)
        self.grad_W = np.zeros_like(self.W)
        for i in range(k):
            for j in range(k):
                patch = self.x[:, i : i + rows, j : j + cols]
                self.grad_W[i, j] = np.sum(grad_out * patch, axis=(0, 1, 2))
                grad_x[:, i : i + rows, j : j + cols] += grad_out * self.W[i, j]
        return grad_x


class ConvTranspose1D:
    """x (N, C, L) to (N, F, (L - 1) stride + K), with filters (C, F, K)."""

    def __init__(self, C, F, K, stride=2, dtype=np.float64):
        self.stride = stride
        self.W, self.b = parameters(dtype, (C, F, K), (F,))

    def forward(self, x):
        self.x = x
        N, _, L = x.shape
        _, F, K = self.W.shape
        y = np.zeros((N, F, (L - 1) * self.stride + K), dtype=x.dtype)
        for k in range(L):
            start = k * self.stride
            y[:, :, start : start + K] += np.einsum("nc,cfk->nfk", x[:, :, k], self.W)
        return y + self.b[:, None]

    def backward(self, dy):
        L, K = self.x.shape[2], self.W.shape[2]
        dx = np.empty_like(self.x)
        self.dW = np.zeros_like(self.W)
        for k in range(L):
            start = k * self.stride
            window = dy[:, :, start : start + K]
            dx[:, :, k] = np.einsum("nfk,cfk->nc", window, self.W)
            self.dW += np.einsum("nc,nfk->cfk", self.x[:, :, k], window)
        self.db = dy.sum(axis=(0, 2))
        return dx


class Maxout:
    """The largest of `pieces` affine maps, unit by unit."""

    def __init__(self, n_in, n_out, pieces, dtype=np.float64):
        self.W, self.b = parameters(dtype, (n_in, n_out, pieces), (n_out, pieces))

    def forward(self, x):
        self.x = x
        z = np.tensordot(x, self.W, axes=1) + self.b
        self.winner = z.argmax(axis=2)
        return z.max(axis=2)

    def backward(self, dy):
        chosen = self.winner[:, :, None] == np.arange(self.W.shape[2])
        dz = np.where(chosen, dy[:, :, None], 0)
        self.dW = np.einsum("ni,nop->iop", self.x, dz)
        self.db = dz.sum(axis=0)
        return np.einsum("nop,iop->ni", dz, self.W)


RIGHT = [
    Case("Highway", lambda dtype: Highway(4, dtype), lambda random: (random(3, 4),)),
    Case("SEBlock", lambda dtype: SEBlock(4, 3, dtype), lambda random: (random(2, 4, 3, 2),)),
    Case("GRU", lambda dtype: GRU(3, 4, dtype), lambda random: (random(4, 2, 3),)),
    Case(
        "DepthwiseConv2D",
        lambda dtype: DepthwiseConv2D(3, 2, dtype),
        lambda random: (random(2, 4, 5, 3),),
    ),
    Case(
        "ConvTranspose1D",
        lambda dtype: ConvTranspose1D(3, 2, 3, dtype=dtype),
        lambda random: (random(2, 3, 4),),
    ),
    Case("Maxout", lambda dtype: Maxout(4, 3, 3, dtype), lambda random: (random(5, 4),)),
]

WRONG = [
    Wrong(
        "Highway",
        "return delta * (1.0 - t) + delta_h",
        "return delta_h",
        says="from input 0 .* is dropped",
    ),
    Wrong("Highway", "(h - x)", "(x - h)", says="of the wrong sign"),
    Wrong(
        "SEBlock",
        "return dx + dsqueezed[:, :, None, None] / (H * W)",
        "return dx",
        says="mean .* is dropped",
    ),
    Wrong(
        "SEBlock",
        "(dout * self.x).sum(axis=(2, 3))",
        "(dout * self.x).mean(axis=(2, 3))",
        says="there 1/6",
    ),
    Wrong("GRU", "h_prev = self.hs[t]", "h_prev = self.hs[t + 1]"),
    Wrong("GRU", "dh * z + drh * r", "dh * z + drh", says="factor is missing, and likewise"),
    Wrong(
        "GRU",
        "self.dU[...], self.db[...] = dW, dU, db",
        "self.dU[...], self.db[...] = dW, self.dU + dU, db",
        says="accumulates|adds up",
    ),
    Wrong(
        "DepthwiseConv2D",
        "self.x = x\n",
        "self.x = x if self.x is None else self.x\n",
        says="stale",
    ),
    Wrong("DepthwiseConv2D", "grad_out * self.W[i, j]", "grad_out * self.W[j, i]"),
    Wrong(
        "ConvTranspose1D",
        "window = dy[:, :, start : start + K]",
        "window = dy[:, :, max(start - 1, 0) : max(start - 1, 0) + K]",
    ),
    Wrong(
        "Maxout",
        "np.where(chosen, dy[:, :, None], 0)",
        "np.where(chosen, 0, dy[:, :, None])",
        says="goes to all but the right ones",
    ),
    Wrong("Maxout", "self.winner = z.argmax(axis=2)", "self.winner = np.abs(z).argmax(axis=2)"),
]
