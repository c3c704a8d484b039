"""Weights under the names of Hugging Face: fused matrices are split on the way out and joined on the way in.

Rows are only sliced and laid together, so a round trip gives the same bytes.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from hagane.errors import ArtifactError
from hagane.model.config import DecoderConfig

_LAYER = {
    "attention_norm.weight": ("input_layernorm.weight",),
    "attention.qkv.weight": ("self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight"),
    "attention.out.weight": ("self_attn.o_proj.weight",),
    "attention.q_norm.weight": ("self_attn.q_norm.weight",),
    "attention.k_norm.weight": ("self_attn.k_norm.weight",),
    "feed_forward_norm.weight": ("post_attention_layernorm.weight",),
    "feed_forward.gate_up.weight": ("mlp.gate_proj.weight", "mlp.up_proj.weight"),
    "feed_forward.down.weight": ("mlp.down_proj.weight",),
}
_TOP = {"embedding": "model.embed_tokens.weight", "norm.weight": "model.norm.weight", "head": "lm_head.weight"}


def names(own: str) -> tuple[str, ...]:
    """The Hugging Face names that parameter `own` of a `Decoder` is made of, in the order of their rows."""
    if own in _TOP:
        return (_TOP[own],)
    _, layer, rest = own.split(".", 2)
    return tuple(f"model.layers.{layer}.{name}" for name in _LAYER[rest])


def split(own: str, tensor: Tensor, rows: tuple[int, ...]) -> dict[str, Tensor]:
    """`tensor` under its Hugging Face names; `rows` of each part, from `Decoder.roles`."""
    return {name: part.contiguous() for name, part in zip(names(own), torch.split(tensor, list(rows)), strict=True)}


def join(shapes: dict[str, torch.Size], tensors: dict[str, Tensor], where: Path) -> dict[str, Tensor]:
    """State of a `Decoder` with parameters of `shapes`, float32, from Hugging Face `tensors`.

    Raises ArtifactError where a tensor is missing or of the wrong shape.
    """
    state = {}
    for own, shape in shapes.items():
        missing = [name for name in names(own) if name not in tensors]
        if missing:
            raise ArtifactError(
                f"The weights lack {missing[0]}.", where=str(where), fix="Restore the folder or train the model again."
            )
        whole = torch.cat([tensors[name].float() for name in names(own)])
        if whole.shape != shape:
            raise ArtifactError(
                f"{' + '.join(names(own))} is {list(whole.shape)}, but config.json asks for {list(shape)}.",
                where=str(where),
                fix="Put the config.json and the weights of one model together.",
            )
        state[own] = whole
    return state


def expected(config: DecoderConfig, shapes: dict[str, torch.Size]) -> set[str]:
    """Every Hugging Face name that a checkpoint of this shape may hold; a tied head may be stored as well."""
    return {name for own in shapes for name in names(own)} | ({"lm_head.weight"} if config.tie_embeddings else set())
