"""How many bits a model spends on whole documents: the one scorer behind every bits-per-character figure.

A document is scored from its first token, given BOS, to its last; EOS is left out, as it stands for no character. Documents
longer than a window are cut, and each window knows nothing of the one before, which is how training saw them. So a figure
depends on `seq`, and only figures of the same `seq` are compared. Dividing the bits by the document's characters makes
models with different tokenizers comparable, which loss per token does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from hagane.errors import DataError
from hagane.model.decoder import Decoder
from hagane.train.batches import Example, collate, pack_rows
from hagane.train.losses import token_logprob

ROWS = 8


def document_bits(model: Decoder, documents: Sequence[Sequence[int]], *, bos_id: int, seq: int) -> list[float]:
    """−log₂ p of each document. documents: token ids without BOS and EOS; windows of `seq` tokens.

    Raises DataError for a document without tokens.
    """
    windows: list[Example] = []
    owner: list[int] = []
    for number, ids in enumerate(documents):
        if not ids:
            raise DataError(f"Document {number} has no tokens to score.", where=f"document {number}")
        sequence = [bos_id, *ids]
        # The last token of a window is its last target, and opens the next one.
        for begin in range(0, len(ids), seq - 1):
            tokens = sequence[begin : begin + seq]
            windows.append(Example(tokens, [1.0] * len(tokens)))
            owner.append(number)
    nats = torch.zeros(len(documents), dtype=torch.float64)
    nats.index_add_(0, torch.tensor(owner), -example_logprobs(model, windows, seq))
    return (nats / math.log(2.0)).tolist()


@torch.no_grad()
def example_logprobs(model: Decoder, examples: Sequence[Example], seq: int) -> torch.Tensor:
    """Summed log-probability (nats) of the labelled tokens of each example, float64 [examples].

    Examples are packed into rows of `seq` tokens. Raises DataError for one that does not fit.
    """
    plan = pack_rows([len(example.tokens) for example in examples], seq)
    sums = torch.zeros(len(examples), dtype=torch.float64)
    device = model.head_weight.device
    for begin in range(0, len(plan), ROWS):
        some = plan[begin : begin + ROWS]
        batch = collate(examples, some, len(some), seq)
        batch = {key: value.to(device) for key, value in batch.items()}
        hidden = model(batch["tokens"], batch["segments"], batch["positions"])
        labelled = batch["weights"] > 0
        logprobs = token_logprob(hidden[labelled], model.head_weight, batch["targets"][labelled])
        sums.index_add_(0, batch["examples"][batch["sequence_index"][labelled]].cpu(), logprobs.double().cpu())
    return sums
