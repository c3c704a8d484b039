"""Published learning rates, each with the text it is from and what of it is ours.

A preset is data: `train.preset: gpt` in a recipe writes its values into the config (they stand in `recipe.json`), and
`hagane lr show preset:gpt` draws them. They were chosen for models of a hundred million to seventy billion parameters and
runs of 10⁵ updates; for a small model on a laptop they are a point of comparison, not advice (docs/learning-rate.md has what
2.5e-4 costs there).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

PresetName = Literal["gpt", "sarashina2", "llm-jp"]


@dataclass(frozen=True)
class Preset:
    """Fields of a `RateConfig`, and where they are from."""

    settings: Mapping[str, float | str]
    source: str
    ours: str
    """What the source does not say and we chose; empty where it says everything."""
    steps: int
    """Updates of a run that `hagane lr show` draws it over."""


PRESETS: Mapping[str, Preset] = {
    "gpt": Preset(
        {"lr": 2.5e-4, "embedding_lr": 2.5e-4, "schedule": "cosine", "warmup": 2000, "floor": 0.0},
        "Radford et al. 2018, Improving language understanding by generative pre-training, §4.1: Adam, at most 2.5e-4, "
        "raised from zero over the first 2,000 updates, then a cosine to 0",
        "",
        100_000,
    ),
    "sarashina2": Preset(
        {"lr": 2.5e-4, "embedding_lr": 2.5e-4, "schedule": "cosine", "warmup": 2000, "floor": 0.1},
        "SB Intuitions on Sarashina2: at most 2.5e-4, then decreasing. The published text says no more than that",
        "the cosine to a tenth of the peak and the warm-up of 2,000 updates, both after llm-jp",
        100_000,
    ),
    "llm-jp": Preset(
        {"lr": 3e-4, "embedding_lr": 3e-4, "schedule": "cosine", "warmup": 2000, "floor": 0.1},
        "llm-jp/Megatron-LM, scripts/mdx/llm-jp-llama-2-13b/13b-llm-jp-v2_CC_100k.sh: LR=3e-4, MIN_LR=3e-5, "
        "--lr-decay-style cosine, LR_WARMUP_STEPS=2000, TRAIN_STEPS=61000, Adam",
        "",
        61_000,
    ),
}
