"""An adapter as the folder that `peft` reads and writes: adapter_config.json and adapter_model.safetensors.

The folder does not name its base model: a path would be true on one machine only. Open it with
`PeftModel.from_pretrained(base, folder)`; the manifest around it tells which base that is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from hagane.errors import ArtifactError, DataError
from hagane.model.config import DecoderConfig
from hagane.model.decoder import Decoder
from hagane.model.hf_weights import names
from hagane.model.lora import Adapter, LoRAConfig, adapt, adapters, merge

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_PREFIX = "base_model.model."
_FOREIGN = {
    "use_dora": False,
    "use_rslora": False,
    "bias": "none",
    "lora_bias": False,
    "fan_in_fan_out": False,
    "rank_pattern": {},
    "alpha_pattern": {},
    "modules_to_save": None,
    "layers_to_transform": None,
    "exclude_modules": None,
    "target_parameters": None,
    "trainable_token_indices": None,
}
"""Settings of `peft` that change what an adapter does, with the value at which they do nothing."""


def save_adapter(decoder: Decoder, config: LoRAConfig, folder: Path, score: Tensor | None = None) -> None:
    """Write the adapters of `decoder`. score: the head [labels, dim] of a classifier, which is saved whole beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"{_PREFIX}{name}": part.detach().float().cpu().contiguous()
        for own, _, adapter in adapters(decoder)
        for name, part in _parts(own, adapter, decoder.config).items()
    }
    if score is not None:
        tensors[f"{_PREFIX}score.weight"] = score.detach().float().cpu().contiguous()
    save_file(dict(sorted(tensors.items())), folder / WEIGHTS, metadata={"format": "pt"})
    settings = _FOREIGN | {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM" if score is None else "SEQ_CLS",
        "base_model_name_or_path": None,
        "r": config.rank,
        "lora_alpha": config.alpha,
        "lora_dropout": 0.0,
        "target_modules": list(config.targets),
        "modules_to_save": None if score is None else ["score"],
        "inference_mode": True,
        "init_lora_weights": True,
    }
    (folder / CONFIG).write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def settle(decoder: Decoder, config: LoRAConfig | None, folder: Path, score: Tensor | None = None) -> None:
    """What ends a training stage: `save_adapter`, then `merge`; without a config nothing is done."""
    if config is not None:
        save_adapter(decoder, config, folder, score)
        merge(decoder)


def load_adapter(decoder: Decoder, folder: Path) -> None:
    """Put the adapter of a folder, written here or by `peft`, on `decoder`.

    Raises DataError where there is none or it does more than LoRA does here, ArtifactError where its tensors do not fit.
    """
    config = _read_config(folder)
    adapt(decoder, config, torch.Generator().manual_seed(0))
    try:
        tensors = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise ArtifactError(
            f"The adapter cannot be read: {error}", where=str(folder / WEIGHTS), fix="Restore the file."
        ) from error
    for own, _, adapter in adapters(decoder):
        for name, part in _parts(own, adapter, decoder.config).items():
            stored = tensors.pop(f"{_PREFIX}{name}", None)
            if stored is None or stored.shape != part.shape:
                found = "is missing" if stored is None else f"is {list(stored.shape)}, not {list(part.shape)}"
                raise ArtifactError(
                    f"The adapter's {name} {found}.", where=str(folder), fix="Give the base model it was trained on."
                )
            part.data.copy_(stored)
    if tensors:
        raise ArtifactError(
            f"The adapter holds {min(tensors)}, which the model has no place for.",
            where=str(folder),
            fix="Give the base model it was trained on.",
        )


def _parts(own: str, adapter: Adapter, config: DecoderConfig) -> dict[str, Tensor]:
    """Name → A or B of each targeted matrix in parameter `own`, as views."""
    chosen = [name for name, wanted in zip(names(own, config), adapter.targeted, strict=True) if wanted]
    found: dict[str, Tensor] = {}
    ranks = (adapter.rank,) * len(chosen)
    for kind, stacked, rows in (("A", adapter.a, ranks), ("B", adapter.b, adapter.rows)):
        for name, part in zip(chosen, torch.split(stacked, list(rows)), strict=True):
            found[f"{name.removesuffix('weight')}lora_{kind}.weight"] = part
    return found


def _read_config(folder: Path) -> LoRAConfig:
    path = folder / CONFIG
    try:
        raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        foreign = [key for key, plain in _FOREIGN.items() if raw.get(key, plain) not in (plain, None, False)]
        if raw["peft_type"] != "LORA" or foreign or not isinstance(raw["target_modules"], list):
            what = foreign[0] if foreign else f"{raw['peft_type']}, {raw['target_modules']!r}"
            raise DataError(
                f"This adapter is not plain LoRA on named matrices: {what}.",
                where=str(path),
                fix="Merge it with `peft`.",
            )
        return LoRAConfig(rank=raw["r"], alpha=raw["lora_alpha"], targets=tuple(sorted(raw["target_modules"])))
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise DataError(
            f"There is no adapter here: {error}", where=str(path), fix="Give a folder of `peft`."
        ) from error
