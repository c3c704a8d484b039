"""The stream of figures a run leaves behind: one JSON object a line, read by the report and by trackers.

Training writes, nothing steers by it. A resumed run drops the rows of steps it is going to do again, so that the file of a
killed run equals, row for row, the file of one that was never stopped (but for measured times).
"""

from __future__ import annotations

import math
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson

from hagane.artifact.files import atomic_write
from hagane.errors import DataError

FILE_NAME = "metrics.jsonl"


class MetricsWriter:
    """Appends rows to a metrics file; each row is flushed, so that a reader sees a running stage."""

    def __init__(self, path: Path, resume_step: int | None = None) -> None:
        """Open `path` anew, or keep its rows with `step` < `resume_step`."""
        self._path = path
        self._open(resume_step)

    def _open(self, resume_step: int | None) -> None:
        kept: list[dict[str, Any]] = []
        if resume_step is not None and self._path.exists():
            kept = [row for row in read_metrics(self._path) if row["step"] < resume_step]
        atomic_write(self._path, b"".join(orjson.dumps(row) + b"\n" for row in kept))
        self._file = self._path.open("ab")

    def go_back(self, step: int) -> None:
        """Drop the rows from `step` on: they are going to be done again."""
        self.close()
        self._open(step)

    def write(self, step: int, **values: float | None) -> None:
        """Append one row. A figure that is not finite is written as null: JSON has no NaN."""
        finite = {key: None if value is None or not math.isfinite(value) else value for key, value in values.items()}
        row = {"step": step} | finite
        self._file.write(orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> MetricsWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The rows of a metrics file. A last line cut short by a kill is dropped; any other broken line is a `DataError`."""
    lines = path.read_bytes().split(b"\n")
    whole, tail = lines[:-1], lines[-1]
    rows = []
    for number, line in enumerate(whole, 1):
        try:
            rows.append(orjson.loads(line))
        except orjson.JSONDecodeError as error:
            raise DataError(
                f"A metrics row is not JSON: {error}", where=f"{path}:{number}", fix="Delete the line."
            ) from error
    try:
        return [*rows, orjson.loads(tail)] if tail else rows
    except orjson.JSONDecodeError:
        return rows
