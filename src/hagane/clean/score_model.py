"""`hagane clean score`: the model of the rule `score`, from documents that are good and documents that are bad.

All lines of a document count, but of HTML too: what is bad about a page is often what is not its main text.
Cost: reading the documents, and 10 ns a character.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hagane.artifact.files import atomic_write
from hagane.clean.lines import LineTable
from hagane.clean.measure import Reading, raw_batches, read_pages
from hagane.clean.selection import BITS, count_grams, model_of
from hagane.corpus.read import read_raw
from hagane.errors import DataError

_READING = Reading(seconds=10, memory=512 << 20)
"""By the stage's defaults."""


def train_score(good: Sequence[str], bad: Sequence[str], out: Path) -> tuple[int, int]:
    """Write a model for `score.model`; returns the number of 3-grams of either side.

    `good` and `bad` are sources as the stage takes them; pages that cannot be read are left out. Raises what `read_raw`
    raises, and `DataError` where a side has no text.
    """
    counts = [_count(good), _count(bad)]
    file = io.BytesIO()
    np.save(file, model_of(*counts), allow_pickle=False)
    atomic_write(out, file.getvalue())
    return int(counts[0].sum()), int(counts[1].sum())


def _count(sources: Sequence[str]) -> npt.NDArray[np.int64]:
    counts = np.zeros(1 << BITS, np.int64)
    for batch in raw_batches(read_raw(sources)):
        pages, _ = read_pages(_READING, batch)
        counts += count_grams(LineTable.of(pages))
    if not counts.any():
        raise DataError(
            "There is no text here.", where=", ".join(sources), fix="Give documents as `hagane clean` takes them."
        )
    return counts
