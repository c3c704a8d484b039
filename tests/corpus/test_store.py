"""Documents come back as they were written, shard by shard; what is absent or empty says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from hagane.corpus import store
from hagane.corpus.document import Document
from hagane.corpus.store import DocumentWriter, count_sources, read_documents, write_documents
from hagane.errors import DataError

DOCUMENTS = [Document(f"d{n}", "abc"[n % 3], "文章。" * 10) for n in range(25)]


def test_round_trip_over_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_BATCH_CHARACTERS", 60)
    assert write_documents(tmp_path, "train", DOCUMENTS[:20]) == 20
    with DocumentWriter(tmp_path, "train", shard=1) as writer:
        for document in DOCUMENTS[20:]:
            writer.write(document)
    assert list(read_documents(tmp_path)) == DOCUMENTS
    assert count_sources(tmp_path) == {"a": 9, "b": 8, "c": 8}
    assert list(read_documents(tmp_path, sources={"a", "c"})) == [d for d in DOCUMENTS if d.source != "b"]


def test_absent_and_empty_are_errors_before_the_first_document(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no `train` documents"):
        read_documents(tmp_path)
    write_documents(tmp_path, "heldout", [])
    with pytest.raises(DataError, match="empty"):
        read_documents(tmp_path, "heldout")
