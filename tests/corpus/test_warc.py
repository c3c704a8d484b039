"""WARC: pages with url and charset in every packing; each kind of damage costs one record and is told."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path

import brotli
import pytest
import zstandard

from hagane.cli.main import call
from hagane.corpus import warc_records
from hagane.corpus.builtin import builtin_pages
from hagane.corpus.document import Quarantined, RawDocument
from hagane.corpus.read import read_raw

SENTENCE = "鋼は鉄と炭素の合金である。刃物に使う。"
HTML = f"<html><body><p>{SENTENCE}</p></body></html>"


def record(kind: str, content: bytes, number: int = 0, *, length: int | None = None, media: str = "") -> bytes:
    media = media or ("application/http; msgtype=response" if kind == "response" else "text/plain")
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{number:04}>\r\n"
        f"WARC-Target-URI: https://example.jp/{number}\r\nContent-Type: {media}\r\n"
        f"Content-Length: {len(content) if length is None else length}\r\n\r\n"
    )
    return head.encode() + content + b"\r\n\r\n"


def response(body: bytes, *headers: str, status: str = "200 OK", media: str = "text/html") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {media}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def page(number: int, **options: int) -> bytes:
    return record("response", response(HTML.replace("鋼", f"鋼{number}").encode()), number, **options)


def read(path: Path, data: bytes, limit: int = 1 << 20) -> tuple[list[RawDocument], dict[str, str]]:
    path.write_bytes(data)
    items = list(read_raw([str(path)], limit=limit))
    documents = [item for item in items if isinstance(item, RawDocument)]
    return documents, {item.id.rpartition(":")[2]: item.reason for item in items if isinstance(item, Quarantined)}


def numbers(documents: list[RawDocument]) -> list[int]:
    return [int(document.url.rpartition("/")[2]) for document in documents]


@pytest.mark.parametrize("packing", ["members", "one member", "plain", "zstd", "blocks"])
def test_pages_are_equal_in_every_packing(tmp_path: Path, packing: str) -> None:
    records = [record("warcinfo", b"software: x")] + [page(n) for n in range(40)] + [record("request", b"GET /")]
    joined = b"".join(records)
    name, data = {
        "members": ("a.warc.gz", b"".join(map(gzip.compress, records))),
        "one member": ("a.warc.gz", gzip.compress(joined)),
        "plain": ("a.warc", joined),
        "zstd": ("a.warc.zst", zstandard.ZstdCompressor().compress(joined)),
        # bgzip packs blocks of a fixed size, wherever records begin
        "blocks": ("a.warc.gz", b"".join(gzip.compress(joined[at : at + 333]) for at in range(0, len(joined), 333))),
    }[packing]
    documents, quarantined = read(tmp_path / name, data)
    assert numbers(documents) == list(range(40))
    assert documents[7].id == f"a/{name}:0007"
    assert documents[7].content == HTML.replace("鋼", "鋼7")
    assert quarantined == {f"a/{name}": "other_records"}


def test_records_without_a_page_are_one_row(tmp_path: Path) -> None:
    records = [
        record("response", response(b"\x89PNG", media="image/png"), 1),
        record("response", response(HTML.encode(), status="404 Not Found"), 2),
        record("response", response(HTML.encode(), status="301 Moved"), 3),
        record("response", b"20241101 dns", 4, media="text/dns"),
        record("metadata", b"x", 5),
        record("conversion", SENTENCE.encode(), 6),
        record("resource", HTML.encode("cp932"), 7, media="text/html; charset=shift_jis"),
    ]
    path = tmp_path / "w.warc"
    path.write_bytes(b"".join(records))
    items = list(read_raw([str(path)]))
    assert [(item.kind, SENTENCE in item.content) for item in items if isinstance(item, RawDocument)] == [
        ("text", True),
        ("html", True),
    ]
    rows = [item for item in items if isinstance(item, Quarantined)]
    assert len(rows) == 1
    assert rows[0].detail == (
        "Records that hold no page: metadata 1, response 3xx 1, response 4xx 1, response image 1, response without HTTP 1."
    )


@pytest.mark.parametrize("stretch", range(1, 9))
def test_damaged_bytes_cost_one_record(tmp_path: Path, stretch: int) -> None:
    members = [gzip.compress(page(n)) for n in range(9)]
    for place in (0, 1, 12, len(members[4]) * stretch // 9, len(members[4]) - 5, len(members[4]) - 1):
        damaged = bytearray(members[4])
        damaged[place] ^= 0xFF
        documents, quarantined = read(tmp_path / "a.warc.gz", b"".join([*members[:4], damaged, *members[5:]]))
        assert numbers(documents) == [0, 1, 2, 3, 5, 6, 7, 8], place
        assert list(quarantined.values()) == ["broken_gzip"], place


def test_damage_in_the_first_bytes_of_the_file(tmp_path: Path) -> None:
    documents, quarantined = read(
        tmp_path / "a.warc.gz", b"\0\0" + b"".join(gzip.compress(page(n)) for n in range(3))[2:]
    )
    assert numbers(documents) == [1, 2]
    assert list(quarantined.values()) == ["broken_gzip"]


def test_a_truncated_file_costs_its_last_record(tmp_path: Path) -> None:
    members = [gzip.compress(page(n)) for n in range(3)]
    data = b"".join(members)
    for cut in (1, 8, 9, 60, len(members[2]) - 1):
        documents, quarantined = read(tmp_path / "a.warc.gz", data[:-cut])
        assert numbers(documents) == [0, 1], cut
        assert list(quarantined.values()) == ["truncated_gzip"], cut
    plain = b"".join(page(n) for n in range(3))
    documents, quarantined = read(tmp_path / "a.warc", plain[:-30])
    assert numbers(documents) == [0, 1]
    assert quarantined == {"0002": "truncated_record"}


@pytest.mark.parametrize("wrong", [0, 10, 150, 290, 700, 10**6, 10**17, -5])
@pytest.mark.parametrize("packed", [True, False])
def test_a_wrong_length_costs_one_record(tmp_path: Path, wrong: int, packed: bool) -> None:
    records = [page(0), page(1), page(2, length=wrong), page(3), page(4)]
    data = b"".join(map(gzip.compress, records)) if packed else b"".join(records)
    documents, quarantined = read(tmp_path / ("a.warc.gz" if packed else "a.warc"), data, limit=1 << 22)
    assert numbers(documents) == [0, 1, 3, 4]
    assert list(quarantined) == ["0002"]
    assert quarantined["0002"] in ("wrong_length", "too_large", "truncated_record")


def test_what_unpacks_without_end_costs_one_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warc_records, "_MAX_SKIP", 4 << 20)
    zeros = bytes(32 << 20)
    bodies = [
        (gzip.compress(zeros), "gzip"),
        (zlib.compress(zeros), "deflate"),
        (brotli.compress(zeros, quality=1), "br"),
        (zstandard.ZstdCompressor().compress(zeros), "zstd"),
    ]
    records = [
        record("response", response(body, f"Content-Encoding: {coding}"), number)
        for number, (body, coding) in enumerate(bodies)
    ]
    records += [page(8, length=5) + zeros, record("response", response(zeros), 9), page(10)]
    documents, quarantined = read(tmp_path / "a.warc.gz", b"".join(map(gzip.compress, records)))
    assert numbers(documents) == [10]
    assert quarantined.pop("0008") == "wrong_length"
    assert list(quarantined.values()) == ["too_large"] * 5


def chunked(body: bytes) -> bytes:
    pieces = [body[at : at + 17] for at in range(0, len(body), 17)]
    return b"".join(b"%x;x=y\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def test_bodies_as_they_were_sent(tmp_path: Path) -> None:
    html = HTML.encode()
    raw = zlib.compressobj(wbits=-15)
    sound = [
        (chunked(html), "Transfer-Encoding: chunked"),
        (html, "Transfer-Encoding: chunked"),
        (gzip.compress(html), "Content-Encoding: gzip"),
        (gzip.compress(html[:50]) + gzip.compress(html[50:]), "Content-Encoding: gzip"),
        (html, "Content-Encoding: gzip"),
        (zlib.compress(html), "Content-Encoding: deflate"),
        (raw.compress(html) + raw.flush(), "Content-Encoding: deflate"),
        (brotli.compress(html), "Content-Encoding: br"),
        (html, "Content-Encoding: br"),
        (zstandard.ZstdCompressor().compress(html), "Content-Encoding: zstd"),
        (chunked(gzip.compress(html)), "Transfer-Encoding: chunked\r\nContent-Encoding: gzip"),
    ]
    broken = [
        (gzip.compress(html)[:-20], "Content-Encoding: gzip", "broken_body"),
        (brotli.compress(html)[:-5], "Content-Encoding: br", "broken_body"),
        (zstandard.ZstdCompressor().compress(html)[:-5], "Content-Encoding: zstd", "broken_body"),
        (chunked(html)[:-40], "Transfer-Encoding: chunked", "broken_body"),
        (html, "Content-Encoding: compress", "unknown_packing"),
        (b"", "X: y", "empty"),
    ]
    records = [record("response", response(body, header), n) for n, (body, header, *_) in enumerate([*sound, *broken])]
    documents, quarantined = read(tmp_path / "a.warc", b"".join([*records, record("response", b"\xff\xfe", 99)]))
    assert [document.content for document in documents] == [HTML] * len(sound)
    assert list(quarantined.values()) == [*(reason for *_, reason in broken), "broken_http"]


def test_the_charset_of_the_header_is_used(tmp_path: Path) -> None:
    body = b"<html><meta charset=windows-1251><p>\xe9t\xe9</p></html>"
    with_header = record("response", response(body, media="text/html; Charset='ISO-8859-1'"), 1)
    without = record("response", response(body), 2)
    documents, _ = read(tmp_path / "a.warc", with_header + without)
    assert ["été" in document.content for document in documents] == [True, False]


def test_clean_reads_a_crawl_end_to_end(tmp_path: Path) -> None:
    pages = list(builtin_pages())[:30]
    members = [
        gzip.compress(record("response", response(item.html.encode("cp932", "xmlcharrefreplace")), n))
        for n, item in enumerate(pages)
    ]
    members[3] = members[3][:-10] + b"0123456789"
    (tmp_path / "crawl.warc.gz").write_bytes(b"".join(members))
    assert call(["clean", str(tmp_path / "crawl.warc.gz"), "-o", str(tmp_path / "out")]) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["documents"]["read"] == len(pages) - 1
    assert summary["documents"]["kept"] > 0
    assert summary["quarantined"] == {"broken_gzip": 1}
