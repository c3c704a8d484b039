"""The decoder: a Qwen3-like transformer that returns hidden states and knows nothing of losses, heads or devices.

Hidden first: `forward` ends at the final norm. Losses take `head_weight` and work in chunks, so that the [tokens,
vocab] logits never exist at once (for 8,192 entries and 4,096 tokens they alone would be 134 MB in float32).

Weights are float32 masters and are cast to the dtype of the activations in the linear layer, so that the optimizer stays
exact. Queries, keys and values lie in one matrix, gate and up in another (fewer and larger products); `roles` says where
the logical matrices inside begin, for optimizers that treat a matrix as a whole and for export. All blocks are alike and
hold no number of their own, so one compilation serves them all.

Architecture: Yang et al. 2025, "Qwen3 Technical Report", section 2. Initialisation: normal(0.02), the matrices that
write into the residual stream divided by √(2·layers) (Radford et al. 2019, section 2.3).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hagane.model.attention import cached_attention, causal_attention
from hagane.model.cache import KeyValueCache
from hagane.model.config import DecoderConfig

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Role:
    """What a parameter is for, and the rows of each logical matrix that is fused in it."""

    kind: Literal["matrix", "embedding", "norm", "head"]
    splits: tuple[int, ...]
    """Rows of the logical matrices, first to last; one entry where nothing is fused."""


class Linear(nn.Module):
    """A matrix [rows, columns] without bias; float32 weight, cast to the input's dtype."""

    def __init__(self, columns: int, rows: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(rows, columns))
        self.adapter: nn.Module | None = None
        """Its output is added (see `lora.py`)."""

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., columns] → [..., rows]."""
        out = F.linear(x, self.weight.to(x.dtype))
        return out if self.adapter is None else out + self.adapter(x)

    def merged_weight(self) -> Tensor:
        """The weight, with what an adapter adds to it."""
        return self.weight if self.adapter is None else self.weight + self.adapter.delta()  # type: ignore[operator]


class RMSNorm(nn.Module):
    """Root-mean-square norm over the last dimension (Zhang and Sennrich 2019); squares are summed in float32."""

    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., dim] → the same shape and dtype."""
        return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), self.eps)


def rotary_tables(positions: Tensor, head_dim: int, theta: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the rotary angles (Su et al. 2021).

    positions: int64 [batch, seq]. Returns two [batch, 1, seq, head_dim / 2]. Angles are float32 whatever `dtype` is.
    """
    half = torch.arange(0, head_dim, 2, dtype=torch.float32, device=positions.device) / head_dim
    angles = positions[:, None, :, None].float() * theta**-half
    return angles.cos().to(dtype), angles.sin().to(dtype)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the pairs (x[i], x[i + head_dim/2]) by their angle. x: [batch, heads, seq, head_dim]."""
    first, second = x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)


