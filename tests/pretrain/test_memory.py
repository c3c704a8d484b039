"""A run that cannot fit is refused before anything is written; one that fits is not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hagane.errors import UsageError
from hagane.model.config import DecoderConfig
from hagane.pretrain import stage
from hagane.train.loop import TrainConfig
from hagane.train.memory import activations_bytes, available_bytes, weights_bytes

SHAPE = DecoderConfig(
    vocab_size=10, hidden_size=4, intermediate_size=6, num_layers=2, num_heads=2, num_kv_heads=1, head_dim=2
)


def test_counts_by_hand() -> None:
    # Embedding 40; a block: qkv 8 × 4, out 4 × 4, feed-forward 3 × 6 × 4, norms 4 + 4 + 2 + 2; the last norm 4.
    assert SHAPE.parameters_count == 40 + 2 * (32 + 16 + 72 + 12) + 4
    assert weights_bytes(SHAPE, "adamw") == 4 * 4 * 308
    assert weights_bytes(SHAPE, "muon") == 4 * (4 * 40 + 3 * 268)
    # A token of a block: four states of 4, qkv 8 and their mix 4, gate, up and product of 6, two heads of half the row.
    assert activations_bytes(SHAPE, 3, 16, torch.float32, recomputed=False) == 3 * 16 * 2 * (16 + 12 + 18 + 16) * 4
    assert activations_bytes(SHAPE, 3, 16, torch.bfloat16, recomputed=True) == 3 * 16 * (2 * 4 + 62) * 2


def test_too_large_is_refused_with_nothing_written(inputs: dict[str, Path], tmp_path: Path) -> None:
    assert available_bytes() is not None
    config = stage.Config(rows=65536, seq=4096, max_positions=4096, train=TrainConfig(steps=1))
    with pytest.raises(UsageError, match=r"needs at least .* GiB of memory") as caught:
        stage.run(config, inputs, tmp_path)
    assert "micro_batches" in caught.value.fix
    assert list(tmp_path.iterdir()) == []
