"""A tiny model that answers 「はい。」 or 「いいえ。」 at even odds, and prompts that are only content with 「はい。」."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest
import torch
from torch import nn

from hagane.model.config import DecoderConfig
from hagane.model.decoder import Decoder
from hagane.model.hf import save_model
from hagane.prefer.packing import example
from hagane.tokenizer.encode import Tokenizer
from hagane.tokenizer.huggingface import write_huggingface
from hagane.tokenizer.train import train_sentencepiece
from hagane.train.batches import PackedExamples
from hagane.train.loop import TrainConfig, train
from hagane.train.losses import lm_loss
from hagane.train.random import generator
from hagane.train.task import Batch, Metrics

WORDS = """設定 ファイル を 編集 して サーバー が 再起動 します 。 、 です である 表 列 の 幅 は 変える には 境界
はい いいえ 犬 猫 鳥 魚"""
YES, NO = "はい。", "いいえ。"


def questions() -> list[str]:
    things = ("犬", "猫", "鳥", "魚", "表", "列", "幅", "境界", "設定", "編集")
    return [f"{a}と{b}は違いますか。" for a in things for b in things if a != b]


class NextToken:
    """Plain next-token prediction on the answers, to make the tiny model."""

    def __init__(self, examples: PackedExamples) -> None:
        self.examples = examples

    def batches(self, step: int, model: nn.Module) -> Sequence[Batch]:
        return self.examples.shares(step)

    def weight(self, batch: Batch) -> float:
        return float(batch["weights"].sum())

    def loss(self, model: nn.Module, batch: Batch) -> tuple[torch.Tensor, Metrics]:
        assert isinstance(model, Decoder)
        hidden = model(batch["tokens"], batch["segments"], batch["positions"])
        return lm_loss(hidden, model.head_weight, batch["targets"], batch["weights"]), {}

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        return {}


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    words = WORDS.split()
    draw = torch.randint(len(words), (400, 10), generator=generator(1, 0, "lines")).tolist()
    folder = tmp_path_factory.mktemp("tokenizer")
    lines = ["".join(words[i] for i in line) for line in draw]
    (folder / "tokenizer.model").write_bytes(train_sentencepiece(lines, vocab_size=600, character_coverage=0.999))
    made = Tokenizer.load(folder)
    write_huggingface(made, folder)
    return made


def fresh(tokenizer: Tokenizer) -> Decoder:
    config = DecoderConfig(
        vocab_size=tokenizer.vocab_size,
        hidden_size=32,
        intermediate_size=64,
        num_layers=2,
        num_heads=2,
        num_kv_heads=1,
        head_dim=16,
        bos_id=tokenizer.bos_id,
        eos_id=tokenizer.eos_id,
        pad_id=tokenizer.pad_id,
    )
    model = Decoder(config)
    model.init_weights(generator(1, 0, "weights"))
    return model


@pytest.fixture
def model(tokenizer: Tokenizer) -> Decoder:
    """Random weights, somewhat larger than at initialisation, so that log-probabilities differ."""
    decoder = fresh(tokenizer)
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.mul_(3 if parameter.ndim == 2 else 1)
    return decoder


@pytest.fixture(scope="session")
def instruct(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instruct artefact: the trained tiny model and its prompts.jsonl."""
    folder = tmp_path_factory.mktemp("instruct")
    model = fresh(tokenizer)
    examples = [example(tokenizer, question, said, True) for question in questions() for said in (YES, NO)]
    settings = TrainConfig(steps=40, lr=1e-2, embedding_lr=1e-2, checkpoint_every=100, compile=False)
    train(model, NextToken(PackedExamples(examples, 4, 128, 1)), settings, folder, "tiny")
    save_model(model, folder / "model", tokenizer.folder)
    rows = [
        {"prompt": question, "response": YES, "family": "yes", "wording": "familiar", "split": "train"}
        | {"check": {"kind": "equals", "text": YES}}
        for question in questions()
    ]
    rows += [rows[0] | {"prompt": "内緒の問い", "split": "heldout"}]
    (folder / "prompts.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return folder