class Attention(nn.Module):
    """Grouped-query attention with one fused projection and, by config, normalised queries and keys."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = config.num_heads, config.num_kv_heads, config.head_dim
        self.qkv = Linear(config.hidden_size, sum(config.qkv_rows))
        self.out = Linear(config.qkv_rows[0], config.hidden_size)
        self.q_norm = RMSNorm(config.head_dim, config.norm_eps) if config.qk_norm else None
        self.k_norm = RMSNorm(config.head_dim, config.norm_eps) if config.qk_norm else None

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, attend: Attend) -> Tensor:
        """x: [batch, seq, dim] → [batch, seq, dim]; `attend` maps query, key, value to the mixed values."""
        batch, seq, _ = x.shape
        fused = self.qkv(x).view(batch, seq, self.heads + 2 * self.kv_heads, self.head_dim)
        query, key, value = fused.split([self.heads, self.kv_heads, self.kv_heads], 2)
        if self.q_norm is not None and self.k_norm is not None:
            query, key = self.q_norm(query), self.k_norm(key)
        query, key, value = query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)
        mixed = attend(rotate(query, cos, sin), rotate(key, cos, sin), value)
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, seq, self.heads * self.head_dim))
        return out


class FeedForward(nn.Module):
    """SwiGLU (Shazeer 2020) with gate and up in one matrix."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.gate_up = Linear(config.hidden_size, 2 * config.intermediate_size)
        self.down = Linear(config.intermediate_size, config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        """x: [batch, seq, dim] → [batch, seq, dim]."""
        gate, up = self.gate_up(x).chunk(2, -1)
        out: Tensor = self.down(F.silu(gate) * up)
        return out


class Block(nn.Module):
    """One layer. `forward` is the whole-sequence pass, static in shape, made to be compiled on its own."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.attention_norm = RMSNorm(config.hidden_size, config.norm_eps)
        self.attention = Attention(config)
        self.feed_forward_norm = RMSNorm(config.hidden_size, config.norm_eps)
        self.feed_forward = FeedForward(config)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, segments: Tensor | None) -> Tensor:
        """x: [batch, seq, dim]; cos, sin: [batch, 1, seq, head_dim / 2]; segments: int [batch, seq] or None."""
        return self.run(x, cos, sin, lambda query, key, value: causal_attention(query, key, value, segments))

    def run(self, x: Tensor, cos: Tensor, sin: Tensor, attend: Attend) -> Tensor:
        """The layer around any attention; the cached pass of `Decoder` comes in here and is never compiled."""
        x = x + self.attention(self.attention_norm(x), cos, sin, attend)
        out: Tensor = x + self.feed_forward(self.feed_forward_norm(x))
        return out


class Decoder(nn.Module):
    """Tokens in, hidden states out."""

    def __init__(self, config: DecoderConfig, compute_dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.config = config
        self.compute_dtype = compute_dtype
        """Dtype of the activations; may be set at any time."""
        self.embedding = nn.Parameter(torch.empty(config.vocab_size, config.hidden_size))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.norm = RMSNorm(config.hidden_size, config.norm_eps)
        self.head = None if config.tie_embeddings else nn.Parameter(torch.empty(config.vocab_size, config.hidden_size))

    @property
    def head_weight(self) -> nn.Parameter:
        """[vocab, dim]: hidden states times its transpose are logits."""
        return self.embedding if self.head is None else self.head

    def forward(
        self,
        tokens: Tensor,
        segments: Tensor | None = None,
        positions: Tensor | None = None,
        cache: KeyValueCache | None = None,
    ) -> Tensor:
        """Hidden states after the final norm.

        tokens: int64 [batch, seq]; segments: int32 [batch, seq], document numbers inside a packed row (None: a row is
        one document); positions: int64 [batch, seq] (None: 0, 1, …, or going on from what the cache holds). With
        `cache` the new tokens are added to it. Returns [batch, seq, dim] in `compute_dtype`.
        """
        if positions is None:
            start = 0 if cache is None else cache.lengths[:, None]
            positions = torch.arange(tokens.shape[1], device=tokens.device)[None] + start
        x = F.embedding(tokens, self.embedding).to(self.compute_dtype)
        cos, sin = rotary_tables(positions, self.config.head_dim, self.config.rope_theta, self.compute_dtype)
        if cache is None:
            for block in self.blocks:
                x = block(x, cos, sin, segments)
        else:
            x = self._cached(x, cos, sin, positions, cache)
        hidden: Tensor = self.norm(x)
        return hidden

    def _cached(self, x: Tensor, cos: Tensor, sin: Tensor, positions: Tensor, cache: KeyValueCache) -> Tensor:
        fresh = cache.held == 0
        cache.reserve(cache.held + x.shape[1])
        for layer, block in enumerate(self.blocks):
            assert isinstance(block, Block)

            def attend(query: Tensor, key: Tensor, value: Tensor, layer: int = layer) -> Tensor:
                cache.write(layer, positions, key, value)
                if fresh:
                    return causal_attention(query, key, value)
                return cached_attention(query, cache.keys[layer], cache.values[layer], positions)

            x = block.run(x, cos, sin, attend)
        cache.advance(x.shape[1])
        return x

    def roles(self) -> dict[str, Role]:
        """Role of every parameter by its name in `named_parameters`; adapters tell their own."""
        config = self.config
        fused = {"qkv.weight": config.qkv_rows, "gate_up.weight": (config.intermediate_size,) * 2}
        roles = {}
        for name, parameter in self.named_parameters():
            if ".adapter." in name:
                continue
            splits = next((rows for end, rows in fused.items() if name.endswith(end)), (parameter.shape[0],))
            if name in ("embedding", "head"):
                roles[name] = Role("embedding" if name == "embedding" else "head", splits)
            else:
                roles[name] = Role("matrix" if parameter.ndim == 2 else "norm", splits)
        return roles

    @torch.no_grad()
    def init_weights(self, generator: torch.Generator, std: float = 0.02) -> None:
        """Fresh weights drawn from `generator`, the same for the same seed whatever was drawn elsewhere."""
        for name, parameter in self.named_parameters():
            if parameter.ndim == 1:
                parameter.fill_(1.0)
                continue
            residual = name.endswith(("out.weight", "down.weight"))
            scale = std / math.sqrt(2 * self.config.num_layers) if residual else std
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)

    def inference_copy(self) -> Decoder:
        """The same model with its weights cast once to `compute_dtype`, uncompiled and without gradients.

        Costs one pass over the weights (~10 ms for 7 M parameters) and saves the casts of every step of decoding.
        """
        with torch.device("meta"):
            twin = Decoder(self.config, self.compute_dtype)
        whole = {name: tensor for name, tensor in self.state_dict().items() if ".adapter." not in name}
        for name, module in self.named_modules():
            if isinstance(module, Linear):
                whole[f"{name}.weight"] = module.merged_weight()
        cast = {name: tensor.detach().to(self.compute_dtype) for name, tensor in whole.items()}
        twin.load_state_dict(cast, assign=True)
        return twin.requires_grad_(False).eval()
