"""Causal attention that respects documents, fast on a processor without a GPU.

The CPU kernel behind `scaled_dot_product_attention` reaches a tenth of the machine's bf16 rate. Cutting the *queries*
into blocks and multiplying each block with the keys before its end keeps every product a plain, large matrix product
(which runs at full rate), hardly computes the far upper triangle, and leaves the softmax to the compiler. Query heads that
share a key head are laid under one another as further rows, so grouped heads need no copies of the keys.

Who may look where is a *bias* of 0 and −∞, made once a forward pass and added to the scores in every layer. A boolean mask
says the same, but the compiler's vector code reads one several times as slowly as it takes an exponential: 8 rows of 512, 6 heads
of 64, two threads, float32, forward and backward: boolean mask and blocks of 256, 115 ms; bias, 87 ms; bias and blocks of 128,
73 ms (`scaled_dot_product_attention` 116 ms).

Packed rows hold several documents; a token sees only its own (`segments` equal). Cost: half of seq² products for long
rows, and the probabilities are kept for the backward pass (batch · heads · seq² / 2 entries); the bias is batch · seq².
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

QUERY_BLOCK = 128


def attention_bias(
    seq: int,
    segments: Tensor | None,
    dtype: torch.dtype,
    device: torch.device | str = "cpu",
    window: int | None = None,
) -> Tensor:
    """What is added to the scores: 0 where a position may look, −∞ elsewhere. [batch or 1, seq (query), seq (key)].

    Each position sees itself and what came before it in the same segment, at most `window` positions in all. segments:
    integer [batch, seq], or None where a row is one document. No row is all −∞, since every position sees itself.
    """
    index = torch.arange(seq, device=device)
    visible = (index[None, :] <= index[:, None])[None]
    if window is not None:
        visible = visible & (index[None, :] > index[:, None] - window)
    if segments is not None:
        visible = visible & (segments[:, :, None] == segments[:, None, :])
    return torch.zeros((), dtype=dtype, device=device).masked_fill(~visible, float("-inf"))


def causal_attention(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None) -> Tensor:
    """Each position attends to what `bias` lets it see.

    query: [batch, heads, seq, head_dim]; key, value: [batch, kv_heads, seq, head_dim]; bias: of `attention_bias`, or None
    where every row is one document. Returns [batch, heads, seq, head_dim] in the dtype of `query`.
    """
    if query.device.type == "cpu":
        return blocked_attention(query, key, value, bias)
    return builtin_attention(query, key, value, bias)


def blocked_attention(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None, block: int = QUERY_BLOCK
) -> Tensor:
    """`causal_attention` with queries in blocks against the growing prefix."""
    batch, heads, seq, head_dim = query.shape
    kv_heads = key.shape[1]
    group = heads // kv_heads
    if bias is None:
        bias = attention_bias(seq, None, query.dtype, query.device)
    query = (query * head_dim**-0.5).view(batch, kv_heads, group, seq, head_dim)
    outputs = []
    for start in range(0, seq, block):
        end = min(seq, start + block)
        rows = end - start
        part = query[:, :, :, start:end].reshape(batch, kv_heads, group * rows, head_dim)
        scores = (part @ key[:, :, :end].transpose(-1, -2)).view(batch, kv_heads, group, rows, end)
        probabilities = torch.softmax(scores + bias[:, None, None, start:end, :end], -1)
        output = probabilities.view(batch, kv_heads, group * rows, end) @ value[:, :, :end]
        outputs.append(output.view(batch, heads, rows, head_dim))
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs, 2)


def builtin_attention(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None) -> Tensor:
    """`causal_attention` by torch's own kernel: what GPUs use, and the reference in the tests."""
    if bias is None:
        return F.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=bias[:, None], enable_gqa=True)


def cache_bias(positions: Tensor, held: int, dtype: torch.dtype, window: int | None = None) -> Tensor:
    """What is added to the scores of new queries against a cache of `held` places: `attention_bias` for decoding.

    positions: int64 [batch, new], where each query stands. Returns [batch, 1, new, held].
    """
    index, last = torch.arange(held, device=positions.device), positions[:, None, :, None]
    hidden = index > last
    if window is not None:
        hidden = hidden | (index <= last - window)
    return torch.zeros((), dtype=dtype, device=positions.device).masked_fill(hidden, float("-inf"))


def cached_attention(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    """New queries against what a cache holds.


    query: [batch, heads, new, head_dim]; key, value: [batch, kv_heads, held, head_dim]; bias: [batch, 1, new, held] from
    `cache_bias`. Returns [batch, heads, new, head_dim]. With one query a row torch's kernel is as fast as matrix
    products and takes keys and values that lie scattered, so a cache may hold more room than is in use.
    """
    batch, heads, new, head_dim = query.shape
    kv_heads = key.shape[1]
    group = heads // kv_heads
    # Query heads that share a key head become further queries of it: no copies of keys.
    part = query.reshape(batch, kv_heads, group * new, head_dim)
    if group > 1 and new > 1:
        bias = bias.repeat(1, 1, group, 1)
    return F.scaled_dot_product_attention(part, key, value, attn_mask=bias).view(batch, heads, new, head_dim)
