"""Cleaned documents on disk: Parquet shards `documents/SPLIT-00000.parquet` with the columns id, source, text.

Whoever writes says which shard it is, so that several can write at once; a reader holds one batch of rows. zstd.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hagane.corpus.document import Document
from hagane.errors import DataError

SCHEMA = pa.schema([("id", pa.string()), ("source", pa.string()), ("text", pa.string())])
_BATCH_CHARACTERS = 1_000_000
_BATCH_ROWS = 1024


class DocumentWriter:
    """Writes one shard of a split into `folder`/documents as its documents come; a context manager. A shard may be empty."""

    def __init__(self, folder: Path, split: str, shard: int = 0) -> None:
        self._path = folder / "documents" / f"{split}-{shard:05d}.parquet"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._rows: list[Document] = []
        self._row_characters = 0
        self._writer: pq.ParquetWriter | None = None
        self.documents, self.characters = 0, 0

    def __enter__(self) -> DocumentWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def write(self, document: Document) -> None:
        """Add one document."""
        self._rows.append(document)
        self._row_characters += len(document.text)
        self.documents += 1
        self.characters += len(document.text)
        if self._row_characters >= _BATCH_CHARACTERS:
            self._flush()

    def close(self) -> None:
        """Write what is left."""
        if self._rows or self.documents == 0:
            self._flush()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _flush(self) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, SCHEMA, compression="zstd")
        columns = {name: [getattr(row, name) for row in self._rows] for name in SCHEMA.names}
        self._writer.write_table(pa.table(columns, schema=SCHEMA))
        self._rows, self._row_characters = [], 0


def write_documents(folder: Path, split: str, documents: Iterable[Document]) -> int:
    """Write `documents` as the split of a documents artefact; returns how many they were."""
    with DocumentWriter(folder, split) as writer:
        for document in documents:
            writer.write(document)
    return writer.documents


def read_documents(artifact: Path, split: str = "train", sources: Collection[str] | None = None) -> Iterator[Document]:
    """The documents of a split, in order; of `sources` only, where these are given.

    Raises `DataError` before the first one where the split is absent or empty.
    """
    return _rows(_shards(artifact, split), sources)


def count_sources(artifact: Path, split: str = "train") -> Counter[str]:
    """How many documents each source has in a split. Raises `DataError` where the split is absent or empty."""
    counts: Counter[str] = Counter()
    for shard in _shards(artifact, split):
        with pq.ParquetFile(shard) as table:
            for batch in table.iter_batches(columns=["source"]):
                counts.update(map(str, batch["source"].to_pylist()))
    return counts


def _shards(artifact: Path, split: str) -> list[Path]:
    shards = sorted((artifact / "documents").glob(f"{split}-*.parquet"))
    if not shards:
        raise DataError(
            f"There are no `{split}` documents.", where=str(artifact), fix="Give the output folder of the stage clean."
        )
    if not sum(pq.read_metadata(shard).num_rows for shard in shards):
        fix = "Raise heldout_share, or clean a larger corpus." if split == "heldout" else "Clean a larger corpus."
        raise DataError(f"The split `{split}` is empty.", where=str(artifact), fix=fix)
    return shards


def _rows(shards: list[Path], sources: Collection[str] | None) -> Iterator[Document]:
    for shard in shards:
        with pq.ParquetFile(shard) as table:
            for batch in table.iter_batches(_BATCH_ROWS, columns=SCHEMA.names):
                if sources is not None:
                    batch = batch.filter(pc.is_in(batch["source"], pa.array(sorted(sources))))
                for row in batch.to_pylist():
                    yield Document(**row)
