"""Pages between two passes, on disk: what is left of each page, without holding more than a batch.

Lines, roles, numbers and positions as Arrow lists in one Arrow IPC file; nothing here outlives the stage.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from hagane.clean.page import Page, Role

_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("source", pa.string()),
        ("lines", pa.list_(pa.string())),
        ("roles", pa.list_(pa.int8())),
        ("numbers", pa.list_(pa.int32())),
        ("starts", pa.list_(pa.int64())),
        ("length", pa.int64()),
    ]
)


class Spill:
    """Pages written once and read again as often as needed, in order; a context manager around the writing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.pages = 0

    def __enter__(self) -> Spill:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = pa.ipc.new_file(str(self._path), _SCHEMA)
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.close()

    def write(self, pages: Sequence[Page]) -> None:
        """Add a batch."""
        if pages:
            columns = {name: [getattr(page, name) for page in pages] for name in _SCHEMA.names}
            self._writer.write_batch(pa.record_batch(columns, schema=_SCHEMA))
            self.pages += len(pages)

    def read(self) -> Iterator[list[Page]]:
        """The pages in the batches they were written in, without their decisions."""
        with pa.OSFile(str(self._path), "rb") as file, pa.ipc.open_file(file) as reader:
            for number in range(reader.num_record_batches):
                rows = reader.get_batch(number).to_pylist()
                yield [Page(**{**row, "roles": [Role(role) for role in row["roles"]]}) for row in rows]
