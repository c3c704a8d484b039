"""Weights under the names of Hugging Face: fused matrices are split on the way out and joined on the way in.

GPT-NeoX fuses queries, keys and values as well, but head by head; its rows are put into our order (all queries, all keys,
all values), so that optimizers see the same logical matrices in every family. Rows are only sliced and laid together, so
a round trip gives the same bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from hagane.errors import ArtifactError
from hagane.model.config import DecoderConfig
from hagane.model.decoder import Decoder


@dataclass(frozen=True)
class Layout:
    """How a family names its modules; the part behind the last dot (`weight`, `bias`) is the same here and there."""

    embedding: str
    norm: str
    head: str
    layers: str
    """Followed by the number of the layer."""
    modules: dict[str, tuple[str, ...]]
    """Our module of a layer → theirs, in the order of their rows."""
    ignored: re.Pattern[str]
    """Buffers that old checkpoints hold and that follow from config.json."""


_LLAMA = Layout(
    embedding="model.embed_tokens",
    norm="model.norm",
    head="lm_head",
    layers="model.layers",
    modules={
        "attention_norm": ("input_layernorm",),
        "attention.qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
        "attention.out": ("self_attn.o_proj",),
        "attention.q_norm": ("self_attn.q_norm",),
        "attention.k_norm": ("self_attn.k_norm",),
        "feed_forward_norm": ("post_attention_layernorm",),
        "feed_forward.gate_up": ("mlp.gate_proj", "mlp.up_proj"),
        "feed_forward.down": ("mlp.down_proj",),
    },
    ignored=re.compile(r"model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq"),
)
_GPT_NEOX = Layout(
    embedding="gpt_neox.embed_in",
    norm="gpt_neox.final_layer_norm",
    head="embed_out",
    layers="gpt_neox.layers",
    modules={
        "attention_norm": ("input_layernorm",),
        "attention.qkv": ("attention.query_key_value",),
        "attention.out": ("attention.dense",),
        "feed_forward_norm": ("post_attention_layernorm",),
        "feed_forward.up": ("mlp.dense_h_to_4h",),
        "feed_forward.down": ("mlp.dense_4h_to_h",),
    },
    ignored=re.compile(r"gpt_neox\.layers\.\d+\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)"),
)


def layout(config: DecoderConfig) -> Layout:
    """The names of the family that `config` is stored as."""
    return _GPT_NEOX if config.family == "gpt_neox" else _LLAMA


def names(own: str, config: DecoderConfig) -> tuple[str, ...]:
    """The Hugging Face names that parameter `own` of a `Decoder` is made of, in the order of their rows."""
    theirs = layout(config)
    if own in ("embedding", "head"):
        return (f"{theirs.embedding if own == 'embedding' else theirs.head}.weight",)
    module, leaf = own.rsplit(".", 1)
    if module == "norm":
        return (f"{theirs.norm}.{leaf}",)
    _, layer, part = module.split(".", 2)
    return tuple(f"{theirs.layers}.{layer}.{name}.{leaf}" for name in theirs.modules[part])


def split(own: str, tensor: Tensor, rows: tuple[int, ...], config: DecoderConfig) -> dict[str, Tensor]:
    """`tensor` under its Hugging Face names; `rows` of each part, from `Decoder.roles`."""
    found = names(own, config)
    if _by_heads(own, config):
        fused = tensor.view(3, config.num_heads, config.head_dim, *tensor.shape[1:])
        tensor = fused.transpose(0, 1).reshape(tensor.shape)
    parts = torch.split(tensor, list(rows)) if len(found) > 1 else (tensor,)
    return {name: part.contiguous() for name, part in zip(found, parts, strict=True)}


def join(decoder: Decoder, tensors: dict[str, Tensor], where: Path) -> dict[str, Tensor]:
    """State of `decoder`, float32, from Hugging Face `tensors`; its own weights are not read and may be on "meta".

    Raises ArtifactError where a tensor is missing, of the wrong shape or type, not finite, or one that the decoder does not have.
    """
    config, roles = decoder.config, decoder.roles()
    named = {own: names(own, config) for own in roles}
    known = {name for parts in named.values() for name in parts}
    if config.tie_embeddings:
        # Some checkpoints store the head all the same.
        known.add(f"{layout(config).head}.weight")
    unknown = sorted(name for name in tensors.keys() - known if not layout(config).ignored.fullmatch(name))
    if unknown:
        raise ArtifactError(
            f"The weights hold {unknown[0]}, which this architecture does not have.",
            where=str(where),
            fix="Put the config.json and the weights of one model together.",
        )
    state = {}
    for own, parameter in decoder.named_parameters():
        rows = roles[own].splits if len(named[own]) > 1 else (len(parameter),)
        parts = [
            _part(tensors, name, [count, *parameter.shape[1:]], where)
            for name, count in zip(named[own], rows, strict=True)
        ]
        state[own] = torch.cat(parts)
        if _by_heads(own, config):
            fused = state[own].view(config.num_heads, 3, config.head_dim, *parameter.shape[1:])
            state[own] = fused.transpose(0, 1).reshape(parameter.shape)
    return state


def _part(tensors: dict[str, Tensor], name: str, shape: list[int], where: Path) -> Tensor:
    if name not in tensors:
        raise ArtifactError(
            f"The weights lack {name}.", where=str(where), fix="Restore the folder or train the model again."
        )
    if list(tensors[name].shape) != shape:
        raise ArtifactError(
            f"{name} is {list(tensors[name].shape)}, but config.json asks for {shape}.",
            where=str(where),
            fix="Put the config.json and the weights of one model together.",
        )
    if not tensors[name].is_floating_point():
        raise ArtifactError(
            f"{name} holds {str(tensors[name].dtype).removeprefix('torch.')} numbers; weights are floating-point numbers.",
            where=str(where),
            fix="Give the model before it was quantized.",
        )
    found = tensors[name].float()
    if not found.isfinite().all():
        raise ArtifactError(
            f"{name} holds NaN or infinity.", where=str(where), fix="Restore the folder or train the model again."
        )
    return found


def _by_heads(own: str, config: DecoderConfig) -> bool:
    """Whether the rows of `own` are stored as query, key and value of one head after the other."""
    return config.family == "gpt_neox" and ".qkv." in own
