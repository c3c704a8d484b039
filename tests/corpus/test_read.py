"""Every page ends as a document or as a counted quarantine, whatever it is packed in and however it is broken."""

from __future__ import annotations

import gzip
import os
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from hagane.corpus import rows
from hagane.corpus.document import Quarantined, RawDocument
from hagane.corpus.read import read_raw, source_fingerprint
from hagane.errors import DataError, UsageError

HTML = "<html><head><meta charset='{charset}'></head><body><p>鋼は鉄と炭素の合金である。刃物に使う。</p></body></html>"
ROWS = [{"id": f"r{n}", "text": f"これは{n}番目の文章です。"} for n in range(50)]
JSONL = b"".join(orjson.dumps(row) + b"\n" for row in ROWS)


def read(*specs: object, limit: int = 1 << 20) -> tuple[list[RawDocument], dict[str, str]]:
    items = list(read_raw([str(spec) for spec in specs], limit=limit))
    documents = [item for item in items if isinstance(item, RawDocument)]
    return documents, {item.id: item.reason for item in items if isinstance(item, Quarantined)}


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


@pytest.mark.parametrize(("suffix", "pack"), [("", bytes), (".gz", gzip.compress), (".zst", zstd)])
def test_rows_are_equal_in_every_packing(tmp_path: Path, suffix: str, pack: object) -> None:
    path = tmp_path / f"rows.jsonl{suffix}"
    path.write_bytes(pack(JSONL))  # type: ignore[operator]
    documents, quarantined = read(path)
    assert [document.content for document in documents] == [row["text"] for row in ROWS]
    assert len({document.id for document in documents}) == len(ROWS)
    assert not quarantined


