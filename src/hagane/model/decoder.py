"""The decoder: a transformer that returns hidden states and knows nothing of losses, heads or devices.

Hidden first: `forward` ends at the final norm. Losses take `head_weight` and work in chunks, so that the [tokens,
vocab] logits never exist at once (for 8,192 entries and 4,096 tokens they alone would be 134 MB in float32).

Weights are float32 masters and are cast to the dtype of the activations in the linear layer, so that the optimizer stays
exact. Queries, keys and values lie in one matrix, gate and up in another (fewer and larger products); `roles` says where
the logical matrices inside begin, for optimizers that treat a matrix as a whole and for export. All blocks are alike and
hold no number of their own, so one compilation serves them all.

Architecture: that of Qwen3, and of the other families that `DecoderConfig` names. Initialisation: normal(0.02), the
matrices that write into the residual stream divided by √(2·layers) (Radford et al. 2019, section 2.3); biases zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hagane.model.attention import attention_bias, cache_bias, cached_attention, causal_attention
from hagane.model.cache import KeyValueCache
from hagane.model.config import DecoderConfig
from hagane.model.inference import LeanAttention, LeanRMSNorm, PackedLinear
from hagane.model.rotary import rotary_tables, rotate

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Role:
    """What a parameter is for, and the rows of each logical matrix that is fused in it."""

    kind: Literal["matrix", "embedding", "vector", "head"]
    """"vector": norms and biases, which have no directions to balance and are not decayed."""
    splits: tuple[int, ...]
    """Rows of the logical matrices, first to last; one entry where nothing is fused."""


class Linear(nn.Module):
    """A matrix [rows, columns] and, if wanted, a bias; float32 weights, cast to the input's dtype."""

    def __init__(self, columns: int, rows: int, bias: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(rows, columns))
        self.bias = nn.Parameter(torch.zeros(rows)) if bias else None
        self.adapter: nn.Module | None = None
        """Its output is added (see `lora.py`)."""

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., columns] → [..., rows]."""
        out = F.linear(x, self.weight.to(x.dtype), None if self.bias is None else self.bias.to(x.dtype))
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


class LayerNorm(nn.Module):
    """Norm over the last dimension by mean and variance, with a bias (Ba et al. 2016)."""

    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.bias = nn.Parameter(torch.zeros(dim))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., dim] → the same shape and dtype."""
        return F.layer_norm(x, (x.shape[-1],), self.weight.to(x.dtype), self.bias.to(x.dtype), self.eps)


def _norm(config: DecoderConfig) -> RMSNorm | LayerNorm:
    """A norm of the residual stream."""
    return (RMSNorm if config.norm == "rms" else LayerNorm)(config.hidden_size, config.norm_eps)


class Attention(nn.Module):
    """Grouped-query attention with one fused projection and, by config, normalised queries and keys."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = config.num_heads, config.num_kv_heads, config.head_dim
        self.qkv = Linear(config.hidden_size, sum(config.qkv_rows), config.qkv_bias)
        self.out = Linear(config.qkv_rows[0], config.hidden_size, config.out_bias)
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
        self.gate_up = Linear(config.hidden_size, 2 * config.intermediate_size, config.mlp_bias)
        self.down = Linear(config.intermediate_size, config.hidden_size, config.mlp_bias)

    def forward(self, x: Tensor) -> Tensor:
        """x: [batch, seq, dim] → [batch, seq, dim]."""
        gate, up = self.gate_up(x).chunk(2, -1)
        out: Tensor = self.down(F.silu(gate) * up)
        return out


class PlainFeedForward(nn.Module):
    """Two matrices around an exact GELU (Hendrycks and Gimpel 2016)."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.up = Linear(config.hidden_size, config.intermediate_size, config.mlp_bias)
        self.down = Linear(config.intermediate_size, config.hidden_size, config.mlp_bias)

    def forward(self, x: Tensor) -> Tensor:
        """x: [batch, seq, dim] → [batch, seq, dim]."""
        out: Tensor = self.down(F.gelu(self.up(x)))
        return out


