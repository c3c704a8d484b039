"""A decoder with one small matrix on the state of a sequence's last token: labels, or one number as a reward.

The last token is the only one that has seen the whole text. The matrix starts at zero, so that at first every label is
equally likely and the first update is the same for every seed. Scores are float32: they are few and are compared closely.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hagane.model.decoder import Decoder, Role


class SequenceClassifier(nn.Module):
    """`Qwen3ForSequenceClassification`: the trunk of a decoder and `score` [labels, dim]."""

    def __init__(self, decoder: Decoder, num_labels: int, labels: Sequence[str] | None = None) -> None:
        """`labels`: their names, in order, for the saved folder."""
        super().__init__()
        self.decoder = decoder
        self.score = nn.Parameter(torch.zeros(num_labels, decoder.config.hidden_size))
        self.labels = tuple(labels) if labels is not None else tuple(f"LABEL_{i}" for i in range(num_labels))
        if len(self.labels) != num_labels:
            raise ValueError(f"{num_labels} labels but {len(self.labels)} names")

    def forward(self, tokens: Tensor, segments: Tensor | None, positions: Tensor | None, last: Tensor) -> Tensor:
        """Scores of every sequence in a packed batch, float32 [sequences, labels].

        tokens, segments, positions: as for the decoder; last: int64 [sequences, 2], row and column of each last token.
        """
        hidden = self.decoder(tokens, segments, positions)
        rows, columns = last.unbind(1)
        return F.linear(hidden[rows, columns].float(), self.score)

    def roles(self) -> dict[str, Role]:
        """Role of every parameter by its name in `named_parameters`."""
        roles = {f"decoder.{name}": role for name, role in self.decoder.roles().items()}
        return roles | {"score": Role("head", (self.score.shape[0],))}
