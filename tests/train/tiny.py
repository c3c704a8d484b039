"""A tiny decoder and a tiny next-token task on made-up tokens, for tests of the engine; also a program that can be killed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from hagane.artifact import processes
from hagane.artifact.metrics import read_metrics
from hagane.model.config import DecoderConfig
from hagane.model.decoder import Decoder
from hagane.train.batches import Example, PackedExamples
from hagane.train.loop import TrainConfig, TrainResult, train
from hagane.train.losses import lm_loss
from hagane.train.random import generator
from hagane.train.task import Batch, Metrics

CONFIG = TrainConfig(steps=12, evaluate_every=4, checkpoint_every=3, compile=False)


def tiny_model() -> Decoder:
    config = DecoderConfig(
        vocab_size=50, hidden_size=16, intermediate_size=24, num_layers=2, num_heads=2, num_kv_heads=1, head_dim=8
    )
    model = Decoder(config)
    model.init_weights(generator(1, 0, "weights"))
    return model


def counting_examples() -> PackedExamples:
    made = []
    for start in range(30):
        tokens = [(start + i) % 50 for i in range(4 + start % 7)]
        made.append(Example(tokens, [0.0] + [1.0 + i % 2 for i in range(len(tokens) - 1)]))
    return PackedExamples(made, rows=2, seq=32, seed=1)


def whole_batch(packed: PackedExamples, step: int) -> Batch:
    """All rows of a step in one batch, however many processes there are."""
    with processes.alone():
        (batch,) = packed.shares(step)
    return batch


class Counting:
    """Predict the number after each number. `die_at`: the step whose batch raises, as a run that is killed there."""

    def __init__(self, split: bool = False, die_at: int | None = None) -> None:
        self.packed, self.split, self.die_at = counting_examples(), split, die_at

    def batches(self, step: int, model: nn.Module) -> Sequence[Batch]:
        if step == self.die_at:
            raise RuntimeError("killed")
        batch = whole_batch(self.packed, step)
        if not self.split:
            return [batch]
        keys = ("tokens", "targets", "weights", "segments", "positions")
        return [{key: batch[key][row : row + 1] for key in keys} for row in range(2)]

    def weight(self, batch: Batch) -> float:
        return float(batch["weights"].sum())

    def loss(self, model: nn.Module, batch: Batch) -> tuple[torch.Tensor, Metrics]:
        assert isinstance(model, Decoder)
        hidden = model(batch["tokens"], batch["segments"], batch["positions"])
        loss = lm_loss(hidden, model.head_weight, batch["targets"], batch["weights"], chunk=64)
        return loss, {"labelled": (batch["weights"] > 0).sum().float()}

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        batch = whole_batch(self.packed, 0)
        return {"loss": float(self.loss(model, batch)[0]) / self.weight(batch)}


def run(
    out: Path, task: Counting | None = None, config: TrainConfig = CONFIG, branch: Path | None = None
) -> tuple[Decoder, TrainResult]:
    model = tiny_model()
    out.mkdir(exist_ok=True)
    return model, train(model, task or Counting(), config, out, "test", branch)


def rows(out: Path) -> list[dict[str, float]]:
    """Metrics without measured times."""
    return [
        {key: value for key, value in row.items() if key != "tokens_per_second"}
        for row in read_metrics(out / "metrics.jsonl")
    ]


def weights(model: nn.Module) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in model.state_dict().items()}


if __name__ == "__main__":
    run(Path(sys.argv[1]), config=CONFIG.model_copy(update={"steps": int(sys.argv[2])}))
