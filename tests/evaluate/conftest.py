"""Held-out documents, prompts and pairs over a small vocabulary, and two tiny models: untrained, and taught to answer."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest
import torch
from torch import nn

from hagane.corpus.document import Document
from hagane.corpus.store import write_documents
from hagane.model.classifier import SequenceClassifier
from hagane.model.config import DecoderConfig
from hagane.model.decoder import Decoder
from hagane.model.hf import save_classifier, save_model
from hagane.tokenizer.encode import Tokenizer
from hagane.tokenizer.huggingface import write_huggingface
from hagane.tokenizer.train import train_sentencepiece
from hagane.train.batches import Example, PackedExamples
from hagane.train.loop import TrainConfig, train
from hagane.train.losses import lm_loss
from hagane.train.random import generator
from hagane.train.task import Batch, Metrics

WORDS = [a + b for a in "鋼鉄砂炭火水風土" for b in "刃板線管粒塊"]


class NextToken:
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


def documents(split: str) -> list[Document]:
    draw = random.Random(split)
    ends = {"甲書": "のである。", "乙書": "のです。"}
    return [
        Document(
            f"{split}-{source}-{number}",
            source,
            "\n".join(
                f"{draw.choice(WORDS)}の設定では「{draw.choice(WORDS)}」を使い、{draw.choice(WORDS)}と{draw.choice(WORDS)}"
                f"を読み込む{end}"
                for _ in range(15)
            ),
        )
        for source, end in ends.items()
        for number in range(4)
    ]


def say_yes(question: str) -> dict[str, object]:
    """A held-out prompt that wants 「はい。」."""
    return {"prompt": question, "response": "はい。", "family": "yes", "split": "heldout"} | {
        "check": {"kind": "equals", "text": "はい。"}
    }


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Inputs of the stage: two models, documents, prompts, pairs; under `classifier` a model that is to be refused."""
    root = tmp_path_factory.mktemp("evaluate")
    for split in ("train", "heldout"):
        write_documents(root / "documents", split, documents(split))
    words = root / "tokenizer"
    words.mkdir()
    lines = [line for document in documents("train") for line in document.text.split("\n")] + [
        "はい。",
        "いいえ。",
    ] * 20
    (words / "tokenizer.model").write_bytes(train_sentencepiece(lines, vocab_size=600, character_coverage=0.999))
    tokenizer = Tokenizer.load(words)
    write_huggingface(tokenizer, words)
    model = Decoder(
        DecoderConfig(
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
    )
    model.init_weights(generator(1, 0, "weights"))
    save_model(model, root / "base" / "model", words)
    save_classifier(SequenceClassifier(model, 2), root / "classifier" / "model", words)

    questions = [f"{word}は鋼ですか。" for word in WORDS]
    prompts = [say_yes(question) | {"wording": "familiar"} for question in questions[:20]]
    prompts += [say_yes(question) | {"wording": "heldout"} for question in questions[20:30]]
    prompts += [say_yes("訓練の問い") | {"wording": "familiar", "split": "train"}]
    pairs = [{"prompt": q, "chosen": "はい。", "rejected": "いいえ。", "split": "heldout"} for q in questions[:12]]
    (root / "instruct").mkdir()
    for path, rows in ((root / "instruct" / "prompts.jsonl", prompts), (root / "pairs.jsonl", pairs)):
        path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))

    examples = []
    for question in questions:
        asked, said = tokenizer.chat_example(question, "はい。")
        examples.append(Example([*asked, *said], [0.0] * len(asked) + [1.0] * len(said)))
    settings = TrainConfig(steps=30, lr=1e-2, embedding_lr=1e-2, checkpoint_every=100, compile=False)
    train(model, NextToken(PackedExamples(examples, 4, 128, 1)), settings, root / "instruct", "tiny")
    save_model(model, root / "instruct" / "model", words)
    return {
        "models.base": root / "base",
        "models.instruct": root / "instruct",
        "documents": root / "documents",
        "prompts": root / "instruct",
        "pairs": root / "pairs.jsonl",
        "classifier": root / "classifier",
    }
