"""The texts of a benchmark: every string in its files, whatever they are called there.

JSON, JSON lines, CSV, TSV and plain text, also packed (gzip, zstd); a folder stands for all its files. Questions, answers and
passages all count, since a corpus may hold any of them; field names do not, and what is short is left out by the rule that asks.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson

from hagane.corpus.encoding import decode
from hagane.corpus.files import walk
from hagane.corpus.packed import BrokenFileError, read_bytes
from hagane.errors import DataError, UsageError

_MAX_BYTES = 1 << 30
_PACKED = re.compile(r"\.(?:gz|zst|zstd)$")
_FIX = "Name a file, or a folder of files: JSON, JSON lines, CSV, TSV or plain text, also packed by gzip or zstd."


def benchmark_texts(path: Path) -> Iterator[str]:
    """Every string of a file or folder, as it stands there.

    Raises `UsageError` where nothing is there and `DataError` where a file is no such text.
    """
    if not path.exists():
        raise UsageError("This benchmark is not there.", where=str(path), fix=_FIX)
    for file in walk(path) if path.is_dir() else [path]:
        try:
            found = decode(read_bytes(file, _MAX_BYTES), sniff_markup=False)
            if found is None:
                raise DataError("The bytes are no text in any Japanese encoding.", where=str(file), fix=_FIX)
            yield from _strings(found[0], _PACKED.sub("", file.name.lower()))
        except (BrokenFileError, OSError, csv.Error, orjson.JSONDecodeError) as error:
            raise DataError(f"A file of a benchmark cannot be read: {error}", where=str(file), fix=_FIX) from error


def _strings(text: str, name: str) -> Iterator[str]:
    if name.endswith(".json"):
        yield from _values(orjson.loads(text))
    elif name.endswith((".jsonl", ".ndjson")):
        for line in filter(str.strip, text.split("\n")):
            yield from _values(orjson.loads(line))
    elif name.endswith((".csv", ".tsv")):
        csv.field_size_limit(sys.maxsize)
        for row in csv.reader(text.splitlines(keepends=True), delimiter="\t" if name.endswith(".tsv") else ","):
            yield from row
    else:
        yield from text.splitlines()


def _values(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _values(item)
