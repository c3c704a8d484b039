"""Log-probabilities of answers in a packed batch.

One forward pass over the packed rows, the head on labelled positions only (in the chat format about a third of them), sums by
`sequence_index`. Policy and reference, rollout and update all come through here: equal weights give equal numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hagane.model.decoder import Decoder
from hagane.train.losses import token_logprob
from hagane.train.task import Batch


@dataclass(frozen=True)
class Labelled:
    """The labelled places of a batch, row by row: N of them, in the order of their tokens."""

    hidden: torch.Tensor
    """[N, dim], the states that predict them."""
    logprobs: torch.Tensor
    """[N] float32."""
    sequence: torch.Tensor
    """[N] int64, the example of each, numbered inside the batch."""


def labelled(model: Decoder, batch: Batch) -> Labelled:
    """States and log-probabilities of every labelled token of the batch."""
    hidden = model(batch["tokens"], batch["segments"], batch["positions"])
    at = batch["weights"] > 0
    states = hidden[at]
    return Labelled(states, token_logprob(states, model.head_weight, batch["targets"][at]), batch["sequence_index"][at])


def sum_by_sequence(values: torch.Tensor, sequence: torch.Tensor, count: int) -> torch.Tensor:
    """Sums of token values [N] for each of `count` sequences, [count]."""
    return values.new_zeros(count).index_add(0, sequence, values)


def answer_logprobs(model: Decoder, batch: Batch) -> torch.Tensor:
    """Log-probability of each answer (its labelled tokens together), [examples of the batch] float32."""
    found = labelled(model, batch)
    return sum_by_sequence(found.logprobs, found.sequence, len(batch["examples"]))


def answer_lengths(batch: Batch) -> torch.Tensor:
    """Labelled tokens of each answer, [examples of the batch] float32."""
    at = batch["weights"] > 0
    return sum_by_sequence(batch["weights"][at], batch["sequence_index"][at], len(batch["examples"]))
