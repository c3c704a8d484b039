"""The whole stage on the shipped pages: an instruct model, its prompts, and the same bytes a second time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from hagane.artifact.files import sha256_file
from hagane.checks import passes
from hagane.corpus.document import Document
from hagane.corpus.store import write_documents
from hagane.errors import DataError, UsageError
from hagane.instruct.stage import STAGE, InstructConfig
from hagane.model.decoder import Decoder
from hagane.model.hf import load_model, save_model
from hagane.model.lora import LoRAConfig, merge
from hagane.model.peft_folder import load_adapter
from hagane.tokenizer.encode import Tokenizer
from hagane.train.loop import TrainConfig

TINY = InstructConfig(
    rows=2,
    seq=192,
    max_tokens=160,
    labels={"even": "読み物", "odd": "手引き"},
    word_count=2,
    practice_prompts=100,
    heldout_prompts=4,
    train=TrainConfig(steps=3, lr=1e-2, embedding_lr=1e-2, compile=False),
)


@pytest.fixture
def inputs(
    documents: tuple[list[Document], list[Document]], tokenizer: Tokenizer, model: Decoder, tmp_path: Path
) -> dict[str, Path]:
    for split, some in zip(("train", "heldout"), documents, strict=True):
        write_documents(tmp_path / "documents", split, some)
    save_model(model, tmp_path / "base" / "model", tokenizer.folder)
    return {"from": tmp_path / "base", "documents": tmp_path / "documents"}


def run(config: InstructConfig, inputs: dict[str, Path], out: Path) -> Path:
    out.mkdir()
    STAGE.run(config, inputs, out)
    return out


def test_with_lora_the_model_is_the_base_and_its_adapter(inputs: dict[str, Path], tmp_path: Path) -> None:
    out = run(
        TINY.model_copy(update={"lora": LoRAConfig(rank=2, targets=("q_proj", "down_proj"))}), inputs, tmp_path / "lora"
    )
    base, tuned = load_model(inputs["from"]), load_model(out)
    assert torch.equal(base.embedding, tuned.embedding)
    assert not torch.equal(base.blocks[0].attention.qkv.weight, tuned.blocks[0].attention.qkv.weight)  # type: ignore[union-attr]
    assert set(load_file(out / "checkpoints" / "step-00000003" / "model.safetensors")) == {
        f"blocks.{layer}.{name}.adapter.{part}"
        for layer in range(base.config.num_layers)
        for name in ("attention.qkv", "feed_forward.down")
        for part in "ab"
    }
    load_adapter(base, out / "adapter")
    merge(base)
    assert all(torch.equal(tensor, tuned.state_dict()[name]) for name, tensor in base.state_dict().items())


def test_the_stage_leaves_a_model_and_prompts_twice_the_same(inputs: dict[str, Path], tmp_path: Path) -> None:
    first, second = (run(TINY, inputs, tmp_path / name) for name in ("first", "second"))
    for name in ("prompts.jsonl", "model/model.safetensors"):
        assert sha256_file(first / name) == sha256_file(second / name)

    before, after = load_model(inputs["from"]), load_model(first)
    assert not torch.equal(before.head_weight, after.head_weight)
    assert Tokenizer.load(first).end_id == Tokenizer.load(inputs["from"]).end_id

    rows = [json.loads(line) for line in (first / "prompts.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {tuple(sorted(row)) for row in rows} == {("check", "family", "prompt", "response", "split", "wording")}
    assert all(passes(row["check"], row["response"]) for row in rows)
    assert {(row["split"], row["wording"]) for row in rows} == {
        ("train", "familiar"),
        ("heldout", "familiar"),
        ("heldout", "heldout"),
    }

    summary = json.loads((first / "summary.json").read_text(encoding="utf-8"))
    assert summary["examples"] == sum(summary["families"]["training"].values())
    assert summary["steps"] == 3
    assert summary["tokens"] <= 3 * 2 * 192


def test_wrong_settings_are_refused(inputs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="max_tokens"):
        run(TINY.model_copy(update={"max_tokens": 500}), inputs, tmp_path / "long")
    with pytest.raises(UsageError, match="GiB more memory"):
        run(TINY.model_copy(update={"rows": 10**6}), inputs, tmp_path / "large")
    assert list((tmp_path / "large").iterdir()) == []
    with pytest.raises(DataError, match="no document has"):
        run(TINY.model_copy(update={"labels": {"manpages": "コマンド"}}), inputs, tmp_path / "labels")
