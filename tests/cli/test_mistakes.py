"""What a user gets wrong ends in three lines and an exit code, never in a traceback."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from hagane.cli.main import call

SENTENCE = "これは設定を変更するための説明書です。操作の手順を一つずつ確かめながら進めてください。"


def page(path: Path, text: str = SENTENCE) -> Path:
    path.write_text(f"<html><body><main><p>{text * 8}</p></main></body></html>", encoding="utf-8")
    return path


def stderr(capsys: pytest.CaptureFixture[str]) -> str:
    text = capsys.readouterr().err
    assert "Traceback" not in text
    return text


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run", "no-such-recipe"], 2, "There is no recipe"),
        (["run", "smoke", "clean.sorces=[builtin]"], 2, "Did you mean 'sources'?"),
        (["run", "smoke", "--only", "nothing"], 2, "has no stage"),
        (["clean", "missing/folder", "-o", "OUT"], 2, "not there"),
        (["tokenizer", "-o", "OUT", "vocab_size=10"], 2, "needs the input 'documents'"),
        (["tokenizer", "-o", "OUT", "documents=nowhere"], 2, "does not exist"),
        (["tokenizer", "-o", "OUT", "seed=1", "seed.x=1"], 2, "goes through 'seed'"),
        (["pretrain", "documents=.", "tokenizer=.", "head_dim=7", "-o", "OUT"], 2, "head_dim 7 is odd"),
        (["pretrain", "documents=.", "tokenizer=.", "train.steps=1", "train.lr=inf", "-o", "OUT"], 2, "finite"),
        (["chat"], 2, "hagane chat --help"),
        (["dpo", "frm=x", "-o", "OUT"], 2, "Did you mean 'from'?"),
        (["verify", "."], 2, "no artefact"),
        (["chat", "nowhere"], 1, "does not exist"),
        (["frobnicate"], 2, "frobnicate"),
    ],
)
def test_wrong_use(
    arguments: list[str],
    code: int,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call([word.replace("OUT", str(tmp_path / "out")) for word in arguments]) == code
    assert words in stderr(capsys)


def test_a_folder_that_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("x")
    assert call(["run", "smoke", "--dir", str(tmp_path / "file")]) == 1
    assert "File exists" in stderr(capsys)
    assert call(["clean", str(page(tmp_path / "a.html")), "-o", str(tmp_path / "file" / "out")]) == 1
    assert str(tmp_path / "file") in stderr(capsys)


def test_empty_corpus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    assert call(["clean", str(tmp_path / "in"), "-o", str(tmp_path / "out")]) == 1
    assert "empty" in stderr(capsys)


def test_no_japanese(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page(tmp_path / "a.html", "This manual is written in English only. ")
    assert call(["clean", str(tmp_path / "a.html"), "-o", str(tmp_path / "out")]) == 1
    assert "No Japanese document is left" in stderr(capsys)
    assert not (tmp_path / "out").exists()


def test_bad_files_are_counted_and_the_rest_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Broken UTF-8, a huge page, a page nested 20,000 deep and a truncated gzip beside three good pages."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number, word in enumerate(("印刷", "保存", "検索")):
        page(folder / f"good{number}.html", SENTENCE.replace("設定", word) + f"{word}の画面を開いて{word}を始めます。")
    (folder / "broken.html").write_bytes(b"<p>\xff\xfe\x00\xd8" + bytes(range(128, 256)) * 50)
    (folder / "deep.html").write_text("<div>" * 20_000 + SENTENCE * 8, encoding="utf-8")
    whole = gzip.compress((SENTENCE * 4000).encode())
    (folder / "cut.txt.gz").write_bytes(whole[: len(whole) // 2])
    with (folder / "huge.html").open("wb") as file:
        file.truncate(100_000_000)
    out = tmp_path / "out"
    assert call(["clean", str(folder), "heldout_share=0", "-o", str(out)]) == 0
    stderr(capsys)
    rows = (out / "quarantine.jsonl").read_text(encoding="utf-8")
    assert "cut.txt.gz" in rows
    assert "huge.html" in rows
    assert "broken.html" in rows
    from hagane.corpus.store import read_documents

    kept = {document.id.rpartition("/")[2] for document in read_documents(out)}
    assert {"good0.html", "good1.html", "good2.html"} <= kept
    assert "deep.html" in kept or "deep.html" in rows, "not lost without a word"


def test_status_lineage_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    page(folder / "a.html")
    out = tmp_path / "run" / "clean"
    assert call(["clean", str(folder), "heldout_share=0", "-o", str(out)]) == 0
    assert call(["verify", str(out)]) == 0
    assert call(["status", str(tmp_path / "run")]) == 0
    assert call(["lineage", str(out)]) == 0
    assert "clean" in capsys.readouterr().out
    decisions = out / "decisions.parquet"
    data = bytearray(decisions.read_bytes())
    data[len(data) // 2] ^= 1
    decisions.write_bytes(bytes(data))
    assert call(["verify", str(out)]) == 1
    assert "the content changed" in stderr(capsys)
