"""Published `config.json` files, and the same with small sizes: every other setting stays as published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from hagane.model.decoder import Decoder
from hagane.model.hf_config import from_hf

_SARASHINA2_7B = {
    "architectures": ["LlamaForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": 4096,
    "initializer_range": 0.02,
    "intermediate_size": 11008,
    "max_position_embeddings": 4096,
    "model_type": "llama",
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 32,
    "pretraining_tp": 1,
    "rms_norm_eps": 1e-05,
    "rope_scaling": None,
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.40.1",
    "use_cache": True,
    "vocab_size": 102400,
}
PUBLISHED: dict[str, dict[str, Any]] = {
    "sarashina2-7b": _SARASHINA2_7B,
    "sarashina2-13b": _SARASHINA2_7B
    | {
        "hidden_size": 5120,
        "intermediate_size": 13824,
        "num_attention_heads": 40,
        "num_hidden_layers": 40,
        "num_key_value_heads": 40,
    },
    "sarashina1-7b": {
        "architectures": ["GPTNeoXForCausalLM"],
        "bos_token_id": 2,
        "classifier_dropout": 0.1,
        "eos_token_id": 2,
        "hidden_act": "gelu",
        "hidden_size": 4096,
        "initializer_range": 0.02,
        "intermediate_size": 16384,
        "layer_norm_eps": 1e-05,
        "max_position_embeddings": 2048,
        "model_type": "gpt_neox",
        "num_attention_heads": 32,
        "num_hidden_layers": 32,
        "rotary_emb_base": 10000,
        "rotary_pct": 1.0,
        "tie_word_embeddings": False,
        "torch_dtype": "float16",
        "transformers_version": "4.30.2",
        "use_cache": True,
        "use_parallel_residual": False,
        "vocab_size": 51200,
    },
}

_SIZES: dict[str, Any] = {"vocab_size": 200, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
_LLAMA = PUBLISHED["sarashina2-7b"] | _SIZES | {"intermediate_size": 172, "num_key_value_heads": 4}
SMALL: dict[str, dict[str, Any]] = {
    "sarashina2-7b": _LLAMA,
    "sarashina2-13b": _LLAMA
    | {"hidden_size": 80, "intermediate_size": 216, "num_attention_heads": 5, "num_key_value_heads": 5},
    "sarashina1-7b": PUBLISHED["sarashina1-7b"] | _SIZES | {"intermediate_size": 256},
    # Llama with every bias that its class can have.
    "llama-biased": _LLAMA | {"attention_bias": True, "mlp_bias": True, "num_key_value_heads": 2},
    # The settings of Mistral-7B-v0.1 and of v0.2, of Qwen2-7B, Qwen3-8B and Pythia.
    "mistral": _LLAMA | {"model_type": "mistral", "num_key_value_heads": 2, "sliding_window": 9},
    "mistral-unwindowed": _LLAMA
    | {"model_type": "mistral", "num_key_value_heads": 2, "sliding_window": None, "rope_theta": 1e6},
    "qwen2": _LLAMA
    | {
        "model_type": "qwen2",
        "num_key_value_heads": 2,
        "rms_norm_eps": 1e-06,
        "rope_theta": 1e6,
        "sliding_window": 131072,
        "use_sliding_window": False,
        "max_window_layers": 28,
    },
    "qwen3": _LLAMA
    | {
        "model_type": "qwen3",
        "num_key_value_heads": 2,
        "head_dim": 32,
        "rms_norm_eps": 1e-06,
        "rope_theta": 1e6,
        "sliding_window": None,
        "use_sliding_window": False,
        "tie_word_embeddings": True,
    },
    "gpt-neox": PUBLISHED["sarashina1-7b"]
    | _SIZES
    | {
        "intermediate_size": 256,
        "rotary_pct": 0.25,
        "use_parallel_residual": True,
        "bos_token_id": 0,
        "eos_token_id": 0,
    },
}


@torch.no_grad()
def shake(model: torch.nn.Module, seed: int = 0) -> None:
    """Random weights so large that every part matters, norms and biases too."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        parameter.copy_(noise * 0.15 if parameter.ndim == 2 else noise * 0.2 + (not name.endswith("bias")))


def theirs(name: str, **changes: Any) -> Any:
    """The model of `transformers`, random weights, float32."""
    raw = SMALL[name] | changes
    model = AutoModelForCausalLM.from_config(CONFIG_MAPPING[raw["model_type"]].from_dict(raw), dtype=torch.float32)
    shake(model)
    return model.eval()


def ours(name: str) -> Decoder:
    """Our decoder, random weights."""
    model = Decoder(from_hf(SMALL[name], Path("config.json")))
    shake(model)
    return model
