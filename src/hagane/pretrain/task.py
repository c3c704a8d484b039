"""Next-token prediction on a stream of documents: the task of pretraining.

Every token of every document counts alike (BOS, which begins one, is never predicted). Progress is measured in bits per
character on whole held-out documents, a figure that does not depend on the tokenizer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import nn

from hagane.model.decoder import Decoder
from hagane.pretrain.warmup import Shapes
from hagane.train.losses import lm_loss
from hagane.train.mixture import Mixture
from hagane.train.score import document_bits
from hagane.train.task import Batch, Metrics


@dataclass(frozen=True)
class HeldOut:
    """Documents that are scored and never trained on."""

    ids: Sequence[Sequence[int]]
    """Of each document, without BOS and EOS."""
    characters: int
    """Of all of them."""
    bytes: int
    """Of all of them, in UTF-8."""


@dataclass(frozen=True)
class NextToken:
    """A `Task`: rows from the stream of `mixture`, in the shape that each step has."""

    mixture: Mixture
    shapes: Shapes
    heldout: HeldOut
    bos_id: int
    z_loss: float = 0.0

    def batches(self, step: int, model: nn.Module) -> Sequence[Batch]:
        """The micro-batches of a step, one after another in the stream. Steps beyond the last read the mixture's reserve."""
        begin, size, seq = self.shapes.begin(step), self.shapes.micro_batch_tokens, self.shapes.seq_at(step)
        count = self.shapes.micro_batches_at(step)
        return [self.mixture.batch(begin + number * size, size // seq, seq) for number in range(count)]

    def weight(self, batch: Batch) -> float:
        """Predicted tokens."""
        return float(batch["weights"].sum())

    def loss(self, model: nn.Module, batch: Batch) -> tuple[torch.Tensor, Metrics]:
        """Summed −log p of the next tokens, nats, and the z-loss where there is one."""
        decoder = cast(Decoder, model)
        hidden = decoder(batch["tokens"], batch["segments"], batch["positions"])
        return lm_loss(hidden, decoder.head_weight, batch["targets"], batch["weights"], z_loss=self.z_loss), {}

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Bits per character on the held-out documents."""
        bits = document_bits(cast(Decoder, model), self.heldout.ids, bos_id=self.bos_id, seq=self.shapes.seq)
        return {"bits_per_character": sum(bits) / self.heldout.characters}
