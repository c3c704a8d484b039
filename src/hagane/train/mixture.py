"""Which source gives the next row: weights and epoch caps for Japanese, English, code, …

A row of the stream comes from one source and goes on where that source's last row ended. Row j of a source of weight w is due at
(j + 1/2) / w, and rows come in the order in which they are due: fair queueing (Demers, Keshav and Shenker 1989, "Analysis and
simulation of a fair queueing algorithm") with rows for packets. The shares are then right over every stretch of the run, not only
in the mean, and a source that is read as often as it may be leaves the queue while the others go on in proportion. Caps, because
a fifth pass over the same text teaches little (Muennighoff et al. 2023, "Scaling data-constrained language models", §6).

The plan is a pure function of weights and sizes, so a place in the stream stays one integer, and a longer run begins with the rows
of a shorter one. It costs ten bytes a row. With one source the stream is that source's own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from hagane.errors import DataError
from hagane.train.task import Batch
from hagane.train.tokens import TokenStore


@dataclass(frozen=True)
class Source:
    """Documents that share a weight."""

    name: str
    store: TokenStore
    weight: float = 1.0
    """Positive; what counts is its share of the sum."""
    max_epochs: float = math.inf
    """Most passes over the documents. Never more are read; the last one may end up to a row early."""

    def max_rows(self, seq: int) -> float:
        """Rows of `seq` tokens in that many passes."""
        tokens = self.max_epochs * self.store.total
        return tokens if math.isinf(tokens) else tokens // seq


class Mixture:
    """The stream of one run: `rows` rows of `seq` tokens from `sources`, and what follows them."""

    def __init__(self, sources: Sequence[Source], rows: int, seq: int, seed: int, reserve: int = 0) -> None:
        """`reserve`: rows that may be read after those of the run; fewer where the caps do not leave as many.

        Raises DataError when the caps leave fewer rows than the run reads.
        """
        self.sources, self.rows, self.seq, self.seed = sources, rows, seq, seed
        there = sum(source.max_rows(seq) for source in sources)
        if there < rows:
            raise DataError(
                f"The run reads {rows * seq:,} tokens; with their `max_epochs` the sources hold {int(there) * seq:,}.",
                where="mixture",
                fix="Train for fewer steps, raise a `max_epochs`, or leave it out.",
            )
        planned = int(min(rows + reserve, there))
        counts = _enough_rows(sources, planned, seq)
        due = [(np.arange(count) + 0.5) / source.weight for source, count in zip(sources, counts, strict=True)]
        order = np.argsort(np.concatenate(due), kind="stable")[:planned]
        self._source_of_row = np.repeat(np.arange(len(sources), dtype=np.uint16), counts)[order]
        self._row_of_source = np.concatenate([np.arange(count) for count in counts])[order]

    def rows_read(self) -> list[int]:
        """Rows of the run that each source gives."""
        counts: list[int] = np.bincount(self._source_of_row[: self.rows], minlength=len(self.sources)).tolist()
        return counts

    def last_row(self, source: int) -> int:
        """The last row of the run that a source gives, or -1."""
        return int(np.max(np.flatnonzero(self._source_of_row[: self.rows] == source), initial=-1))

    def batch(self, begin: int, rows: int, seq: int) -> Batch:
        """`rows` rows of `seq` tokens from the place `begin`, counted in tokens of the stream; keys as in `batches.py`.

        `seq` divides the mixture's own, and `begin` is a multiple of it. A row is read with the token that follows it in its
        source, the last target; so over an epoch of a source each of its tokens but BOS is a target exactly once.

        Raises DataError beyond the last row.
        """
        parts = [self._read(begin + row * seq, seq + 1) for row in range(rows)]
        tokens = np.stack([part[0] for part in parts])
        first = np.stack([part[1] for part in parts])
        starts_here = first[:, :-1].copy()
        starts_here[:, 0] = True
        column = np.arange(seq)
        document_begin = np.maximum.accumulate(np.where(starts_here, column, 0), axis=1)
        return {
            "tokens": torch.from_numpy(tokens[:, :-1].copy()),
            "targets": torch.from_numpy(tokens[:, 1:].copy()),
            # What follows the end of a document is another document: nothing to learn there.
            "weights": torch.from_numpy((~first[:, 1:]).astype(np.float32)),
            "segments": torch.from_numpy((np.cumsum(starts_here, axis=1) - 1).astype(np.int32)),
            "positions": torch.from_numpy(column - document_begin),
        }

    def _read(self, begin: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        row, inside = divmod(begin, self.seq)
        if row >= len(self._source_of_row):
            raise DataError(
                f"The stream ends after {len(self._source_of_row):,} rows: roll-backs left out more than it has to spare.",
                where="mixture",
                fix="Train for fewer steps, raise a `max_epochs`, or leave it out.",
            )
        store = self.sources[int(self._source_of_row[row])].store
        return store.read(self.seed, int(self._row_of_source[row]) * self.seq + inside, count)


def _enough_rows(sources: Sequence[Source], rows: int, seq: int) -> list[int]:
    """For each source, at least as many rows as it gives of the first `rows` that are due, and a few more at most.

    The source that reaches its cap first takes no more than that, and what is left is shared among the others.
    """
    counts = [0] * len(sources)
    left, weight = float(rows), sum(source.weight for source in sources)
    for number in sorted(
        range(len(sources)), key=lambda number: sources[number].max_rows(seq) / sources[number].weight
    ):
        source, cap = sources[number], sources[number].max_rows(seq)
        share = min(cap, left * source.weight / weight)
        # Whole rows differ from shares by less than a row for each source.
        counts[number] = int(min(cap, share + len(sources) + 1, rows))
        left, weight = left - share, weight - source.weight
    return counts
