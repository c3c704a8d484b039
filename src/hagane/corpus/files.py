"""From one file or folder to raw documents: the kind by name and by content, every failure a counted quarantine.

A folder is walked in sorted order, so that the same files give the same corpus. What is not a document (pictures, style
sheets) is quarantined as `unknown_type`, symbolic links as `link`: both are counted, neither is read.
Memory: one page, or one batch of rows, at a time.
"""

from __future__ import annotations

import lzma
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from hagane.corpus.document import Item, Kind, Quarantined, RawDocument
from hagane.corpus.encoding import decode
from hagane.corpus.packed import PARQUET_MAGIC, WARC_MAGIC, ZIP_MAGIC, BrokenFileError, magic, read_bytes, too_large
from hagane.corpus.rows import jsonl_rows, parquet_rows
from hagane.corpus.warc import read_warc

MAX_PAGE_BYTES = 64 << 20
"""One page may hold this many bytes (unpacked); a larger one is quarantined as `too_large`."""

_NO_RIGHT = "Give yourself the right to read it (chmod u+rX), or run as its owner."
_PACKED_SUFFIX = re.compile(r"\.(?:gz|zst|zstd)$")
_HTML = re.compile(r"\.x?html?$")
_TEXT = re.compile(r"\.(?:txt|text|md|markdown)$")
_ROWS = re.compile(r"\.(?:jsonl|ndjson)$")
_FOREIGN_PACKING = re.compile(r"\.(?:xz|bz2|lzma|lz4|br|7z|rar|tar|tgz)$")
_CRAWL = re.compile(r"\.(?:warc|wet|wat)$")
_MANUAL = re.compile(r"\.[1-9][a-z]*$")
_OTHER = re.compile(
    r"\.(?:png|jpe?g|gif|svg|ico|css|js|map|woff2?|ttf|pdf|ps|mp[34]|od[stgp]|docx?|xlsx?|exe|so|py|xml|json|csv)$"
)
_ZIP_ERRORS = (zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError, ValueError, zlib.error, lzma.LZMAError)
_ROFF_START = re.compile(r"""^['.](?:\\"|TH\b|Dd\b|SH\b|so\b)""", re.MULTILINE)
_REDIRECT = re.compile(r"^\s*(?:[.']\\\".*\n\s*)*\.so\s+\S+")
# Ruby, notes, the explanation of both, the colophon: novels elsewhere have ruby too, so one of them is not enough.
_AOZORA = [
    re.compile(pattern, re.MULTILINE)
    for pattern in (r"《[ぁ-ヶー]+》", "［＃[^］]", "^【テキスト中に現れる記号について】", "^底本[：:]")
]
_MARKUP = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)


def walk(folder: Path) -> Iterator[Path]:
    """All files below a folder, sorted, and the folders that may not be listed; hidden ones left out."""
    found: list[Path] = []
    closed: list[OSError] = []
    for root, folders, names in os.walk(folder, onerror=closed.append):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = [Path(root, name) for name in names if not name.startswith(".")]
        found += [path for path in paths if path.is_file() or path.is_symlink()]
        found += [path for name in folders if (path := Path(root, name)).is_symlink()]
    return iter(sorted([*found, *(Path(error.filename) for error in closed)]))


def read_file(path: Path, source: str, name: str, *, limit: int = MAX_PAGE_BYTES) -> Iterator[Item]:
    """The documents of one file. `name` is its place below the source and starts every id.

    Raises `DataError` where rows have no `text` column; whatever else is wrong is yielded as `Quarantined`.
    """
    name = name.encode("utf-8", "backslashreplace").decode()
    stem = _PACKED_SUFFIX.sub("", path.name.lower())
    try:
        if path.is_symlink():
            raise BrokenFileError("link", f"{path.readlink()}: links are not followed; name its target as a source.")
        if path.is_dir():
            raise BrokenFileError("unreadable", f"The folder may not be listed. {_NO_RIGHT}")
        head = magic(path)
        if head == PARQUET_MAGIC or stem.endswith(".parquet"):
            yield from parquet_rows(path, source, name, limit)
        elif head == ZIP_MAGIC or stem.endswith((".zip", ".jar")):
            yield from _zip(path, source, name, limit)
        elif head == WARC_MAGIC or _CRAWL.search(stem):
            yield from read_warc(path, source, name, limit)
        elif _ROWS.search(stem):
            yield from jsonl_rows(path, source, name, limit)
        elif _FOREIGN_PACKING.search(stem):
            raise BrokenFileError("unknown_packing", "Unpack it first; gzip, zstd and zip are read packed.")
        elif _OTHER.search(stem):
            raise BrokenFileError("unknown_type", "Not a document by its name.")
        else:
            yield _page(read_bytes(path, limit), source, name, stem)
    except BrokenFileError as broken:
        yield Quarantined(f"{source}/{name}", source, broken.reason, broken.detail)
    except PermissionError:
        yield Quarantined(f"{source}/{name}", source, "unreadable", f"The file may not be read. {_NO_RIGHT}")
    except OSError as error:
        yield Quarantined(f"{source}/{name}", source, "unreadable", error.strerror or str(error))


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
    elif sum(bool(mark.search(text)) for mark in _AOZORA) >= 2:
        kind = "aozora"
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
                except _ZIP_ERRORS as error:
                    yield Quarantined(f"{source}/{identity}", source, "broken_zip", str(error))
                    continue
                if len(data) > limit:
                    yield Quarantined(f"{source}/{identity}", source, "too_large", too_large(limit))
                else:
                    yield _page(data, source, identity, member.lower())
    except zipfile.BadZipFile as error:
        raise BrokenFileError("broken_zip", str(error)) from error
