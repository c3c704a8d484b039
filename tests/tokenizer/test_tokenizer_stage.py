"""The stage on a small documents artefact: its files, its figures, and the same bytes each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from hagane.artifact.files import read_json
from hagane.corpus.document import Document
from hagane.corpus.store import write_documents
from hagane.errors import DataError
from hagane.tokenizer.encode import FILES, Tokenizer
from hagane.tokenizer.stage import STAGE, Config


@pytest.fixture
def documents(lines: list[str], tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    written = [Document(str(i), "test", "\n".join(lines[i : i + 6])) for i in range(0, len(lines), 6)]
    write_documents(folder, "train", written[:-10])
    held_out = Document("x", "test", "設定ファイルを編集して、サーバーを再起動します。鬱。")
    write_documents(folder, "heldout", [*written[-10:], held_out])
    return folder


def test_files_and_figures(documents: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        STAGE.run(Config(vocab_size=650, max_sentences=400), {"documents": documents}, tmp_path / name)
    first, second = ({file: (tmp_path / name / file).read_bytes() for file in FILES} for name in ("first", "second"))
    assert first == second
    summary = read_json(tmp_path / "first" / "summary.json")
    assert (summary["vocab_size"], summary["sampled_lines"], summary["heldout"]["documents"]) == (650, 400, 11)
    assert summary["heldout"]["byte_share"] == pytest.approx(3 / summary["heldout"]["tokens"])
    assert summary["heldout"]["characters_per_token"] > 1.2
    sample = next(sample for sample in summary["samples"] if sample["text"].startswith("設定"))
    assert "".join(sample["pieces"]) == "設定ファイルを編集して、サーバーを再起動します。"
    assert Tokenizer.load(tmp_path / "first").vocab_size == 650


def test_a_corpus_too_small_says_what_it_carries(documents: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(DataError, match="too small for 8192 pieces"):
        STAGE.run(Config(), {"documents": documents}, tmp_path / "out")
