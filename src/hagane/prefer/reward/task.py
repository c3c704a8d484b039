"""The reward model as a task of the engine: a scalar on the last token of an answer, higher for the preferred one.

Bradley and Terry's model of a vote: the chance that A is preferred to B is σ(r(A) − r(B)) (Ouyang et al. 2022, eq. 1). Only
differences inside a pair are learned, so the mean is free; the stage fixes it afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from hagane.model.classifier import SequenceClassifier
from hagane.prefer.losses import bradley_terry, ordered
from hagane.prefer.packing import PackedPairs
from hagane.prefer.tuning import training_forward
from hagane.train import distributed
from hagane.train.task import Batch, Metrics


def scores(model: SequenceClassifier, batch: Batch) -> torch.Tensor:
    """Reward of each example of a packed batch, [examples] float32."""
    found: torch.Tensor = model(batch["tokens"], batch["segments"], batch["positions"], batch["ends"])
    return found[:, 0]


class RewardTask:
    """Pairs in packed batches; weight is pairs."""

    def __init__(self, train: PackedPairs, heldout: PackedPairs, *, seed: int, compile: bool) -> None:  # noqa: A002
        self._train, self._heldout, self._seed, self._compile = train, heldout, seed, compile

    def batches(self, step: int, model: nn.Module) -> Sequence[Batch]:
        """One packed batch a step, shared between the processes."""
        return self._train.at(step, self._seed)

    def weight(self, batch: Batch) -> float:
        """Pairs in the batch."""
        return len(batch["examples"]) / 2

    def loss(self, model: nn.Module, batch: Batch) -> tuple[torch.Tensor, Metrics]:
        """Summed over pairs; metrics are the margin and how often the chosen answer scores higher."""
        assert isinstance(model, SequenceClassifier)
        rewards = scores(model, batch)
        margin = (rewards[0::2] - rewards[1::2]).detach()
        loss = bradley_terry(rewards[0::2], rewards[1::2]).sum()
        return loss, {"margin": margin.sum(), "accuracy": ordered(margin).sum()}

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Loss, margin and accuracy on held-out pairs."""
        sums: dict[str, float] = {}
        with training_forward(model, self._compile):
            for batch in distributed.deal(self._heldout.batches):
                loss, metrics = self.loss(model, batch)
                for name, value in {"loss": loss, **metrics}.items():
                    sums[name] = sums.get(name, 0.0) + float(value.detach())
        pairs = len(self._heldout.pairs)
        return {name: value / pairs for name, value in distributed.sums(sums).items()}

    def margins(self, model: SequenceClassifier) -> list[float]:
        """r_chosen − r_rejected of every held-out pair, in the order of the batches."""
        with training_forward(model, self._compile):
            found = [scores(model, batch).detach() for batch in self._heldout.batches]
        return [float(margin) for some in found for margin in some[0::2] - some[1::2]]
