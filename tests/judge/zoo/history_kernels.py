"""Errors seen in attention, scans, linear algebra, and in how numbers are moved."""

import numpy as np

from tests.judge.zoo import convolution, linear, outputs, rendering, sequences, structure
from tests.judge.zoo.history import seen
from tests.judge.zoo.linear import turned
from tests.judge.zoo.operation import sigmoid, softmax, softmax_gradient
from tests.judge.zoo.sequences import masked_softmax, scale_of
from tests.judge.zoo.upstreams import columns_first
from tests.judge.zoo.witnesses import differs_in

ATTENTION, MASKED, ROPE = sequences.ATTENTION, sequences.MASKED, sequences.ROPE
NAMED = {o.name: o for o in (*linear.OPERATIONS, *structure.OPERATIONS, *convolution.OPERATIONS)}


def _scaled_twice(dy, q, k, v):
    dq, dk, dv = ATTENTION.vjp(dy, q, k, v)
    return dq, dk * scale_of(q), dv


def _scores_not_turned(dy, q, k, v):
    p = softmax(q @ turned(k) * scale_of(q))
    ds = softmax_gradient(dy @ turned(v), p) * scale_of(q)
    return ds @ k, ds @ q, turned(p) @ dy


def _not_centred(dy, q, k, v):
    p = softmax(q @ turned(k) * scale_of(q))
    ds = p * (dy @ turned(v)) * scale_of(q)
    return ds @ k, turned(ds) @ q, turned(p) @ dy


def _by_blocks(dy, q, k, v):
    """Δ of each block of keys, where it must be that of all."""
    do, dl = dy
    scale = scale_of(q)
    p = softmax(q @ k.T * scale)
    ds = np.zeros_like(p)
    for block in (slice(0, 3), slice(3, 6)):
        dp = do @ v[block].T
        delta = np.sum(dp * p[:, block], axis=-1, keepdims=True) - dl[:, None]
        ds[:, block] = p[:, block] * (dp - delta) * scale
    return ds @ k, ds.T @ q, p.T @ do


def _unmasked(dy, q, k, v, keep):
    return *ATTENTION.vjp(dy, q, k, v), None


def _masked_after(dy, q, k, v, keep):
    """exp of every score, and then 0 · ∞ where it is masked."""
    s = q @ k.T * scale_of(q)
    e = np.exp(s) * keep
    p = e / np.sum(e, axis=-1, keepdims=True)
    return (*sequences.attention_gradients(dy, p, q, k, v), None)


def _divided_by_zero(dy, q, k, v, keep):
    """A row that keeps nothing is 0 / 0."""
    p = masked_softmax(q @ k.T * scale_of(q), keep)
    kept = keep.any(axis=-1, keepdims=True).astype(q.dtype)
    return (*sequences.attention_gradients(dy, p / kept, q, k, v), None)


def _last_of_group(dy, q, k, v):
    dq, dk, dv = ATTENTION.vjp(dy, q, np.repeat(k, 2, axis=0), np.repeat(v, 2, axis=0))
    return dq, dk[1::2].copy(), dv[1::2].copy()


def _tiled_group(dy, q, k, v):
    """The heads of a group are taken to lie apart, as np.tile and not np.repeat has them."""
    dq, dk, dv = ATTENTION.vjp(dy, q, np.repeat(k, 2, axis=0), np.repeat(v, 2, axis=0))
    return dq, dk[:2] + dk[2:], dv[:2] + dv[2:]


def _interleaved(dy, x, angle):
    """Turns neighbours, where the forward turns halves."""
    dx = np.empty_like(dy)
    c, s = np.cos(angle), np.sin(angle)
    dx[..., ::2] = dy[..., ::2] * c + dy[..., 1::2] * s
    dx[..., 1::2] = dy[..., 1::2] * c - dy[..., ::2] * s
    return dx, ROPE.vjp(dy, x, angle)[1]


def _recurrence_output(dy, a, b):
    """h[t] where h[t − 1] belongs."""
    db = sequences.RECURRENCE.vjp(dy, a, b)[1]
    return db * sequences.RECURRENCE.f(a, b), db


def _fixed_point_one_step(dy, W, x):
    z = sequences.FIXED_POINT.f(W, x)
    adjoint = (1 - z**2) * dy
    return 0.1 * np.outer(adjoint, z), adjoint


def _fixed_point_not_turned(dy, W, x):
    z = sequences.FIXED_POINT.f(W, x)
    s = 1 - z**2
    J = s[:, None] * 0.1 * W
    adjoint = s * np.linalg.solve(np.eye(len(x), dtype=x.dtype) - J, dy)
    return 0.1 * np.outer(adjoint, z), adjoint


