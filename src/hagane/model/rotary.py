"""Rotary positions (Su et al. 2021): each pair of a head's first `rotary_dim` entries is turned by an angle of its position."""

from __future__ import annotations

import torch
from torch import Tensor


def rotary_tables(positions: Tensor, rotary_dim: int, theta: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """What entries are multiplied by: cos for themselves, sin, with its sign, for the other of their pair.

    positions: int64 [batch, seq]. Returns two [batch, 1, seq, rotary_dim]. Angles are float32 whatever `dtype` is.
    """
    half = torch.arange(0, rotary_dim, 2, dtype=torch.float32, device=positions.device) / rotary_dim
    angles = positions[:, None, :, None].float() * theta**-half
    cos, sin = angles.cos().to(dtype), angles.sin().to(dtype)
    return torch.cat([cos, cos], -1), torch.cat([-sin, sin], -1)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the pairs (x[i], x[i + rotary_dim/2]) by their angle. x: [batch, heads, seq, head_dim]."""
    rotary_dim = cos.shape[-1]
    if rotary_dim < x.shape[-1]:
        return torch.cat([rotate(x[..., :rotary_dim], cos, sin), x[..., rotary_dim:]], -1)
    half = rotary_dim // 2
    (first, second), cos, sin = x.chunk(2, -1), cos[..., half:], sin[..., half:]
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)


def rotate_leanly(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """The same in three operations instead of eight, for code that is not compiled. x: any that the tables go with."""
    rotary_dim = cos.shape[-1]
    if rotary_dim < x.shape[-1]:
        return torch.cat([rotate_leanly(x[..., :rotary_dim], cos, sin), x[..., rotary_dim:]], -1)
    return torch.addcmul(x * cos, x.roll(rotary_dim // 2, -1), sin)
