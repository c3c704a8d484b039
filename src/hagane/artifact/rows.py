"""Files of rows: one JSON object a line, written whole and read with the place of every fault."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from hagane.artifact.files import atomic_write
from hagane.errors import DataError


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write `rows` as JSON lines, atomically."""
    atomic_write(path, b"".join(orjson.dumps(row) + b"\n" for row in rows))


def read_rows(path: Path, needed: tuple[str, ...], written_by: str) -> list[dict[str, Any]]:
    """The rows of a file that the stage `written_by` writes.

    A missing file, a broken line or a row without one of the keys `needed` is a `DataError` that names it.
    """
    if not path.is_file():
        raise DataError(f"{path.name} is missing.", where=str(path.parent), fix=f"Run the stage `{written_by}` first.")
    rows = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise DataError(f"Not JSON: {error}", where=f"{path}:{number}", fix="One JSON object a line.") from error
        missing = [name for name in needed if not isinstance(row, dict) or name not in row]
        if missing:
            raise DataError(
                f"Missing: {', '.join(missing)}.", where=f"{path}:{number}", fix=f"Each row needs {', '.join(needed)}."
            )
        rows.append(row)
    return rows
