"""`config.json` of Hugging Face to `DecoderConfig` and back.

Two architectures are spoken: Qwen3 (normalised queries and keys) and Llama (without). A file that asks for anything the
decoder does not do — biases, scaled positions, sliding windows — is refused by name instead of loaded almost right.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hagane.errors import DataError
from hagane.model.config import DecoderConfig

FAMILIES = {"qwen3": ("Qwen3", True), "llama": ("Llama", False)}
"""model_type → prefix of the architecture names, and whether queries and keys are normalised."""

_FIELDS = {
    "vocab_size": "vocab_size",
    "hidden_size": "hidden_size",
    "intermediate_size": "intermediate_size",
    "num_layers": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "norm_eps": "rms_norm_eps",
    "max_positions": "max_position_embeddings",
    "bos_id": "bos_token_id",
    "pad_id": "pad_token_id",
}


def to_hf(config: DecoderConfig, head: str) -> dict[str, Any]:
    """The content of `config.json`; `head` is `ForCausalLM` or `ForSequenceClassification`."""
    model_type = "qwen3" if config.qk_norm else "llama"
    out = {theirs: getattr(config, ours) for ours, theirs in _FIELDS.items()}
    out |= {
        "architectures": [FAMILIES[model_type][0] + head],
        "model_type": model_type,
        "num_key_value_heads": config.num_kv_heads,
        "head_dim": config.head_dim,
        # Both spellings: `rope_theta` for readers before transformers 5 (llama.cpp, vLLM), the mapping for those after.
        "rope_theta": config.rope_theta,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta},
        "tie_word_embeddings": config.tie_embeddings,
        "eos_token_id": config.eos_id,
        "hidden_act": "silu",
        "attention_bias": False,
        "attention_dropout": 0.0,
        "initializer_range": 0.02,
        "use_cache": True,
        "torch_dtype": "float32",
    }
    if model_type == "qwen3":
        out |= {"use_sliding_window": False, "sliding_window": None, "max_window_layers": config.num_layers}
    else:
        out |= {"mlp_bias": False}
    return out


def from_hf(raw: dict[str, Any], where: Path) -> DecoderConfig:
    """The shape that `raw`, the content of `where`, describes. Raises DataError for what the decoder cannot be."""
    model_type = raw.get("model_type")
    if model_type not in FAMILIES:
        raise DataError(
            f"model_type is {model_type!r}; only {' and '.join(FAMILIES)} can be opened.",
            where=str(where),
            fix="Give a folder made by hagane, or a Qwen3 or Llama model.",
        )
    rope = raw.get("rope_parameters") or raw.get("rope_scaling") or {}
    foreign = {
        "attention_bias": raw.get("attention_bias", False),
        "mlp_bias": raw.get("mlp_bias", False),
        "use_sliding_window": raw.get("use_sliding_window", False),
        "hidden_act": raw.get("hidden_act", "silu") != "silu",
        "rope_type": rope.get("rope_type", rope.get("type", "default")) != "default",
    }
    for key, bad in foreign.items():
        if bad:
            raise DataError(
                f"The setting {key} of this model is not one that the decoder has.",
                where=str(where),
                fix="Give a model with plain attention: no biases, no sliding window, SiLU, unscaled rotary positions.",
            )
    try:
        heads = raw["num_attention_heads"]
        eos = raw.get("eos_token_id")
        return DecoderConfig(
            **{ours: raw.get(theirs) for ours, theirs in _FIELDS.items()},
            num_kv_heads=raw.get("num_key_value_heads") or heads,
            head_dim=raw.get("head_dim") or raw["hidden_size"] // heads,
            rope_theta=rope.get("rope_theta", raw.get("rope_theta", 10_000.0)),
            qk_norm=FAMILIES[model_type][1],
            tie_embeddings=raw.get("tie_word_embeddings", False),
            eos_id=eos[0] if isinstance(eos, list) else eos,
        )
    except (KeyError, TypeError, ValidationError) as error:
        raise DataError(
            f"This is not a complete model config: {error}", where=str(where), fix="Restore the file."
        ) from error
