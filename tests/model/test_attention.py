"""Attention in query blocks is torch's own attention, forwards and backwards."""

from __future__ import annotations

import pytest
import torch

from hagane.model.attention import blocked_attention, builtin_attention, cached_attention, visible_mask


def inputs(heads: int, kv_heads: int, seq: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = [(2, heads, seq, 16), (2, kv_heads, seq, 16), (2, kv_heads, seq, 16)]
    return [torch.randn(shape, generator=generator, requires_grad=True) for shape in shapes]


def segments(seq: int) -> torch.Tensor:
    return torch.stack([torch.arange(seq) // 7, torch.arange(seq) // 13]).int()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("heads", "kv_heads"), [(4, 4), (4, 2), (6, 1)])
@pytest.mark.parametrize("seq", [32, 45])
def test_blocks_equal_the_builtin(packed: bool, heads: int, kv_heads: int, seq: int) -> None:
    q, k, v = inputs(heads, kv_heads, seq)
    seg = segments(seq) if packed else None
    ours, theirs = blocked_attention(q, k, v, seg, block=16), builtin_attention(q, k, v, seg)
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
    assert not torch.allclose(blocked_attention(q, k, v, segments(32)), builtin_attention(q, k, v, other), atol=1e-3)


def test_queries_against_a_cache_see_only_their_past() -> None:
    q, k, v = inputs(4, 2, 20)
    positions = torch.stack([torch.arange(5, 8), torch.arange(10, 13)])
    queries = torch.stack([q[i, :, p] for i, p in enumerate(positions)])
    ours = cached_attention(queries, k, v, visible_mask(positions, 20, torch.float32))
    whole = builtin_attention(q, k, v)
    for row, place in enumerate(positions):
        torch.testing.assert_close(ours[row], whole[row][:, place], atol=1e-6, rtol=1e-5)
