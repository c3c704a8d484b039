"""From one file or folder to raw documents: the kind by name and by content, every failure a counted quarantine.

A folder is walked in sorted order, so that the same files give the same corpus. What is not a document (pictures, style
sheets) is quarantined as `unknown_type`, symbolic links as `link`: both are counted, neither is read.
Memory: one page, or one batch of rows, at a time.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from hagane.corpus.document import Item, Kind, Quarantined, RawDocument
from hagane.corpus.encoding import decode
from hagane.corpus.packed import (
    PARQUET_MAGIC,
    WARC_MAGIC,
    ZIP_MAGIC,
    BrokenFileError,
    magic,
    read_bytes,
    read_lines,
    whole,
)
from hagane.corpus.warc import read_warc
from hagane.errors import DataError

MAX_PAGE_BYTES = 64 << 20
"""One page may hold this many bytes (unpacked); a larger one is quarantined as `too_large`."""

_PACKED_SUFFIX = re.compile(r"\.(?:gz|zst|zstd)$")
_HTML = re.compile(r"\.x?html?$")
_TEXT = re.compile(r"\.(?:txt|text|md|markdown)$")
_ROWS = re.compile(r"\.(?:jsonl|ndjson)$")
_CRAWL = re.compile(r"\.(?:warc|wet|wat)$")
_MANUAL = re.compile(r"\.[1-9][a-z]*$")
_OTHER = re.compile(
    r"\.(?:png|jpe?g|gif|svg|ico|css|js|map|woff2?|ttf|pdf|ps|mp[34]|od[stgp]|docx?|xlsx?|exe|so|py|xml|json|csv)$"
)
_ROFF_START = re.compile(r"""^['.](?:\\"|TH\b|Dd\b|SH\b|so\b)""", re.MULTILINE)
_REDIRECT = re.compile(r"^\s*(?:[.']\\\".*\n\s*)*\.so\s+\S+")
_MARKUP = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_ROWS_PER_BATCH = 1024


def walk(folder: Path) -> Iterator[Path]:
    """All files below a folder, sorted; hidden ones left out."""
    for path in sorted(folder.rglob("*")):
        if (path.is_file() or path.is_symlink()) and not any(
            part.startswith(".") for part in path.relative_to(folder).parts
        ):
            yield path


def read_file(path: Path, source: str, name: str, *, limit: int = MAX_PAGE_BYTES) -> Iterator[Item]:
    """The documents of one file. `name` is its place below the source and starts every id.

    Raises `DataError` where rows have no `text` column; whatever else is wrong is yielded as `Quarantined`.
    """
    name = name.encode("utf-8", "backslashreplace").decode()
    stem = _PACKED_SUFFIX.sub("", path.name.lower())
    try:
        if path.is_symlink():
            raise BrokenFileError("link", str(path.readlink()))
        head = magic(path)
        if head == PARQUET_MAGIC or stem.endswith(".parquet"):
            yield from _parquet(path, source, name, limit)
        elif head == ZIP_MAGIC or stem.endswith((".zip", ".jar")):
            yield from _zip(path, source, name, limit)
        elif head == WARC_MAGIC or _CRAWL.search(stem):
            yield from read_warc(path, source, name, limit)
        elif _ROWS.search(stem):
            whole(path)
            yield from _jsonl(path, source, name, limit)
        elif _OTHER.search(stem):
            raise BrokenFileError("unknown_type", "Not a document by its name.")
        else:
            yield _page(read_bytes(path, limit), source, name, stem)
    except BrokenFileError as broken:
        yield Quarantined(f"{source}/{name}", source, broken.reason, broken.detail)
    except OSError as error:
        yield Quarantined(f"{source}/{name}", source, "unreadable", str(error))


def _page(data: bytes, source: str, name: str, stem: str) -> Item:
    """One page of HTML, roff or plain text from its bytes."""
    identity = f"{source}/{name}"
    markup = bool(_HTML.search(stem))
    found = decode(data, sniff_markup=markup or data.lstrip()[:1] == b"<")
    if found is None:
        reason = "broken_encoding" if markup or _TEXT.search(stem) or _MANUAL.search(stem) else "unknown_type"
        return Quarantined(identity, source, reason, "The bytes are no text in any Japanese encoding.")
    text, replaced = found
    if not text.strip():
        return Quarantined(identity, source, "empty", "No characters.")
    kind: Kind = "text"
    if markup or _MARKUP.match(text[:4096]):
        kind = "html"
    elif _MANUAL.search(stem) and _ROFF_START.search(text[:8192]):
        kind = "roff"
        if redirect := _REDIRECT.match(text):
            return Quarantined(identity, source, "redirect", redirect[0].strip()[-100:])
    return RawDocument(identity, source, kind, text, replaced)


def _zip(path: Path, source: str, name: str, limit: int) -> Iterator[Item]:
    """The HTML members of a zip or jar; other members are part of its machinery and not counted."""
    try:
        with zipfile.ZipFile(path) as archive:
            for member in sorted(archive.namelist()):
                if not _HTML.search(member.lower()):
                    continue
                identity = f"{name}/{member}"
                try:
                    with archive.open(member) as file:
                        data = file.read(limit + 1)
                except (zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError) as error:
                    yield Quarantined(f"{source}/{identity}", source, "broken_zip", str(error))
                    continue
                if len(data) > limit:
                    yield Quarantined(f"{source}/{identity}", source, "too_large", f"More than {limit} bytes.")
                else:
                    yield _page(data, source, identity, member.lower())
    except zipfile.BadZipFile as error:
        raise BrokenFileError("broken_zip", str(error)) from error


def _jsonl(path: Path, source: str, name: str, limit: int) -> Iterator[Item]:
    """Rows with a string column `text`, and `id` where there is one."""
    seen = False
    for number, line in read_lines(path, limit):
        where = f"{source}/{name}:{number}"
        if line is None:
            yield Quarantined(where, source, "too_large", f"A row of more than {limit} bytes.")
            continue
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            yield Quarantined(where, source, "broken_json", str(error))
            continue
        if not seen and isinstance(row, dict) and "text" not in row:
            raise _no_text(path, sorted(map(str, row)))
        seen = True
        yield _row(row if isinstance(row, dict) else {}, where, source, f"{source}/{name}")


def _row(row: dict[str, Any], where: str, source: str, prefix: str) -> Item:
    text, given = row.get("text"), row.get("id")
    identity = f"{prefix}:{given}" if isinstance(given, str | int) and given != "" else where
    if not isinstance(text, str):
        return Quarantined(identity, source, "no_text", f"`text` is {type(text).__name__}, not a string.")
    if not text.strip():
        return Quarantined(identity, source, "empty", "No characters.")
    return RawDocument(identity, source, "text", text)


def _parquet(path: Path, source: str, name: str, limit: int) -> Iterator[Item]:
    try:
        with pq.ParquetFile(path) as table:
            columns = table.schema_arrow.names
            if "text" not in columns:
                raise _no_text(path, columns)
            number = 0
            for batch in table.iter_batches(_ROWS_PER_BATCH, columns=[c for c in ("id", "text") if c in columns]):
                for row in batch.to_pylist():
                    number += 1
                    where = f"{source}/{name}:{number}"
                    if isinstance(row["text"], str) and len(row["text"]) > limit:
                        yield Quarantined(where, source, "too_large", f"A row of more than {limit} characters.")
                    else:
                        yield _row(row, where, source, f"{source}/{name}")
    except (pa.ArrowException, OSError) as error:
        raise BrokenFileError("broken_parquet", str(error)[:300]) from error


def _no_text(path: Path, columns: list[str]) -> DataError:
    return DataError(
        "The rows have no column `text`.",
        where=f"{path}: columns {', '.join(columns) or 'none'}",
        fix="Rename the column that holds the documents to `text`.",
    )
