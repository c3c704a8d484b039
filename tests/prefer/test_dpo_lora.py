"""DPO on adapters: they alone are trained, against the model without them, and what is saved is the model with them in it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hagane.artifact.files import read_json
from hagane.errors import UsageError
from hagane.model.hf import load_model
from hagane.model.lora import LoRAConfig, merge
from hagane.model.peft_folder import load_adapter
from hagane.prefer.dpo import stage as dpo
from hagane.prefer.examples import Pair, write_pairs

YES, NO = "はい。", "いいえ。"
SMALL = {"rows": 4, "seq": 128, "compile": False}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    things = ("犬", "猫", "鳥", "魚", "表", "列", "幅")
    asked = [f"{a}と{b}は違いますか。" for a in things for b in things if a != b]
    write_pairs(folder, [Pair(q, YES, NO, split="train" if i % 6 else "heldout") for i, q in enumerate(asked)])
    return folder


def test_adapters_are_trained_and_merged(instruct: Path, pairs: Path, tmp_path: Path) -> None:
    config = dpo.DPOConfig(lr=1e-2, epochs=4, lora=LoRAConfig(rank=4), **SMALL)
    dpo.run(config, {"from": instruct, "pairs": pairs}, tmp_path)
    before, after = (read_json(tmp_path / "summary.json")[name] for name in ("before", "after"))
    assert before["margin"] == pytest.approx(0, abs=1e-4), "an adapter begins as the reference"
    assert after["accuracy"] > 0.9
    assert after["rejected_change"] < 0 < after["chosen_change"]
    base, saved = load_model(instruct), load_model(tmp_path)
    assert torch.equal(saved.embedding, base.embedding), "what has no adapter stays"
    assert not torch.allclose(saved.blocks[0].attention.qkv.weight, base.blocks[0].attention.qkv.weight, atol=1e-3)
    load_adapter(base, tmp_path / "adapter")
    merge(base)
    assert all(torch.equal(saved.state_dict()[name], tensor) for name, tensor in base.state_dict().items())


def test_a_matrix_that_is_not_there_is_refused(instruct: Path, pairs: Path, tmp_path: Path) -> None:
    config = dpo.DPOConfig(lora=LoRAConfig(targets=("qkv",)), **SMALL)
    with pytest.raises(UsageError, match="no matrix 'qkv'") as caught:
        dpo.run(config, {"from": instruct, "pairs": pairs}, tmp_path)
    assert "q_proj" in caught.value.fix
