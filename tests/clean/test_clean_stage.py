"""The whole stage on small corpora: the books balance, runs are equal, and bad input is a clear error or a counted quarantine."""

from __future__ import annotations

from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest

from hagane.artifact.files import read_json, sha256_file
from hagane.clean.config import Config
from hagane.clean.stage import STAGE
from hagane.corpus.builtin import builtin_pages
from hagane.corpus.store import read_documents
from hagane.errors import DataError

PROSE = "鋼は鉄に炭素を加えた合金である。{n}番目の炉では、火の色を見て温度を決め、水に入れる時をはかる。" * 6


def clean(out: Path, *sources: object, **settings: object) -> dict[str, object]:
    out.mkdir()
    STAGE.run(Config(sources=[str(source) for source in sources], **settings), {}, out)
    return dict(read_json(out / "summary.json"))


def page(lines: str) -> str:
    return f"<html><body><p>{lines}</p></body></html>"


@pytest.fixture(scope="module")
def cleaned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("clean") / "out"
    clean(out, "builtin", heldout_share=0.2)
    return out


def test_the_books_balance(cleaned: Path) -> None:
    summary = read_json(cleaned / "summary.json")
    rows = pq.read_table(cleaned / "decisions.parquet").to_pylist()
    characters = summary["characters"]
    assert characters["text"] - characters["kept"] == sum(row["characters"] for row in rows)
    assert {name: rule["decisions"] for name, rule in summary["rules"].items() if rule["decisions"]} == {
        rule: sum(row["rule"] == rule for row in rows) for rule in {row["rule"] for row in rows}
    }
    kept = sum(
        len(d.text) - d.text.count("\n") for split in ("train", "heldout") for d in read_documents(cleaned, split)
    )
    assert kept == characters["kept"]
    assert all(len(row["text"]) <= 200 for row in rows)
    assert not (cleaned / "work").exists()


def test_noise_goes_and_main_text_stays(cleaned: Path) -> None:
    texts = {
        d.id.removeprefix("builtin/"): d.text for split in ("train", "heldout") for d in read_documents(cleaned, split)
    }
    menus = [
        (piece.text, texts.get(p.name, "")) for p in builtin_pages() for piece in p.noise if piece.kind != "template"
    ]
    assert sum(noise in text for noise, text in menus) < 0.05 * len(menus)
    lost = [
        line
        for p in builtin_pages()
        if p.name in texts
        for line in p.gold.split("\n")
        if len(line) > 20 and line.replace(" ", "")[:20] not in texts[p.name].replace(" ", "")
    ]
    everything = [line for p in builtin_pages() if p.name in texts for line in p.gold.split("\n") if len(line) > 20]
    assert len(lost) < 0.02 * len(everything)


def test_equal_runs_give_equal_files(cleaned: Path, tmp_path: Path) -> None:
    clean(tmp_path / "again", "builtin", heldout_share=0.2)
    names = sorted(path.relative_to(cleaned) for path in cleaned.rglob("*") if path.is_file())
    assert names == sorted(
        path.relative_to(tmp_path / "again") for path in (tmp_path / "again").rglob("*") if path.is_file()
    )
    assert [sha256_file(cleaned / name) for name in names] == [sha256_file(tmp_path / "again" / name) for name in names]


def test_another_document_moves_none_between_the_splits(tmp_path: Path) -> None:
    rows = [
        {"id": f"r{n}", "text": PROSE.format(n=n) + "".join(chr(0x4E00 + n * 50 + k) + "の話。" for k in range(90))}
        for n in range(30)
    ]
    for name, count in (("a", 30), ("b", 15)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rows.jsonl").write_bytes(b"\n".join(orjson.dumps(row) for row in rows[:count]))
        (tmp_path / name).rename(tmp_path / "rows")
        clean(tmp_path / f"out-{name}", tmp_path / "rows", heldout_share=0.3)
        (tmp_path / "rows").rename(tmp_path / name)
    heldout = [{d.id for d in read_documents(tmp_path / f"out-{name}", "heldout")} for name in "ab"]
    assert heldout[1]
    assert heldout[1] <= heldout[0]


def test_bad_pages_are_counted_and_the_good_one_is_kept(tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "nested.html").write_text("<div>" * 60_000 + PROSE.format(n="七百"))
    with (pages / "huge.html").open("wb") as file:
        file.truncate(100 << 20)
    (pages / "cut.html.gz").write_bytes(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03abc")
    (pages / "broken.html").write_bytes(bytes(range(128, 256)) * 30)
    summary = clean(tmp_path / "out", pages, heldout_share=0.0)
    assert summary["quarantined"] in (
        {"broken_encoding": 1, "too_large": 1, reason: 1} for reason in ("truncated_gzip", "broken_gzip")
    )
    assert [d.id for d in read_documents(tmp_path / "out")] == ["pages/nested.html"]
    quarantine = [orjson.loads(line) for line in (tmp_path / "out" / "quarantine.jsonl").read_bytes().splitlines()]
    assert len(quarantine) == 3


def test_no_japanese_says_so_with_counts(tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    pages.mkdir()
    for n in range(3):
        (pages / f"{n}.html").write_text(page(f"This is English page number {n}. " * 20))
    with pytest.raises(DataError, match="No Japanese document is left of 3: language 3"):
        clean(tmp_path / "out", pages)


def test_an_empty_corpus_says_so(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    with pytest.raises(DataError, match="empty: no files"):
        clean(tmp_path / "out", tmp_path / "pages")
    (tmp_path / "pages" / "x.png").write_bytes(b"\x89PNG")
    with pytest.raises(DataError, match="unknown_type 1"):
        clean(tmp_path / "out2", tmp_path / "pages")


def test_personal_data_is_masked_in_its_line_and_counted(tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    pages.mkdir()
    line = "お問い合わせは電話03-3456-7890、または taro@kaji-mail.jp までお願いします。"
    (pages / "a.txt").write_text(f"{PROSE}\n{line}\n")
    summary = clean(tmp_path / "out", pages, heldout_share=0.0)
    (document,) = read_documents(tmp_path / "out")
    masked = "お問い合わせは電話〈電話番号〉、または〈メールアドレス〉までお願いします。"
    assert document.text.split("\n")[1].replace(" ", "") == masked
    rows = pq.read_table(tmp_path / "out" / "decisions.parquet").to_pylist()
    assert [(row["rule"], row["action"], row["text"]) for row in rows] == [
        ("personal_data", "mask", "03-3456-7890"),
        ("personal_data", "mask", "taro@kaji-mail.jp"),
    ]
    text = f"{PROSE}\n{line}"
    assert [text[row["span_start"] : row["span_end"]] for row in rows] == [row["text"] for row in rows]
    characters = summary["characters"]
    assert characters["added"] == len("〈電話番号〉〈メールアドレス〉")
