"""A measured batch: pages with all their lines, every value and key, in one Arrow file.

This is what the cleaning works on after the pages were read, and what a replay starts from. A page is a row; what belongs to
its lines are lists, so that a column of all lines is one flat array.

Cost: the file is written once and mapped into memory when read; numbers are not copied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from hagane.artifact.files import renamed
from hagane.corpus.document import Quarantined

_PAGE = "page."
PAGE_BITS = 24
"""A document's number in the corpus is its batch's, shifted by this, and its place in the batch."""
EXCERPT_CHARACTERS = 200


def document_numbers(batch: int, pages: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """uint64: numbers in the corpus of these pages of a batch."""
    return (np.uint64(batch) << np.uint64(PAGE_BITS)) + pages.astype(np.uint64)


def rows_of(batch: int, documents: npt.NDArray[Any]) -> slice:
    """Which rows of a column of document numbers, in ascending order, speak of this batch."""
    begin, end = np.searchsorted(documents, np.array((batch, batch + 1), documents.dtype) << PAGE_BITS)
    return slice(int(begin), int(end))


@dataclass(frozen=True)
class Batch:
    """Pages of one batch; arrays over lines hold the pages one after another."""

    number: int
    names: Mapping[str, Any]
    """Arrow columns [pages] id, source and site; `ids`, `sources` and `sites` where they are wanted as strings."""
    raw_characters: npt.NDArray[np.int64]
    first_line: npt.NDArray[np.int64]
    """[pages + 1]"""
    text_array: pa.LargeStringArray
    """[lines]: the lines; `texts` where they are wanted as strings."""
    columns: Mapping[str, npt.NDArray[Any]]
    """Name → [lines]: roles, counts, measured values, keys."""
    page_columns: Mapping[str, npt.NDArray[Any]]
    """Name → [pages]: what is measured of a page as a whole."""
    quarantined: Sequence[Quarantined]
    details: Mapping[str, Mapping[int, str]]
    """Rule → line or page, whichever it judges → what it says of it besides the value."""

    @property
    def pages(self) -> int:
        """Number of pages."""
        return len(self.raw_characters)

    @property
    def lines(self) -> int:
        """Number of lines."""
        return len(self.text_array)

    @cached_property
    def ids(self) -> list[str]:
        """[pages]"""
        return _strings(self.names["id"])

    @cached_property
    def sources(self) -> list[str]:
        """[pages]"""
        return _strings(self.names["source"])

    @cached_property
    def sites(self) -> list[str]:
        """[pages]"""
        return _strings(self.names["site"])

    @cached_property
    def texts(self) -> list[str]:
        """[lines]"""
        return _strings(self.text_array)

    @cached_property
    def page_of(self) -> npt.NDArray[np.int64]:
        """[lines]: index of the page each line belongs to."""
        return np.repeat(np.arange(self.pages), np.diff(self.first_line))

    @cached_property
    def characters(self) -> npt.NDArray[np.int64]:
        """[lines]: characters of each line, blanks included."""
        lengths: npt.NDArray[np.int64] = pc.utf8_length(self.text_array).to_numpy(zero_copy_only=False)
        return lengths.astype(np.int64)

    @cached_property
    def starts(self) -> npt.NDArray[np.int64]:
        """[lines]: where each line begins in its page's text, in characters; a line end counts as one."""
        begins = np.cumsum(self.characters + 1) - self.characters - 1
        counts = np.diff(self.first_line)
        return np.asarray(begins - np.repeat(begins[self.first_line[:-1][counts > 0]], counts[counts > 0]))

    def documents(self) -> npt.NDArray[np.uint64]:
        """uint64 [pages]: number of each page in the corpus."""
        return document_numbers(self.number, np.arange(self.pages))

    def excerpt(self, lines: npt.NDArray[np.int64]) -> str:
        """The first 200 characters of these lines."""
        texts = [self.texts[line] for line in lines[:EXCERPT_CHARACTERS].tolist()]
        return "\n".join(texts)[:EXCERPT_CHARACTERS]

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        offsets = pa.array(self.first_line, pa.int32())
        columns: dict[str, Any] = {
            **self.names,
            "raw_characters": pa.array(self.raw_characters),
            "texts": pa.ListArray.from_arrays(offsets, self.text_array),
        }
        columns |= {_PAGE + name: pa.array(values) for name, values in self.page_columns.items()}
        for name, values in self.columns.items():
            columns[name] = pa.ListArray.from_arrays(offsets, pa.array(values))
        quarantined = [[item.id, item.source, item.reason, item.detail] for item in self.quarantined]
        table = pa.table(columns).replace_schema_metadata(
            {
                "number": str(self.number),
                "quarantined": orjson.dumps(quarantined).decode(),
                "details": orjson.dumps([[name, list(said.items())] for name, said in self.details.items()]).decode(),
            }
        )
        write_table(path, table)

    @classmethod
    def load(cls, path: Path) -> Batch:
        """Read a file of `save`."""
        with pa.memory_map(str(path)) as file:
            table = pa.ipc.open_file(file).read_all().combine_chunks()
        metadata = table.schema.metadata or {}
        # One chunk, or none where there are no pages: `first_line` and the flat columns come from the lists' own buffers.
        lists: dict[str, Any] = {
            field.name: table[field.name].combine_chunks() for field in table.schema if pa.types.is_list(field.type)
        }
        first_line = lists["texts"].offsets.to_numpy() if table.num_rows else [0]
        return cls(
            number=int(metadata[b"number"]),
            names={name: table[name] for name in ("id", "source", "site")},
            raw_characters=table["raw_characters"].to_numpy(),
            first_line=np.asarray(first_line, np.int64),
            text_array=lists.pop("texts").flatten(),
            columns={name: array.flatten().to_numpy(zero_copy_only=False) for name, array in lists.items()},
            page_columns={
                name.removeprefix(_PAGE): table[name].to_numpy()
                for name in table.schema.names
                if name.startswith(_PAGE)
            },
            quarantined=[Quarantined(*row) for row in orjson.loads(metadata[b"quarantined"])],
            details={name: dict(said) for name, said in orjson.loads(metadata[b"details"])},
        )


def write_table(path: Path, table: pa.Table) -> None:
    """Write an Arrow file, whole or not at all."""
    with (
        renamed(path) as draft,
        pa.OSFile(str(draft), "wb") as file,
        pa.ipc.new_file(file, table.schema) as writer,
    ):
        writer.write_table(table)


def read_ids(path: Path) -> list[str]:
    """The ids of a batch's pages, without reading the rest."""
    with pa.memory_map(str(path)) as file:
        return _strings(pa.ipc.open_file(file).read_all()["id"])


def _strings(array: Any) -> list[str]:
    strings: list[str] = array.to_pylist()
    return strings