def _short_state(dy, x, w, state):
    """The state is taken to be shorter than x: what reaches beyond is lost."""
    dx, dw, dstate = convolution.CAUSAL_SHORT.vjp(dy, x, w, state)
    dstate[:, : state.shape[-1] - x.shape[-1]] = 0
    return dx, dw, dstate


def _lost_negative(dy, x, index):
    dx = np.zeros_like(x)
    kept = index >= 0
    np.add.at(dx, index[kept], dy[kept])
    return dx, None


def _divided_by_transparency(dy, alpha, color):
    """What lies behind, from a sum over all that is divided by 1 − α."""
    seen_through = np.concatenate([np.ones_like(alpha[:1]), np.cumprod(1 - alpha)[:-1]])
    own = color @ dy
    weighted = alpha * seen_through * own
    behind = np.sum(weighted) - np.cumsum(weighted)
    return seen_through * own - behind / (1 - alpha), np.outer(alpha * seen_through, dy)


def _tied(dy, x, E):
    return softmax_gradient(dy, softmax(x @ E @ E.T))


SEQUENCES = (
    seen(
        ATTENTION,
        "k scaled twice",
        _scaled_twice,
        "scale folded into q and applied again",
    ),
    seen(
        ATTENTION,
        "ds not transposed",
        _scores_not_turned,
        "square scores hide it from shape checks",
    ),
    seen(
        ATTENTION,
        "delta forgotten",
        _not_centred,
        "FlashAttention ports",
    ),
    seen(outputs.ATTENTION_LSE, "delta by blocks", _by_blocks, "proposed in picotron #37"),
    seen(
        outputs.ATTENTION_LSE,
        "gradient of the sums dropped",
        lambda dy, *x: outputs.attend_gradients(dy, *x, with_sums=0),
        "ring attention: the merge needs it",
    ),
    seen(MASKED, "mask forgotten", _unmasked, "triton #7216"),
    seen(sequences.MASKED_FAR, "infinity times 0", _masked_after, "mamba #352, #558"),
    seen(sequences.MASKED_ROW, "NaN in a masked row", _divided_by_zero, "torch #41508"),
    seen(sequences.GROUPED, "last head of a group", _last_of_group, "grouped-query attention"),
    seen(sequences.GROUPED, "tiled, not repeated", _tiled_group, "grouped-query attention"),
    seen(
        sequences.BIASED,
        "bias of one batch",
        lambda dy, s, b, v: (
            (grads := sequences.BIASED.vjp(dy, s, b, v))[0],
            grads[0][0].copy(),
            grads[2],
        ),
        "relative position bias: not summed over the batch",
    ),
    seen(
        ROPE,
        "turned the same way",
        lambda dy, x, angle: (sequences.rotated(dy, angle), ROPE.vjp(dy, x, angle)[1]),
        "rotates by +θ",
    ),
    seen(
        ROPE,
        "not turned",
        lambda dy, x, angle: (dy * 1, ROPE.vjp(dy, x, angle)[1]),
        "aprender #2092: no backward",
    ),
    seen(ROPE, "interleaved", _interleaved, "halves and neighbours: nanochat #489, bert4torch #1"),
    seen(
        sequences.RECURRENCE,
        "a[t] for a[t+1]",
        lambda dy, a, b: sequences.recurrence_gradients(dy, a, b, shift=0),
        "reverse scans",
    ),
    seen(sequences.RECURRENCE, "h[t] for h[t-1]", _recurrence_output, "reverse scans"),
    seen(sequences.FIXED_POINT, "one step", _fixed_point_one_step, "implicit layers"),
    seen(sequences.FIXED_POINT, "J not transposed", _fixed_point_not_turned, "implicit layers"),
    seen(
        outputs.ADD_NORM,
        "residual's gradient forgotten",
        lambda dy, x, r: ((d := outputs.added_gradient(dy, x, r, with_sum=0)), d.copy()),
        "fused add and norm: dS_out dropped",
    ),
    seen(
        NAMED["causal_conv1d"],
        "dy read flat",
        lambda dy, x, w, s: convolution.CAUSAL.vjp(dy.ravel(order="K").reshape(dy.shape), x, w, s),
        "FLA #871: dy with other strides",
        differs_in(columns_first),
    ),
    seen(convolution.CAUSAL_SHORT, "state of a short chunk", _short_state, "FLA #1141"),
    seen(
        sequences.GLU,
        "gate's slope forgotten",
        lambda dy, x, W, U: (
            sequences.GLU.vjp(dy, x, W, U)[0],
            x.T @ (dy * sigmoid(x @ U)),
            x.T @ (dy * (x @ W) * sigmoid(x @ U)),
        ),
        "gated units",
    ),
)


