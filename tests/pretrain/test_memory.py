"""A run that cannot fit is refused before anything is written; one that fits is not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hagane.errors import UsageError
from hagane.model.config import DecoderConfig
from hagane.model.decoder import Decoder
from hagane.model.lora import LoRAConfig, adapt
from hagane.model.memory import available_bytes, group_bytes
from hagane.pretrain import stage
from hagane.train.loop import TrainConfig
from hagane.train.memory import activations_bytes, training_bytes

SHAPE = DecoderConfig(
    vocab_size=10, hidden_size=4, intermediate_size=6, num_layers=2, num_heads=2, num_kv_heads=1, head_dim=2
)


def test_counts_by_hand() -> None:
    # Embedding 40; a block: qkv 8 × 4, out 4 × 4, feed-forward 3 × 6 × 4, norms 4 + 4 + 2 + 2; the last norm 4.
    assert SHAPE.parameters_count == 40 + 2 * (32 + 16 + 72 + 12) + 4
    model = Decoder(SHAPE)
    assert training_bytes(model, "adamw") == 4 * 3 * 308
    # Muon takes the matrices: 2 × (32 + 16 + 72).
    assert training_bytes(model, "muon") == 4 * (2 * 240 + 3 * 68)
    assert training_bytes(model, "muon", averaged=True) == 4 * (3 * 240 + 4 * 68)
    adapt(model, LoRAConfig(rank=1, targets=("o_proj",)), torch.Generator().manual_seed(0))
    assert training_bytes(model, "adamw") == 4 * 3 * 2 * (4 + 4), "frozen weights need neither gradients nor state"
    # A token of a block: four states of 4, qkv 8 and their mix 4, gate, up and product of 6, two heads of half the row.
    assert activations_bytes(SHAPE, 3, 16, torch.float32, recomputed=False) == 3 * 16 * 2 * (16 + 12 + 18 + 16) * 4
    assert activations_bytes(SHAPE, 3, 16, torch.bfloat16, recomputed=True) == 3 * 16 * (2 * 4 + 62) * 2


def test_what_a_control_group_leaves(tmp_path: Path) -> None:
    assert group_bytes(tmp_path) is None
    (tmp_path / "memory").mkdir()
    for name, content in (("limit_in_bytes", "900"), ("usage_in_bytes", "500"), ("stat", "total_inactive_file 60")):
        (tmp_path / "memory" / f"memory.{name}").write_text(content)
    assert group_bytes(tmp_path) == 460, "version 1"
    for name, content in (("max", "1000"), ("current", "700"), ("stat", "anon 1\ninactive_file 200")):
        (tmp_path / f"memory.{name}").write_text(content)
    assert group_bytes(tmp_path) == 500, "version 2"
    (tmp_path / "memory.max").write_text("max\n")
    assert group_bytes(tmp_path) is None


def test_too_large_is_refused_with_nothing_written(inputs: dict[str, Path], tmp_path: Path) -> None:
    assert available_bytes() is not None
    config = stage.Config(rows=65536, seq=4096, max_positions=4096, train=TrainConfig(steps=1))
    with pytest.raises(UsageError, match=r"needs at least .* GiB more memory") as caught:
        stage.run(config, inputs, tmp_path)
    assert "micro_batches" in caught.value.fix
    assert list(tmp_path.iterdir()) == []


def test_weights_that_do_not_fit_are_refused_before_they_are_made(inputs: dict[str, Path], tmp_path: Path) -> None:
    config = stage.Config(hidden_size=2**16, intermediate_size=2**18, num_layers=200, train=TrainConfig(steps=1))
    with pytest.raises(UsageError, match=r"The weights of .* G parameters need .* GiB"):
        stage.run(config, inputs, tmp_path)
    assert list(tmp_path.iterdir()) == []
