"""Shape and weights of a GGUF file, under the names of Hugging Face.

Only the architecture `llama` is read, in any of ggml's number formats: quantized matrices become float32 again, which no
longer is what was quantized (with four bits a weight is off by some percent). llama.cpp turns neighbouring pairs of a head
where Hugging Face turns its two halves, so the rows of queries and keys go back into the other order (see `export/gguf.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from torch import Tensor

from hagane.errors import DataError
from hagane.export.gguf import BLOCK, TOP, Array
from hagane.model.config import DecoderConfig

_TOP = {theirs: ours for ours, theirs in TOP.items()}
_BLOCK = {theirs: ours for ours, theirs in BLOCK.items()}


def open_gguf(path: Path) -> tuple[gguf.GGUFReader, dict[str, Any]]:
    """The reader of a file and its metadata. Raises DataError for what is not GGUF."""
    try:
        reader = gguf.GGUFReader(path)
    except (OSError, ValueError, IndexError, KeyError) as error:
        raise DataError(
            f"this is not a whole GGUF file: {error}", where=str(path), fix="give a file that llama.cpp can open"
        ) from error
    return reader, {name: field.contents() for name, field in reader.fields.items()}


def read_config(reader: gguf.GGUFReader, fields: Mapping[str, Any], where: Path) -> DecoderConfig:
    """The shape. Raises DataError for another architecture, scaled positions, or metadata that is not complete."""
    architecture = fields.get("general.architecture")
    scaling = fields.get("llama.rope.scaling.type", "none")
    if architecture != "llama" or scaling != "none":
        found = f"rope scaling {scaling}" if architecture == "llama" else f"the architecture {architecture}"
        raise DataError(
            f"this file has {found}; only plain `llama` can be read",
            where=str(where),
            fix="give the model's Hugging Face folder instead",
        )
    try:
        heads, width = fields["llama.attention.head_count"], fields["llama.embedding_length"]
        head_dim = fields.get("llama.attention.key_length", width // heads)
        if fields.get("llama.rope.dimension_count", head_dim) != head_dim:
            raise DataError(
                "only a part of each head is turned by its position",
                where=str(where),
                fix="give a plain `llama` model",
            )
        return DecoderConfig(
            vocab_size=len(fields["tokenizer.ggml.tokens"]),
            hidden_size=width,
            intermediate_size=fields["llama.feed_forward_length"],
            num_layers=fields["llama.block_count"],
            num_heads=heads,
            num_kv_heads=fields.get("llama.attention.head_count_kv", heads),
            head_dim=head_dim,
            rope_theta=_decimal(fields.get("llama.rope.freq_base", 10_000.0)),
            norm_eps=_decimal(fields["llama.attention.layer_norm_rms_epsilon"]),
            qk_norm=False,
            tie_embeddings=all(tensor.name != TOP["lm_head.weight"] for tensor in reader.tensors),
            max_positions=fields["llama.context_length"],
            bos_id=fields.get("tokenizer.ggml.bos_token_id"),
            eos_id=fields.get("tokenizer.ggml.eos_token_id"),
            pad_id=fields.get("tokenizer.ggml.padding_token_id"),
        )
    except KeyError as error:
        raise DataError(f"the file does not tell {error}", where=str(where), fix="give a whole model file") from error


def read_tensors(reader: gguf.GGUFReader, config: DecoderConfig, where: Path) -> dict[str, Tensor]:
    """Hugging Face name → float32 tensor. Raises DataError for a tensor that a `llama` model does not have."""
    tensors = {}
    for tensor in reader.tensors:
        block = re.fullmatch(r"blk\.(\d+)\.(.+)\.weight", tensor.name)
        known = _TOP.get(tensor.name) if block is None else _BLOCK.get(block[2])
        if known is None:
            raise DataError(
                f"the file holds {tensor.name}, which a plain `llama` model does not have",
                where=str(where),
                fix="give the model's Hugging Face folder instead",
            )
        values: Array = gguf.dequantize(tensor.data, tensor.tensor_type)
        if block is not None and block[2] in ("attn_q", "attn_k"):
            values = _halves(values, config.num_heads if block[2] == "attn_q" else config.num_kv_heads)
        name = known if block is None else f"model.layers.{block[1]}.{known}.weight"
        tensors[name] = torch.from_numpy(np.array(values, dtype=np.float32))
    return tensors


def _halves(values: Array, heads: int) -> Array:
    """Rows [heads · pairs] as [heads · (half, half)]. values: [rows, columns]."""
    rows, columns = values.shape
    return values.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _decimal(value: float) -> float:
    """The short decimal number that was meant: 1e-5 is stored in float32 as 9.99999974738e-06."""
    return float(str(np.float32(value)))
