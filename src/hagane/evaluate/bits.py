"""Bits per character on whole held-out documents, the figure that models and counting baselines share.

Which documents are scored depends on the seed and the documents alone. Every model, whatever its tokenizer, and every
n-gram is charged for exactly the characters of these documents: no more, since the end of a document is not charged, and
no fewer, since a tokenizer loses none.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from hagane.errors import DataError
from hagane.model.decoder import Decoder
from hagane.tokenizer.encode import Tokenizer
from hagane.train.score import document_bits


def choose_documents(texts: Sequence[str], characters: int, seed: int) -> list[str]:
    """Whole documents in a drawn order until there are `characters` of them. Raises DataError if none has text."""
    drawn = [text for text in texts if text]
    random.Random(f"{seed}:documents").shuffle(drawn)
    chosen: list[str] = []
    total = 0
    for text in drawn:
        if total >= characters:
            break
        chosen.append(text)
        total += len(text)
    if not chosen:
        raise DataError(
            "no held-out document has text", where="documents", fix="raise the held-out share of the stage `clean`"
        )
    return chosen


def model_bits(model: Decoder, tokenizer: Tokenizer, texts: Sequence[str], seq: int) -> np.ndarray:
    """Bits that each text costs the model, float64 [texts]; windows of `seq` tokens."""
    model.eval()
    ids = tokenizer.encode_batch(texts)
    return np.array(document_bits(model, ids, bos_id=tokenizer.bos_id, seq=seq))
