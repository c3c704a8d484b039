"""Small file work that must not be half done: atomic writes, JSON, hashes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from hagane.errors import DataError

_BLOCK = 1 << 20


def fsync_folder(folder: Path) -> None:
    """Make the entries of `folder` durable (a rename is only on disk once its folder is)."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def atomic_write(path: Path, data: bytes) -> None:
    """Write `data` so that `path` holds either what it held before or all of it, also after a power cut."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    fsync_folder(path.parent)


@contextmanager
def renamed(path: Path) -> Iterator[Path]:
    """A name beside `path`, with its ending, that becomes `path` when the block ends well: a task's output is whole or not there.

    Not flushed to disk, unlike `atomic_write`: for files that a later run can make again.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft{path.suffix}")
    yield draft
    draft.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys, atomically."""
    atomic_write(
        path, orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY)
    )


def read_json(path: Path) -> Any:
    """Read one JSON value; a missing or broken file is a `DataError` that names it."""
    try:
        return orjson.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise DataError(
            "A file is missing.", where=str(path), fix="Run the stage that writes it, or give another folder."
        ) from error
    except orjson.JSONDecodeError as error:
        raise DataError(
            f"This is not JSON: {error}", where=str(path), fix="Restore the file or run its stage again."
        ) from error


def sha256_file(path: Path) -> str:
    """Hexadecimal sha256 of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def sha256_json(value: Any) -> str:
    """Hexadecimal sha256 of a JSON value in canonical form (sorted keys)."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()
