"""Instruction tuning as a task of the engine: next-token prediction on packed examples, loss on the responses only."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from hagane.model.decoder import Decoder
from hagane.train import distributed
from hagane.train.batches import Example, PackedExamples
from hagane.train.losses import lm_loss
from hagane.train.task import Batch, Metrics


class InstructTask:
    """Training examples packed into rows of one shape, and held-out ones for the loss on unseen instructions."""

    def __init__(
        self, training: Sequence[Example], heldout: Sequence[Example], *, rows: int, seq: int, seed: int
    ) -> None:
        self.training = PackedExamples(training, rows, seq, seed)
        self.heldout = PackedExamples(heldout, rows, seq, seed)

    def batches(self, step: int, model: nn.Module) -> Sequence[Batch]:
        """One packed batch a step, shared between the processes."""
        return self.training.shares(step)

    def weight(self, batch: Batch) -> float:
        """Summed weight of the response tokens."""
        return float(batch["weights"].sum())

    def loss(self, model: nn.Module, batch: Batch) -> tuple[torch.Tensor, Metrics]:
        """Weighted cross-entropy of the response tokens, summed."""
        hidden = model(batch["tokens"], batch["segments"], batch["positions"])
        assert isinstance(model, Decoder)
        dim = hidden.size(-1)
        loss = lm_loss(hidden.view(-1, dim), model.head_weight, batch["targets"].view(-1), batch["weights"].view(-1))
        return loss, {}

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Loss on the references of held-out instructions in familiar wordings, weighted as in training (nats)."""
        sums = {"loss": 0.0, "weight": 0.0}
        for step in range(self.heldout.steps_per_epoch):
            for batch in distributed.deal(self.heldout.shares(step)):
                sums["loss"] += float(self.loss(model, batch)[0])
                sums["weight"] += self.weight(batch)
        sums = distributed.sums(sums)
        return {"heldout_loss": sums["loss"] / sums["weight"]}
