"""Bits of a document: equal to one plain pass over it, whatever it is scored together with."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from tiny import tiny_model

from hagane.errors import DataError
from hagane.model.decoder import Decoder
from hagane.train.score import document_bits

BOS = 1


def documents() -> list[list[int]]:
    draw = torch.Generator().manual_seed(2)
    return [torch.randint(4, 50, (length,), generator=draw).tolist() for length in (1, 7, 40, 15, 16, 31, 3, 90)]


def plain(model: Decoder, ids: list[int], seq: int) -> float:
    sequence, bits = [BOS, *ids], 0.0
    for begin in range(0, len(ids), seq - 1):
        window = torch.tensor(sequence[begin : begin + seq])
        with torch.no_grad():
            logits = model(window[None, :-1])[0].double() @ model.head_weight.double().t()
        bits += float(F.cross_entropy(logits, window[1:], reduction="sum")) / math.log(2)
    return bits


@pytest.mark.parametrize("seq", [16, 128])
def test_equals_one_document_at_a_time(seq: int) -> None:
    model = tiny_model()
    expected = [plain(model, ids, seq) for ids in documents()]
    assert document_bits(model, documents(), bos_id=BOS, seq=seq) == pytest.approx(expected, rel=1e-5)


def test_every_token_is_counted_once() -> None:
    """A model that knows nothing spends log₂(vocabulary) bits a token."""
    model = tiny_model()
    torch.nn.init.zeros_(model.norm.weight)
    expected = [len(ids) * math.log2(50) for ids in documents()]
    assert document_bits(model, documents(), bos_id=BOS, seq=16) == pytest.approx(expected, rel=1e-6)


def test_a_document_without_tokens_is_an_error() -> None:
    with pytest.raises(DataError):
        document_bits(tiny_model(), [[5], []], bos_id=BOS, seq=16)