@pytest.mark.parametrize(
    ("suffix", "pack", "reason"), [(".gz", gzip.compress, "truncated_gzip"), (".zst", zstd, "truncated_zstd")]
)
@pytest.mark.parametrize("stem", ["rows.jsonl", "page.html"])
def test_a_truncated_file_gives_nothing_but_its_reason(
    tmp_path: Path, stem: str, suffix: str, pack: object, reason: str
) -> None:
    packed = pack(JSONL * 40)  # type: ignore[operator]
    (tmp_path / f"{stem}{suffix}").write_bytes(packed[: len(packed) // 2])
    documents, quarantined = read(tmp_path)
    assert documents == []
    assert list(quarantined.values()) == [reason]


def test_parquet_zip_roff_text_in_one_folder(tmp_path: Path) -> None:
    folder = tmp_path / "混ざったもの"
    folder.mkdir()
    pq.write_table(pa.Table.from_pylist(ROWS), folder / "a.parquet")
    with zipfile.ZipFile(folder / "b.jar", "w") as archive:
        archive.writestr("x/page.html", HTML.format(charset="utf-8"))
        archive.writestr("x/picture.png", b"\x89PNG")
    (folder / "c.1.gz").write_bytes(gzip.compress(".TH C 1\n.SH 名前\nc \\- 試し\n".encode()))
    (folder / "d.1").write_text(".so man1/c.1\n")
    (folder / "e.txt").write_text("本文です。")
    (folder / "f.png").write_bytes(b"\x89PNG\r\n")
    (folder / "g.html").symlink_to(folder / "e.txt")
    (folder / "h.html").write_text("")
    documents, quarantined = read(folder)
    kinds = [
        (document.id.removeprefix("混ざったもの/"), document.kind)
        for document in documents
        if "a.parquet" not in document.id
    ]
    assert kinds == [("b.jar/x/page.html", "html"), ("c.1.gz", "roff"), ("e.txt", "text")]
    reasons = {name.removeprefix("混ざったもの/"): reason for name, reason in quarantined.items()}
    assert reasons == {"d.1": "redirect", "f.png": "unknown_type", "g.html": "link", "h.html": "empty"}
    assert len(documents) == len(ROWS) + 3


@pytest.mark.parametrize("encoding", ["utf-8", "cp932", "euc_jp", "iso2022_jp", "utf-16"])
@pytest.mark.parametrize("declared", ["utf-8", "shift_jis", "nonsense"])
def test_japanese_encodings_are_found_whatever_is_declared(tmp_path: Path, encoding: str, declared: str) -> None:
    page = HTML.format(charset=declared)
    (tmp_path / "p.html").write_bytes(page.encode(encoding))
    documents, _ = read(tmp_path)
    assert documents[0].content == page


def test_few_broken_bytes_are_counted_and_many_are_quarantined(tmp_path: Path) -> None:
    sound = HTML.format(charset="utf-8").replace("刃物に使う。", "刃物に使う。" * 100).encode()
    (tmp_path / "few.html").write_bytes(sound[:-30] + b"\xff" + sound[-30:])
    (tmp_path / "many.html").write_bytes(bytes(range(1, 256)) * 20)
    documents, quarantined = read(tmp_path)
    assert [document.replaced for document in documents] == [1]
    assert list(quarantined.values()) == ["broken_encoding"]


def test_too_large_is_quarantined_packed_or_not(tmp_path: Path) -> None:
    page = b"<html><body>" + b"<p>aaaa</p>" * 200_000
    (tmp_path / "a.html").write_bytes(page)
    (tmp_path / "b.html.gz").write_bytes(gzip.compress(page))
    with zipfile.ZipFile(tmp_path / "c.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("page.html", page)
    (tmp_path / "d.jsonl").write_bytes(orjson.dumps({"text": "あ" * 500_000}) + b"\n" + JSONL)
    documents, quarantined = read(tmp_path)
    assert list(quarantined.values()) == ["too_large"] * 4
    assert len(documents) == len(ROWS)


def test_a_bad_row_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_bytes(JSONL + b'{"text": 3}\n{"text": \n[1]\n\n' + JSONL.replace(b'"r', b'"s'))
    documents, quarantined = read(tmp_path)
    assert len(documents) == 2 * len(ROWS)
    assert sorted(quarantined.values()) == ["broken_json", "no_text", "no_text"]


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.parquet"])
def test_a_missing_column_names_the_columns(tmp_path: Path, name: str) -> None:
    rows = [{"body": "本文", "title": "題"}]
    if name.endswith("parquet"):
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / name)
    else:
        (tmp_path / name).write_bytes(orjson.dumps(rows[0]))
    with pytest.raises(DataError, match="body, title"):
        read(tmp_path / name)


def test_a_missing_path_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    with pytest.raises(UsageError, match=r"Did you mean .*pages"):
        read(tmp_path / "page")
    with pytest.raises(UsageError, match="debian:manpages-ja"):
        read("debain:manpages-ja")


def test_equal_folder_names_do_not_give_equal_ids(tmp_path: Path) -> None:
    for parent in ("x", "y"):
        (tmp_path / parent / "pages").mkdir(parents=True)
        (tmp_path / parent / "pages" / "p.txt").write_text(f"{parent}の本文です。")
    documents, _ = read(tmp_path / "x" / "pages", tmp_path / "y" / "pages")
    assert [document.id for document in documents] == ["pages/p.txt", "pages-2/p.txt"]


def test_hub_reads_a_local_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "someone" / "pages" / "data"
    data.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(ROWS), data / "train-00000-of-00001.parquet")
    (data / "test-00000-of-00001.jsonl").write_bytes(JSONL)
    monkeypatch.setenv("HAGANE_HUB", str(tmp_path))
    documents, _ = read("hub:someone/pages")
    assert len(documents) == len(ROWS)
    assert documents[0].source == "someone/pages"
    with pytest.raises(UsageError, match="does not hold"):
        read("hub:someone/other")


def test_fingerprint_follows_content(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("一")
    before = source_fingerprint(str(tmp_path))
    assert source_fingerprint(str(tmp_path)) == before
    (tmp_path / "a.txt").write_text("二")
    assert source_fingerprint(str(tmp_path)) != before
    assert source_fingerprint("builtin") == source_fingerprint("builtin")


def test_rows_carry_id_and_url(tmp_path: Path) -> None:
    rows = [
        {"id": 7, "url": "https://example.jp/", "text": "本文です。"},
        {"id": None, "url": None, "text": "次です。"},
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    (tmp_path / "b.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    documents, _ = read(tmp_path)
    assert [(document.id.rpartition(":")[2], document.url) for document in documents] == [
        ("7", "https://example.jp/"),
        ("2", ""),
    ] * 2


def test_strings_that_are_no_text_are_mended_and_counted(tmp_path: Path) -> None:
    text = "鋼は鉄と炭素の合金である。" * 40
    lines = [
        b'{"id": "\\ud83d", "text": "%s\\ud800"}' % text.encode(),
        b'{"text": "%s\xed\xa0\x80"}' % text.encode(),
        b'{"text": "%s\\u0000"}' % text.encode(),
        '{"text": "%s"}'.encode("cp932") % text.encode("cp932"),
        b'{"text": "%s"}' % (b"\\u0000" * 50),
    ]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines))
    binary = pa.array([text.encode() + b"\xed\xa0\x80", text.encode("cp932")])
    column = pa.Array.from_buffers(pa.string(), len(binary), binary.buffers())
    pq.write_table(pa.table({"text": column}), tmp_path / "b.parquet")
    documents, quarantined = read(tmp_path)
    assert [document.replaced for document in documents] == [1, 3, 1, 0, 3, 0]
    assert [document.content.replace("\ufffd", "") for document in documents] == [text] * 6
    assert documents[0].id.endswith(":\ufffd")
    assert list(quarantined.values()) == ["broken_encoding"]


def test_json_that_is_too_deep_or_too_much(tmp_path: Path) -> None:
    deep = b'{"text": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    many = b'{"text": "a", "x": [' + b"{}," * 2_100_000 + b"{}]}"
    (tmp_path / "r.jsonl").write_bytes(b"\n".join([JSONL, deep, many, JSONL.replace(b'"r', b'"s')]))
    documents, quarantined = read(tmp_path, limit=64 << 20)
    assert len(documents) == 2 * len(ROWS)
    assert list(quarantined.values()) == ["broken_json", "too_large"]


def test_a_row_group_that_unpacks_too_far_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = pa.table({"text": ["本文です。"] * 9 + ["a" * 500_000] + ["次です。"] * 10})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=10, use_dictionary=False, compression="zstd")
    documents, quarantined = read(tmp_path / "a.parquet")
    assert (len(documents), quarantined) == (20, {})  # negative control: half a megabyte is no bomb
    monkeypatch.setattr(rows, "_SUSPECT_BYTES", 100_000)
    documents, quarantined = read(tmp_path / "a.parquet")
    assert (len(documents), quarantined) == (10, {"a/a.parquet:1": "too_large"})


def test_packings_that_are_not_read_say_so(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(gzip.compress(JSONL)))
    (tmp_path / "b.html.gz").write_bytes(gzip.compress(zstd(HTML.encode())))
    (tmp_path / "c.jsonl.xz").write_bytes(b"\xfd7zXZ")
    (tmp_path / "d.tar.gz").write_bytes(gzip.compress(b"x"))
    with zipfile.ZipFile(tmp_path / "e.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.html", HTML * 50)
        archive.writestr("b.html", HTML)
    data = bytearray((tmp_path / "e.zip").read_bytes())
    data[60:70] = b"\xff" * 10
    (tmp_path / "e.zip").write_bytes(data)
    documents, quarantined = read(tmp_path)
    assert list(quarantined.values()) == ["nested_packing"] * 2 + ["unknown_packing"] * 2 + ["broken_zip"]
    assert [document.content for document in documents] == [HTML]


@pytest.fixture
def stranger() -> Iterator[None]:
    """Nobody in particular: for root there are no forbidden files."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    yield
    os.seteuid(before)


def test_what_may_not_be_read_says_so(stranger: None) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "pages"
        (folder / "closed").mkdir(parents=True)
        (folder / "closed" / "a.txt").write_text("本文です。")
        (folder / "b.txt").write_text("本文です。")
        (folder / "c.txt").write_text("本文です。")
        (folder / "c.txt").chmod(0)
        (folder / "closed").chmod(0)
        documents, quarantined = read(folder)
        assert [document.id for document in documents] == ["pages/b.txt"]
        assert quarantined == {"pages/c.txt": "unreadable", "pages/closed": "unreadable"}
        assert source_fingerprint(str(folder))
        folder.chmod(0)
        for path in (folder, folder / "b.txt"):
            with pytest.raises(UsageError, match="cannot be read: Permission denied"):
                read(path)
        folder.chmod(0o700)
        (folder / "closed").chmod(0o700)
