"""What a batch asks the whole corpus: of a 64-bit key, in how many documents it stands, in which first, in how many wordings.

Menu lines, repeated lines, copies, templates: every question that no single page can answer is this one. A batch writes its
keys as a sorted run; the runs are reduced range by range, each on its own, and the answers of a range go to a file from which a
batch reads its own back. Only keys move, never documents, and nothing grows with the corpus but files (DESIGN, law 11).

Cost: 24 bytes a key on disk, one sort a range. Memory: one range, about a quarter of a million keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hagane.artifact.files import renamed
from hagane.clean.batch import PAGE_BITS
from hagane.clean.tables import changes, find

RECORD = np.dtype([("key", "<u8"), ("document", "<u8"), ("wording", "<u8")])
ANSWER = np.dtype([("batch", "<u8"), ("key", "<u8"), ("first", "<u8"), ("documents", "<u4"), ("wordings", "<u4")])
RANGE_KEYS = 1 << 18
LATER = np.uint64(1) << np.uint64(63)
"""Added to a document's number where it shall be the first of none, if another is there."""
_Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Exchange:
    """One question: its runs and its answers in a folder."""

    folder: Path

    def put(self, batch: int, keys: _Array, documents: _Array, wordings: _Array | None = None) -> None:
        """Write the run of a batch: uint64 [n] each; `wordings` tells apart what is the same but for its filling."""
        records = np.zeros(len(keys), RECORD)
        records["key"], records["document"] = keys, documents
        if wordings is not None:
            records["wording"] = wordings
        records = records[np.lexsort((records["wording"], records["document"], records["key"]))]
        fresh = changes(records["key"], records["document"], records["wording"])
        _save(self.folder / f"run-{batch:06d}.npy", records[fresh])

    def ranges(self) -> list[tuple[Exchange, int, int]]:
        """Tasks for `reduce_range`: this, number of the range, how many there are."""
        size = sum(path.stat().st_size for path in self._runs()) // RECORD.itemsize
        parts = max(1, -(-size // RANGE_KEYS))
        return [(self, part, parts) for part in range(parts)]

    def answers(self, batch: int) -> Answers:
        """What was found for the keys of one batch that stand in two documents or more."""
        found = []
        for path in sorted(self.folder.glob("answers-??????.npy")):
            rows = np.load(path, mmap_mode="r")
            begin, end = np.searchsorted(rows["batch"], (batch, batch + 1))
            found.append(np.array(rows[begin:end]))
        return Answers(np.concatenate(found) if found else np.zeros(0, ANSWER))

    def _runs(self) -> list[Path]:
        return sorted(self.folder.glob("run-??????.npy"))

    def reduce(self, part: int, parts: int, without: _Array) -> None:
        """Answer one range of the keys; documents in `without` (sorted) do not count."""
        path = self.folder / f"answers-{part:06d}.npy"
        if path.exists():
            return
        low, high = (part * 2**64 // parts, (part + 1) * 2**64 // parts - 1)
        pieces = []
        for run in self._runs():
            rows = np.load(run, mmap_mode="r")
            begin = np.searchsorted(rows["key"], np.uint64(low), "left")
            end = np.searchsorted(rows["key"], np.uint64(high), "right")
            pieces.append(np.array(rows[begin:end]))
        records = np.concatenate(pieces) if pieces else np.zeros(0, RECORD)
        if len(without):
            records = records[~find(without, records["document"] & ~LATER)[1]]
        _save(path, _answer(records))


def reduce_range(without: _Array, task: tuple[Exchange, int, int]) -> None:
    """`Exchange.reduce` as a task."""
    exchange, part, parts = task
    exchange.reduce(part, parts, without)


@dataclass(frozen=True)
class Answers:
    """The answers of one batch, by key."""

    rows: npt.NDArray[Any]

    def of(self, keys: _Array) -> tuple[_Array, _Array, _Array]:
        """For each key (documents, first document, wordings); (1, LATER, 1) for keys that stand in one document only."""
        documents, first, wordings = (
            np.ones(len(keys), np.int64),
            np.full(len(keys), LATER),
            np.ones(len(keys), np.int64),
        )
        place, known = find(self.rows["key"], keys)
        for out, name in ((documents, "documents"), (first, "first"), (wordings, "wordings")):
            out[known] = self.rows[name][place[known]]
        return documents, first, wordings


def _answer(records: _Array) -> _Array:
    if not len(records):
        return np.zeros(0, ANSWER)
    records = records[np.lexsort((records["wording"], records["document"], records["key"]))]
    new_key = changes(records["key"])
    group = np.cumsum(new_key) - 1
    documents = np.bincount(group[changes(records["key"], records["document"])])
    by_wording = np.lexsort((records["wording"], records["key"]))
    wordings = np.bincount(group[by_wording][changes(records["key"][by_wording], records["wording"][by_wording])])
    often = np.flatnonzero(documents[group] > 1)
    batch = (records["document"][often] & ~LATER) >> np.uint64(PAGE_BITS)
    order = np.lexsort((records["key"][often], batch))
    chosen = often[order][changes(batch[order], records["key"][often][order])]
    answer = np.zeros(len(chosen), ANSWER)
    answer["batch"] = (records["document"][chosen] & ~LATER) >> np.uint64(PAGE_BITS)
    answer["key"] = records["key"][chosen]
    answer["first"] = records["document"][new_key][group[chosen]]
    answer["documents"], answer["wordings"] = documents[group[chosen]], wordings[group[chosen]]
    return answer


def _save(path: Path, rows: _Array) -> None:
    with renamed(path) as draft:
        np.save(draft, rows, allow_pickle=False)
