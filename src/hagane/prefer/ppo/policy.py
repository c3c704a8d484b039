"""Policy and critic in one: a scalar head on the policy's own trunk.

A critic of its own, started from the reward model, is what large runs use; it doubles the training cost of a step. Answers here
are a dozen tokens long and the score comes at their end, so the critic has little to foresee; sharing the trunk with a small weight
on its loss gives twice the rollouts in the same time.

The critic reads the trunk and does not shape it: its error is in the units of the score, many times the policy's loss, and where
it went through the trunk held-out answers became worse (`docs/decisions.md`). The head starts at zero, the mean of the normalised
rewards, and is scaled, because an update of Adam moves a weight by the learning rate at most: without the scale, a hundred updates
do not even find the mean score.
"""

from __future__ import annotations

import torch
from torch import nn

from hagane.model.decoder import Decoder, Role
from hagane.prefer.logprobs import Labelled, labelled
from hagane.train.task import Batch

HEAD_SCALE = 16.0


class PolicyWithValue(nn.Module):
    """A decoder and the head that foresees its reward."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder
        self.value = nn.Parameter(torch.zeros(decoder.config.hidden_size))

    def forward(self, batch: Batch) -> tuple[Labelled, torch.Tensor]:
        """Log-probabilities of the answers' tokens in a packed batch, and the value of the state before each, [N] float32."""
        found = labelled(self.decoder, batch)
        return found, found.hidden.detach().float() @ self.value * HEAD_SCALE

    def roles(self) -> dict[str, Role]:
        """Roles of the decoder's parameters, under their names here."""
        return {f"decoder.{name}": role for name, role in self.decoder.roles().items()}
