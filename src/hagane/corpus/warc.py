"""WARC files (crawls) to raw documents: answers of HTML or plain text, and the text records of WET files.

Of the other records (requests, metadata, pictures, answers that are no success) one quarantine row a file tells how many of each
there were. A page's id is the file and its WARC-Record-ID, its url the WARC-Target-URI. The charset of the HTTP header outranks
that of the page (HTML standard, "determining the character encoding").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from hagane.corpus import http
from hagane.corpus.document import Item, Kind, Quarantined, RawDocument
from hagane.corpus.encoding import decode
from hagane.corpus.packed import BrokenFileError
from hagane.corpus.warc_records import Record, records

_KINDS: dict[str, Kind] = {"text/html": "html", "application/xhtml+xml": "html", "text/plain": "text"}
_MEDIA = ("image", "audio", "video", "font", "text", "application")
_TYPES = ("warcinfo", "request", "response", "resource", "metadata", "revisit", "conversion", "continuation")
_HEAD_ROOM = 1 << 16


def read_warc(path: Path, source: str, name: str, limit: int) -> Iterator[Item]:
    """The pages of a WARC file, and `Quarantined` for each record that is broken or too large (`limit` bytes a page)."""
    others: Counter[str] = Counter()
    for record in records(path, limit + _HEAD_ROOM):
        identity = f"{source}/{name}:{_name(record)}"
        try:
            if record.reason:
                raise BrokenFileError(record.reason, record.detail)
            page = _page(record, identity, source, limit)
        except BrokenFileError as broken:
            yield Quarantined(identity, source, broken.reason, broken.detail)
            continue
        if isinstance(page, str):
            others[page] += 1
        else:
            yield page
    if others:
        counts = ", ".join(f"{what} {count}" for what, count in sorted(others.items()))
        yield Quarantined(f"{source}/{name}", source, "other_records", f"Records that hold no page: {counts}.")


def _name(record: Record) -> str:
    given = record.headers.get("warc-record-id", "").strip("<>").removeprefix("urn:uuid:")
    return given[:200] or str(record.number)


def _page(record: Record, identity: str, source: str, limit: int) -> Item | str:
    """The page; what the record is, where it holds none. Raises `BrokenFileError`."""
    kind = record.headers.get("warc-type", "").lower()
    if kind == "response":
        if not record.headers.get("content-type", "application/http").lower().startswith("application/http"):
            return "response without HTTP"  # DNS look-ups and the like
        answer = http.answer(record.content)
        if not 200 <= answer.status < 300:
            return f"response {answer.status // 100}xx"
        media_type, charset = answer.media_type, answer.charset
    elif kind in ("resource", "conversion"):
        answer = None
        given = record.headers.get("content-type", "")
        media_type, charset = given.partition(";")[0].strip().lower(), http.charset_of(given)
    else:
        return kind if kind in _TYPES else "other"
    if media_type not in _KINDS:
        family = media_type.partition("/")[0]
        return f"{kind} {family if family in _MEDIA else 'of no known type'}"
    body = answer.body(limit) if answer else record.content
    found = decode(body, sniff_markup=_KINDS[media_type] == "html", charset=charset)
    if found is None:
        raise BrokenFileError("broken_encoding", "The bytes are no text in any Japanese encoding.")
    if not found[0].strip():
        raise BrokenFileError("empty", "No characters.")
    url = record.headers.get("warc-target-uri", "").strip("<>")
    return RawDocument(identity, source, _KINDS[media_type], found[0], found[1], url)
