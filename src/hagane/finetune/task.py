"""Classification as a `Task`: cross-entropy of one label per passage.

A passage is written `<s>` text `</s>`, and the state of its last token, the only one that has seen all of it, is
classified. That is what `Qwen3ForSequenceClassification` does, so the saved folder gives the same labels in `transformers`.
Passages are packed into rows of one shape like everything else that is trained; attention stays inside a passage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from hagane.artifact import processes
from hagane.finetune.passages import Passage
from hagane.tokenizer.encode import Tokenizer
from hagane.train import distributed
from hagane.train.batches import Example, PackedExamples
from hagane.train.task import Batch, Metrics


def encode(tokenizer: Tokenizer, passages: Sequence[Passage], seq: int) -> list[Example]:
    """Token sequences of the passages, cut to `seq` tokens; no token is itself a target."""
    examples = []
    for ids in tokenizer.encode_batch([passage.text for passage in passages]):
        tokens = [tokenizer.bos_id, *ids[: seq - 2], tokenizer.eos_id]
        examples.append(Example(tokens, [0.0] * len(tokens)))
    return examples


@dataclass(frozen=True)
class Predictions:
    """What a classifier says of passages, in their order."""

    labels: list[int]
    loss: float
    """Mean cross-entropy, nats per passage."""
    accuracy: float


class ClassifyTask:
    """Train on labelled passages, evaluate on held-out ones."""

    def __init__(
        self,
        train: Sequence[Example],
        heldout: Sequence[Example],
        labels: tuple[Sequence[int], Sequence[int]],
        *,
        rows: int,
        seq: int,
        seed: int,
    ) -> None:
        """`labels`: those of `train` and of `heldout`, in their order."""
        self._train = PackedExamples(train, rows, seq, seed)
        self._heldout = PackedExamples(heldout, rows, seq, seed)
        self._train_labels, self._heldout_labels = (torch.tensor(some, dtype=torch.int64) for some in labels)

    def batches(self, step: int, model: nn.Module) -> Sequence[Batch]:
        """One batch of whole passages, shared between the processes, with their labels under `labels`."""
        return [batch | {"labels": self._train_labels[batch["examples"]]} for batch in self._train.shares(step)]

    def weight(self, batch: Batch) -> float:
        """Passages."""
        return float(len(batch["labels"]))

    def loss(self, model: nn.Module, batch: Batch) -> tuple[torch.Tensor, Metrics]:
        """Summed cross-entropy and the number of passages that were labelled rightly."""
        logits = passage_logits(model, batch)
        right = (logits.argmax(1) == batch["labels"]).sum()
        return F.cross_entropy(logits, batch["labels"], reduction="sum"), {"accuracy": right.detach()}

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Loss and accuracy on the held-out passages."""
        found = self.predict(model)
        return {"loss": found.loss, "accuracy": found.accuracy}

    @torch.no_grad()
    def predict(self, model: nn.Module) -> Predictions:
        """Labels of all held-out passages; the processes share the work, and all get all of them."""
        model.eval()
        labels = self._heldout_labels
        predicted, loss = torch.zeros_like(labels), 0.0
        for step in range(self._heldout.steps_per_epoch):
            for batch in distributed.deal(self._heldout.shares(step)):
                numbers, logits = batch["examples"].cpu(), passage_logits(model, batch).cpu()
                predicted[numbers] = logits.argmax(1)
                loss += float(F.cross_entropy(logits, labels[numbers], reduction="sum"))
        processes.add_up(predicted)
        loss = distributed.sums({"loss": loss})["loss"]
        accuracy = float((predicted == labels).double().mean())
        return Predictions(predicted.tolist(), loss / len(labels), accuracy)


def passage_logits(model: nn.Module, batch: Batch) -> torch.Tensor:
    """Float32 [passages, labels] of a packed batch."""
    logits: torch.Tensor = model(batch["tokens"], batch["segments"], batch["positions"], batch["ends"])
    return logits
