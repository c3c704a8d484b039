"""Attention in query blocks is torch's own attention, forwards and backwards."""

from __future__ import annotations

import pytest
import torch

from hagane.model.attention import attention_bias, blocked_attention, builtin_attention, cache_bias, cached_attention


def inputs(heads: int, kv_heads: int, seq: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = [(2, heads, seq, 16), (2, kv_heads, seq, 16), (2, kv_heads, seq, 16)]
    return [torch.randn(shape, generator=generator, requires_grad=True) for shape in shapes]


def segments(seq: int) -> torch.Tensor:
    return torch.stack([torch.arange(seq) // 7, torch.arange(seq) // 13]).int()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("heads", "kv_heads"), [(4, 4), (4, 2), (6, 1)])
@pytest.mark.parametrize("seq", [32, 45])
@pytest.mark.parametrize("window", [None, 5, 20])
def test_blocks_equal_the_builtin(packed: bool, heads: int, kv_heads: int, seq: int, window: int | None) -> None:
    q, k, v = inputs(heads, kv_heads, seq)
    seg = segments(seq) if packed else None
    bias = attention_bias(seq, seg, torch.float32, window=window) if packed or window else None
    ours, theirs = blocked_attention(q, k, v, bias, block=16), builtin_attention(q, k, v, bias)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)
    upstream = torch.randn(ours.shape, generator=torch.Generator().manual_seed(1))
    for a, b in zip(
        torch.autograd.grad(ours, (q, k, v), upstream), torch.autograd.grad(theirs, (q, k, v), upstream), strict=True
    ):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def test_the_comparison_can_fail() -> None:
    """Negative control: another cut between documents gives other values."""
    q, k, v = inputs(4, 2, 32)
    other = segments(32).roll(1, 1)
    other[:, 0] = 0
    one, shifted = (attention_bias(32, some, torch.float32) for some in (segments(32), other))
    assert not torch.allclose(blocked_attention(q, k, v, one), builtin_attention(q, k, v, shifted), atol=1e-3)


def test_the_bias_by_hand() -> None:
    """Two documents of two tokens: each token sees itself and what came before it in its own."""
    visible = attention_bias(4, torch.tensor([[0, 0, 1, 1]]), torch.float32)[0] == 0
    assert visible.int().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]]
    assert (attention_bias(3, None, torch.float32)[0] == 0).int().tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    windowed = attention_bias(3, None, torch.float32, window=2)[0] == 0
    assert windowed.int().tolist() == [[1, 0, 0], [1, 1, 0], [0, 1, 1]]


@pytest.mark.parametrize("window", [None, 4])
def test_queries_against_a_cache_see_only_their_past(window: int | None) -> None:
    q, k, v = inputs(4, 2, 20)
    positions = torch.stack([torch.arange(5, 8), torch.arange(10, 13)])
    queries = torch.stack([q[i, :, p] for i, p in enumerate(positions)])
    ours = cached_attention(queries, k, v, cache_bias(positions, 20, torch.float32, window))
    whole = builtin_attention(q, k, v, attention_bias(20, None, torch.float32, window=window))
    for row, place in enumerate(positions):
        torch.testing.assert_close(ours[row], whole[row][:, place], atol=1e-6, rtol=1e-5)
