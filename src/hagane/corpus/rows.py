"""Rows of JSON lines and Parquet to raw documents: a column `text`, and `id` and `url` where there are any.

A line is never held beyond the page limit, and JSON that would become too many Python objects is not parsed. Strings that are not
UTF-8, or hold lone surrogates or NULs, are mended and the places counted. Parquet is streamed, with as many rows at a time as
the footer lets expect to fit; a row group that the footer shows to be too large for memory is left out.

Memory: one JSON row, or one batch of Parquet rows. pyarrow must hold a value whole, so that a row far larger than the others in
its group is noticed only when it is there, and a value in a column's dictionary is unpacked for each of a batch's 128 rows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from hagane.corpus.document import Item, Quarantined, RawDocument
from hagane.corpus.encoding import decode, readable
from hagane.corpus.packed import BrokenFileError, read_lines, too_large, whole
from hagane.errors import DataError

_COLUMNS = ("text", "id", "url")
_BATCH_BYTES, _BATCH_ROWS = 16 << 20, 128
_MAX_VALUES = 2_000_000
"""Values of one JSON row; each may take 100 bytes in memory."""
_SUSPECT_BYTES, _SUSPECT_RATIO = 256 << 20, 100
"""A Parquet column that unpacks to more than the first at more than the second is taken for a bomb; text packs 3 to 10 times."""
_SURROGATE = re.compile("[\ud800-\udfff]")


def jsonl_rows(path: Path, source: str, name: str, limit: int) -> Iterator[Item]:
    """The rows of a JSON-lines file.

    Raises `DataError` where the first one has no `text`, `BrokenFileError` where the packing is broken.
    """
    whole(path)
    seen = False
    for number, line in read_lines(path, limit):
        where = f"{source}/{name}:{number}"
        if line is not None and not line.strip():
            continue
        try:
            if line is None:
                raise BrokenFileError("too_large", too_large(limit))
            row, replaced = _parsed(line)
        except BrokenFileError as broken:
            yield Quarantined(where, source, broken.reason, broken.detail)
            continue
        if not seen and isinstance(row, dict) and "text" not in row:
            raise _no_text(path, sorted(map(_printable, row)))
        seen = True
        yield _document(row if isinstance(row, dict) else {}, replaced, where, source, f"{source}/{name}")


def parquet_rows(path: Path, source: str, name: str, limit: int) -> Iterator[Item]:
    """The rows of a Parquet file. Raises `DataError` where there is no column `text`, `BrokenFileError` for a broken file."""
    try:
        with pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False) as table:
            columns = table.schema_arrow.names
            if "text" not in columns:
                raise _no_text(path, columns)
            wanted = [column for column in _COLUMNS if column in columns]
            number = 0
            for group in range(table.num_row_groups):
                rows = table.metadata.row_group(group).num_rows
                batch_rows = _batch_rows(table.metadata.row_group(group), limit)
                if batch_rows == 0:
                    detail = f"Rows {number + 1} to {number + rows} would unpack to more than memory should hold."
                    yield Quarantined(f"{source}/{name}:{number + 1}", source, "too_large", detail)
                    number += rows
                    continue
                for batch in table.iter_batches(batch_rows, row_groups=[group], columns=wanted, use_threads=False):
                    for values in zip(*(_values(batch[column]) for column in wanted), strict=True):
                        number += 1
                        row, replaced = dict(zip(wanted, values, strict=True)), 0
                        where = f"{source}/{name}:{number}"
                        try:
                            if isinstance(row["text"], bytes):
                                row["text"], replaced = _decoded(row["text"], limit)
                        except BrokenFileError as broken:
                            yield Quarantined(where, source, broken.reason, broken.detail)
                            continue
                        yield _document(row, replaced, where, source, f"{source}/{name}")
    except (pa.ArrowException, OSError) as error:
        raise BrokenFileError("broken_parquet", f"{str(error)[:300]} Fetch the file again.") from error


def _parsed(line: bytes) -> tuple[object, int]:
    """The JSON value, and how many characters of the line were no text."""
    if len(line) > _MAX_VALUES and sum(map(line.count, (b",", b"[", b"{"))) > _MAX_VALUES:
        raise BrokenFileError("too_large", f"A row of more than {_MAX_VALUES} values.")
    try:
        return orjson.loads(line), 0
    except orjson.JSONDecodeError as error:
        # orjson refuses lone surrogates and everything that is not UTF-8; Python's reader takes what can be decoded.
        found = decode(line, sniff_markup=False)
        if found is None:
            raise BrokenFileError("broken_encoding", "The row is no text in any Japanese encoding.") from error
        try:
            return json.loads(found[0]), found[1]
        except (ValueError, RecursionError):
            raise BrokenFileError("broken_json", str(error)) from error


def _decoded(data: bytes, limit: int) -> tuple[str, int]:
    if len(data) > limit:
        raise BrokenFileError("too_large", too_large(limit))
    try:
        return data.decode(), 0
    except UnicodeDecodeError as error:
        found = decode(data, sniff_markup=False)
        if found is None:
            raise BrokenFileError("broken_encoding", "The row is no text in any Japanese encoding.") from error
        return found


def _document(row: dict[str, Any], replaced: int, where: str, source: str, prefix: str) -> Item:
    text, given, url = row.get("text"), row.get("id"), row.get("url")
    given = given.decode("utf-8", "replace") if isinstance(given, bytes) else given
    identity = f"{prefix}:{_printable(given)}" if isinstance(given, str | int) and given != "" else where
    if not isinstance(text, str):
        return Quarantined(identity, source, "no_text", f"`text` is {type(text).__name__}, not a string.")
    if not text.isascii():
        text, surrogates = _SURROGATE.subn("\ufffd", text)
        replaced += surrogates
    found = readable(text, replaced)
    if found is None:
        return Quarantined(identity, source, "broken_encoding", "The row holds too many characters that are no text.")
    if not found[0].strip():
        return Quarantined(identity, source, "empty", "No characters.")
    url = url.decode("utf-8", "replace") if isinstance(url, bytes) else url
    return RawDocument(identity, source, "text", *found, _printable(url) if isinstance(url, str) else "")


def _printable(name: object) -> str:
    return _SURROGATE.sub("\ufffd", str(name))


def _batch_rows(group: Any, limit: int) -> int:
    """How many rows of a row group fit; 0 where not even one is certain to."""
    chunks = [group.column(index) for index in range(group.num_columns)]
    largest: int = 1
    for chunk in chunks:
        if chunk.path_in_schema not in _COLUMNS:
            continue
        size, packed = chunk.total_uncompressed_size, max(chunk.total_compressed_size, 1)
        if size > limit * max(group.num_rows, 1) or (size > _SUSPECT_BYTES and size > _SUSPECT_RATIO * packed):
            return 0
        largest = max(largest, size)
    rows: int = group.num_rows
    return min(max(_BATCH_BYTES * rows // largest, 1), _BATCH_ROWS)


def _values(column: Any) -> Iterator[object]:
    """The values, strings as bytes: a string in Parquet need not be UTF-8, and Python's would not come out."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        column = column.cast(pa.large_binary())
    return (value.as_py() for value in column)


def _no_text(path: Path, columns: list[str]) -> DataError:
    return DataError(
        "The rows have no column `text`.",
        where=f"{path}: columns {', '.join(columns) or 'none'}",
        fix="Rename the column that holds the documents to `text`.",
    )
