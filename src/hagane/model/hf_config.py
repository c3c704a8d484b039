"""`config.json` of Hugging Face to `DecoderConfig` and back.

Five families are spoken: Llama, Mistral, Qwen2, Qwen3 and GPT-NeoX. A file that asks for anything the decoder does not do —
scaled positions, windows on some layers only, quantized weights — is refused by name instead of loaded almost right. A key
that is absent means what it means to `transformers`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hagane.errors import DataError
from hagane.model.config import DecoderConfig, Family

_CLASSES: dict[Family, str] = {
    "llama": "Llama",
    "mistral": "Mistral",
    "qwen2": "Qwen2",
    "qwen3": "Qwen3",
    "gpt_neox": "GPTNeoX",
}
"""Prefix of the architecture names."""

_FIELDS = {
    "vocab_size": "vocab_size",
    "hidden_size": "hidden_size",
    "intermediate_size": "intermediate_size",
    "num_layers": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "max_positions": "max_position_embeddings",
    "bos_id": "bos_token_id",
    "pad_id": "pad_token_id",
}


def to_hf(config: DecoderConfig, head: str) -> dict[str, Any]:
    """The content of `config.json`; `head` is `ForCausalLM` or `ForSequenceClassification`.

    Raises DataError for a shape that its family has no words for.
    """
    out = {theirs: getattr(config, ours) for ours, theirs in _FIELDS.items()}
    eos = [i for i in (config.eos_id, *config.other_eos_ids) if i is not None]
    out |= {
        "architectures": [_CLASSES[config.family] + head],
        "model_type": config.family,
        "tie_word_embeddings": config.tie_embeddings,
        "eos_token_id": eos if len(eos) > 1 else config.eos_id,
        "attention_bias": config.qkv_bias and config.out_bias,
        "attention_dropout": 0.0,
        "initializer_range": 0.02,
        "use_cache": True,
        "torch_dtype": "float32",
    }
    # Positions in both spellings: plain keys for readers before transformers 5 (llama.cpp, vLLM), the mapping after it.
    rope = {"rope_type": "default", "rope_theta": config.rope_theta}
    if config.family == "gpt_neox":
        out |= {
            "layer_norm_eps": config.norm_eps,
            "hidden_act": "gelu",
            "use_parallel_residual": config.parallel_residual,
            "rotary_pct": config.rotary_share,
            "rotary_emb_base": config.rope_theta,
            "rope_parameters": rope | {"partial_rotary_factor": config.rotary_share},
            "hidden_dropout": 0.0,
        }
    else:
        out |= {
            "rms_norm_eps": config.norm_eps,
            "hidden_act": "silu",
            "num_key_value_heads": config.num_kv_heads,
            "head_dim": config.head_dim,
            "rope_theta": config.rope_theta,
            "rope_parameters": rope,
        }
    if config.family in ("qwen2", "qwen3"):
        out |= {"use_sliding_window": False, "sliding_window": None, "max_window_layers": config.num_layers}
    elif config.family == "mistral":
        out |= {"sliding_window": config.window}
    elif config.family == "llama":
        out |= {"mlp_bias": config.mlp_bias}
    if from_hf(out, Path("config.json")) != config:
        raise DataError(
            f"No {_CLASSES[config.family]} model has this shape.",
            where=repr(config),
            fix="Choose the settings of one family: Llama, Mistral, Qwen2, Qwen3 or GPT-NeoX.",
        )
    return out


def from_hf(raw: dict[str, Any], where: Path) -> DecoderConfig:
    """The shape that `raw`, the content of `where`, describes. Raises DataError for what the decoder cannot be."""
    family = next((known for known in _CLASSES if known == raw.get("model_type")), None)
    if family is None:
        raise DataError(
            f"model_type is {raw.get('model_type')!r}; only {', '.join(_CLASSES)} can be opened.",
            where=str(where),
            fix="Give a folder made by hagane, or a Llama, Mistral, Qwen2, Qwen3 or GPT-NeoX model.",
        )
    try:
        rope = raw.get("rope_parameters") or raw.get("rope_scaling") or {}
        shape = _gpt_neox(raw, rope) if family == "gpt_neox" else _llama_like(raw, rope, family)
        _refuse_foreign(raw, rope, shape, where)
        eos = raw.get("eos_token_id")
        first, *others = eos if isinstance(eos, list) and eos else [eos]
        return DecoderConfig(
            **{ours: raw.get(theirs) for ours, theirs in _FIELDS.items()},
            **shape,
            tie_embeddings=raw.get("tie_word_embeddings", False),
            eos_id=first,
            other_eos_ids=others,
            family=family,
        )
    except (AttributeError, KeyError, TypeError, ValidationError, ZeroDivisionError) as error:
        raise DataError(
            f"This is not a complete model config: {_fault(error)}.", where=str(where), fix="Restore the file."
        ) from error


def _fault(error: Exception) -> str:
    """In one line, with the key as it stands in the file."""
    if isinstance(error, KeyError):
        return f"it has no {error}"
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    key = str(first["loc"][0]) if first["loc"] else None
    return first["msg"] if key is None else f"{_FIELDS.get(key, key)} is {first['input']!r}: {first['msg']}"


def _llama_like(raw: dict[str, Any], rope: dict[str, Any], family: Family) -> dict[str, Any]:
    heads = raw["num_attention_heads"]
    bias = raw.get("attention_bias", False)
    return {
        "num_kv_heads": raw.get("num_key_value_heads") or heads,
        "head_dim": raw.get("head_dim") or (128 if family == "qwen3" else raw["hidden_size"] // heads),
        "rope_theta": rope.get("rope_theta", raw.get("rope_theta", 10_000.0)),
        "norm_eps": raw["rms_norm_eps"],
        "qk_norm": family == "qwen3",
        "window": raw.get("sliding_window", 4096) if family == "mistral" else None,
        "qkv_bias": family == "qwen2" or bias,
        "out_bias": bias,
        "mlp_bias": raw.get("mlp_bias", False),
    }


def _gpt_neox(raw: dict[str, Any], rope: dict[str, Any]) -> dict[str, Any]:
    bias = raw.get("attention_bias", True)
    return {
        "num_kv_heads": raw["num_attention_heads"],
        "head_dim": raw["hidden_size"] // raw["num_attention_heads"],
        "rope_theta": rope.get("rope_theta", raw.get("rotary_emb_base", 10_000.0)),
        "rotary_share": rope.get("partial_rotary_factor", raw.get("rotary_pct", 0.25)),
        "norm": "layer",
        "norm_eps": raw["layer_norm_eps"],
        "qk_norm": False,
        "feed_forward": "gelu",
        "parallel_residual": raw.get("use_parallel_residual", True),
        "qkv_bias": bias,
        "out_bias": bias,
        "mlp_bias": True,
    }


def _refuse_foreign(raw: dict[str, Any], rope: dict[str, Any], shape: dict[str, Any], where: Path) -> None:
    family = raw["model_type"]
    activation = "gelu" if family == "gpt_neox" else "silu"
    share = rope.get("partial_rotary_factor", raw.get("partial_rotary_factor", 1.0))
    layer_type = "full_attention" if shape.get("window") is None else "sliding_attention"
    foreign = {
        "hidden_act": raw.get("hidden_act", activation) != activation,
        "rope_type": rope.get("rope_type", rope.get("type", "default")) != "default",
        "partial_rotary_factor": family != "gpt_neox" and share != 1.0,
        # Families without such a switch do not read it: their own code would leave the biases out.
        "attention_bias": family in ("mistral", "qwen2") and raw.get("attention_bias", False),
        "mlp_bias": family != "llama" and raw.get("mlp_bias", False),
        "use_sliding_window": family in ("qwen2", "qwen3") and raw.get("use_sliding_window", False),
        "layer_types": any(kind != layer_type for kind in raw.get("layer_types") or ()),
        "quantization_config": raw.get("quantization_config"),
    }
    for key, bad in foreign.items():
        if bad:
            raise DataError(
                f"The setting {key} of this {_CLASSES[family]} model is not one that the decoder has.",
                where=str(where),
                fix=f"Give a plain one: {activation} activations, unscaled rotary positions, alike layers, whole weights.",
            )