ALGEBRA = (
    seen(
        linear.SOLVE,
        "A not transposed",
        lambda dy, A, b: (
            -(db := np.linalg.solve(A, dy)) @ np.linalg.solve(A, b).T,
            db,
        ),
        "solve with A where Aᵀ belongs",
    ),
    seen(
        linear.SOLVE,
        "sign forgotten",
        lambda dy, A, b: (-(grads := linear.SOLVE.vjp(dy, A, b))[0], grads[1]),
        "d(A⁻¹) = −A⁻¹ dA A⁻¹",
    ),
    seen(
        linear.CHOLESKY,
        "triangular",
        lambda dy, A: (np.tril(linear.cholesky_core(dy, A)),),
        "torch #18825, #137284",
    ),
    seen(
        linear.CHOLESKY,
        "not symmetric",
        lambda dy, A: (linear.cholesky_core(dy, A),),
        "autograd #56, jax #40421",
    ),
    seen(
        linear.DET_SINGULAR,
        "by the inverse",
        lambda dy, A: (dy * np.linalg.det(A) * np.linalg.inv(A).T,),
        "HIPS autograd: fails for singular matrices",
    ),
    seen(
        linear.LORA,
        "scale forgotten in dA",
        lambda dy, x, W, A, B: (
            *(grads := linear.LORA.vjp(dy, x, W, A, B))[:2],
            grads[2] / 2,
            grads[3],
        ),
        "unsloth-zoo #606 and LoRA ports",
    ),
    seen(
        linear.TIED,
        "first use only",
        lambda dy, x, E: (linear.TIED.vjp(dy, x, E)[0], x.T @ (_tied(dy, x, E) @ E)),
        "tied embeddings: one of two uses",
    ),
    seen(
        linear.TIED,
        "twice",
        lambda dy, x, E: ((grads := linear.TIED.vjp(dy, x, E))[0], 2 * grads[1]),
        "unsloth-zoo #892: lm_head doubled",
    ),
    seen(
        outputs.FOURIER,
        "halves doubled",
        lambda dy, x: (
            np.fft.irfft(dy[0] + 1j * dy[1], x.shape[-1]).astype(x.dtype) * x.shape[-1],
        ),
        "irfft as the adjoint of rfft: inner bins count twice",
    ),
    seen(
        rendering.CONIC,
        "off-diagonal halved",
        lambda dy, x, y, conic: rendering.conic_gradients(dy, x, y, conic, factor=0.5),
        "gaussian-splatting #551, #567",
    ),
    seen(
        rendering.COMPOSITE,
        "shadow forgotten",
        lambda dy, alpha, color: rendering.composite_gradients(dy, alpha, color, shadow=0),
        "alpha compositing: what lies behind",
    ),
    seen(
        rendering.COMPOSITE_OPAQUE,
        "divided by 1 - alpha",
        _divided_by_transparency,
        "gaussian splatting: NaN behind something opaque",
    ),
)


MOVES = (
    seen(
        structure.TRANSPOSE_3,
        "the same permutation",
        lambda dy, x: (dy.transpose(1, 2, 0).copy(),),
        "transpose: the inverse permutation is another",
    ),
    seen(
        structure.REPEAT,
        "tile's adjoint",
        lambda dy, x: (dy[..., : x.shape[-1]] + dy[..., x.shape[-1] :],),
        "repeat and tile confused",
    ),
    seen(
        structure.REFLECT,
        "cropped",
        lambda dy, x: (dy[..., 2:-2].copy(),),
        "reflection pad: multiplicity forgotten",
    ),
    seen(
        structure.SORT,
        "the inverse permutation",
        lambda dy, x: (np.take_along_axis(dy, np.argsort(x, axis=-1), axis=-1),),
        "argsort where its inverse belongs",
    ),
    seen(
        structure.GUARDED,
        "0 times infinity behind a where",
        lambda dy, x: (dy * (x > 0.25) * 0.5 / np.sqrt(x),),
        "jax: where(x > 0, sqrt(x), 0)",
    ),
    seen(structure.TAKE_NEGATIVE, "negative indices lost", _lost_negative, "gather"),
    seen(
        structure.PADDED_EMBEDDING,
        "padding learns",
        structure.EMBEDDING.vjp,
        "padding_idx in the forward alone",
    ),
    seen(
        NAMED["where"],
        "both sides",
        lambda dy, c, a, b: (None, np.where(c, dy, 0), dy * 1),
        "where: the mask of the second is forgotten",
    ),
    seen(
        outputs.COPIES,
        "one copy forgotten",
        lambda dy, x: (dy[0] + dy[1],),
        "fan-out: a path too few",
    ),
    seen(
        outputs.COPIES,
        "averaged",
        lambda dy, x: ((dy[0] + dy[1] + dy[2]) / 3,),
        "fan-out: mean for sum",
    ),
)

SPECIMENS = (*SEQUENCES, *ALGEBRA, *MOVES)
