"""What the engine asks of a thing to train.

Pretraining, fine-tuning, instruction tuning, the reward model, DPO and PPO differ in three answers only; the loop,
accumulation, precision, checkpoints and metrics are the engine's and exist once.

`weight` comes before the forward pass, so that the engine can divide by the weight of the *whole* optimizer step, over
micro-batches and ranks. Dividing per micro-batch instead makes the loss depend on how a step was cut up
(transformers#34191 lived with that for years).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import nn

Batch = dict[str, torch.Tensor]
Metrics = dict[str, torch.Tensor]


class Task(Protocol):
    """A thing to train: batches, their weight, and a summed loss."""

    def batches(self, step: int, model: nn.Module) -> Sequence[Batch]:
        """The micro-batches of `step`: a pure function of (data, seed, step).

        After a roll-back the engine asks for later steps than it is at, and in the end for some beyond its last
        (`TrainConfig.most_passed_over`).
        `model` is for tasks that sample their own data (PPO); the others do not look at it.
        """

    def weight(self, batch: Batch) -> float:
        """How much this batch counts: labelled tokens, or pairs. Known without the model."""

    def loss(self, model: nn.Module, batch: Batch) -> tuple[torch.Tensor, Metrics]:
        """Summed loss, scalar (the engine divides by the weight of the step), and metrics that are sums over the same weight."""

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Figures on held-out data; called every `evaluate_every` steps and at the end, in eval mode without gradients."""