class Block(nn.Module):
    """One layer. `forward` is the whole-sequence pass, static in shape, made to be compiled on its own."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.attention_norm = _norm(config)
        self.attention: Attention | LeanAttention = Attention(config)
        self.feed_forward_norm = _norm(config)
        self.feed_forward = FeedForward(config) if config.feed_forward == "swiglu" else PlainFeedForward(config)
        self.parallel = config.parallel_residual

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, bias: Tensor) -> Tensor:
        """x: [batch, seq, dim]; cos, sin: of `rotary_tables`; bias: [batch or 1, seq, seq], who sees whom."""
        return self.run(x, cos, sin, lambda query, key, value: causal_attention(query, key, value, bias))

    def run(self, x: Tensor, cos: Tensor, sin: Tensor, attend: Attend) -> Tensor:
        """The layer around any attention; the cached pass of `Decoder` comes in here and is never compiled."""
        after = x + self.attention(self.attention_norm(x), cos, sin, attend)
        out: Tensor = after + self.feed_forward(self.feed_forward_norm(x if self.parallel else after))
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
        self.norm = _norm(config)
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
        one document); positions: int64 [batch, seq] (None: 0, 1, …). With `cache` the new tokens are added to it, and
        positions go on from what it holds. Returns [batch, seq, dim] in `compute_dtype`.
        """
        if positions is None:
            start = 0 if cache is None else cache.lengths[:, None]
            positions = torch.arange(tokens.shape[1], device=tokens.device)[None] + start
        x = F.embedding(tokens, self.embedding).to(self.compute_dtype)
        cos, sin = rotary_tables(positions, self.config.rotary_dim, self.config.rope_theta, self.compute_dtype)
        if cache is None:
            bias = self._bias(tokens.shape[1], segments)
            for block in self.blocks:
                x = block(x, cos, sin, bias)
        else:
            x = self._cached(x, cos, sin, positions, cache)
        hidden: Tensor = self.norm(x)
        return hidden

    def _bias(self, seq: int, segments: Tensor | None) -> Tensor:
        return attention_bias(seq, segments, self.compute_dtype, self.embedding.device, self.config.window)

    def _cached(self, x: Tensor, cos: Tensor, sin: Tensor, positions: Tensor, cache: KeyValueCache) -> Tensor:
        fresh = cache.held == 0
        cache.reserve(cache.held + x.shape[1])
        # One for all layers.
        bias = self._bias(x.shape[1], None) if fresh else cache_bias(positions, cache.room, x.dtype, self.config.window)
        for layer, block in enumerate(self.blocks):
            assert isinstance(block, Block)

            def attend(query: Tensor, key: Tensor, value: Tensor, layer: int = layer) -> Tensor:
                cache.write(layer, positions, key, value)
                if fresh:
                    return causal_attention(query, key, value, bias)
                return cached_attention(query, cache.keys[layer], cache.values[layer], bias)

            x = block.run(x, cos, sin, attend)
        cache.advance(x.shape[1])
        return x

    def roles(self) -> dict[str, Role]:
        """Role of every parameter by its name in `named_parameters`; adapters tell their own."""
        config = self.config
        fused = {"qkv": config.qkv_rows, "gate_up": (config.intermediate_size,) * 2}
        roles = {}
        for name, parameter in self.named_parameters():
            if ".adapter." in name:
                continue
            splits = next((rows for part, rows in fused.items() if f".{part}." in name), (parameter.shape[0],))
            if name in ("embedding", "head"):
                roles[name] = Role("embedding" if name == "embedding" else "head", splits)
            else:
                roles[name] = Role("matrix" if parameter.ndim == 2 else "vector", splits)
        return roles

    @torch.no_grad()
    def init_weights(self, generator: torch.Generator, std: float = 0.02) -> None:
        """Fresh weights drawn from `generator`, the same for the same seed whatever was drawn elsewhere."""
        for name, parameter in self.named_parameters():
            if parameter.ndim == 1:
                parameter.fill_(0.0 if name.endswith("bias") else 1.0)
                continue
            residual = name.endswith(("out.weight", "down.weight"))
            scale = std / math.sqrt(2 * self.config.num_layers) if residual else std
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)

    def inference_copy(self) -> Decoder:
        """The same model with its weights cast once to `compute_dtype`, uncompiled and without gradients.

        The copy cannot be trained: its layers are those of `inference.py`. In float32 it shares its weights with this model.
        """
        with torch.device("meta"):
            twin = Decoder(self.config, self.compute_dtype)
        whole = {name: tensor for name, tensor in self.state_dict().items() if ".adapter." not in name}
        for name, module in self.named_modules():
            if isinstance(module, Linear):
                whole[f"{name}.weight"] = module.merged_weight()
        typed = {name: tensor.detach().to(self.compute_dtype) for name, tensor in whole.items()}
        twin.load_state_dict(typed, assign=True)
        for module in list(twin.modules()):
            for name, child in module.named_children():
                if isinstance(child, Linear):
                    setattr(module, name, PackedLinear(child.weight, child.bias))
                elif isinstance(child, RMSNorm):
                    setattr(module, name, LeanRMSNorm(child.weight, child.eps))
        for block in twin.blocks:
            assert isinstance(block, Block)
            block.attention = LeanAttention(cast(Attention, block.attention))
        return twin.requires_grad_(False).eval()
