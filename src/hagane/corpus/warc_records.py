"""The records of a WARC file, plain, gzip or zstd; what is broken costs one record and is told, and the next ones are read.

A WARC file is a chain of records, each a header, `Content-Length` bytes and two line ends; packed, each is a gzip member of its
own as a rule (ISO 28500:2017, annex D). Three things go wrong in practice, and each has its way on:

- bytes inside a member are damaged, or the file ends in the middle: the next place is looked for where a gzip member begins whose
  contents begin a record. A member's check sum is waited for before its record is handed out;
- `Content-Length` is wrong, or the header is no header: the next `WARC/1.` at the start of a line behind it;
- a record is larger than may be held, or unpacks without end: as before, and after `_MAX_SKIP` bytes the next member.

Memory: one record. Cost: the decompression (300 MB/s for gzip) and ~30 us a record.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from hagane.corpus.packed import GZIP_MAGIC, WARC_MAGIC, BrokenFileError, blocks, magic, packing

_FEED, _PIECE = 1 << 16, 1 << 20
_MAX_HEADER = 1 << 16
_MAX_SKIP = 1 << 30
_MEMBER = GZIP_MAGIC + b"\x08"
_START = b"WARC/1."
_BEHIND = 32
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(r"\r?\n[ \t]+")


@dataclass(frozen=True)
class Record:
    """One record; where it is broken, `reason` is the word it is counted under and `content` is empty."""

    number: int
    """Place in the file, from 1, broken ones counted."""
    headers: dict[str, str]
    """By name in lower case."""
    content: bytes
    reason: str = ""
    detail: str = ""


class _Source(Protocol):
    members: int
    """Members begun; the last one is where damage that `read` tells of lies."""

    def read(self) -> bytes:
        """The next bytes, b"" at the end. Raises `BrokenFileError`; after that, `next_member` must be called."""

    def next_member(self) -> None:
        """Go to the next place where a packed record begins; to the end where there is none."""


class _Stream:
    """A file of which nothing can be read behind the first damage: plain (which has none) and zstd."""

    def __init__(self, path: Path) -> None:
        self._blocks, self.members = blocks(path), 0

    def read(self) -> bytes:
        return next(self._blocks, b"")

    def next_member(self) -> None:
        self._blocks = iter(())


class _Members:
    """Gzip members one after another."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.members = file, 0
        self._open(0)

    def _open(self, offset: int, data: bytes = b"") -> None:
        """Begin a member at this place of the file; `data` is what was read from there already."""
        self._begin, self._data = offset, data
        self._engine, self._fed = zlib.decompressobj(16 + zlib.MAX_WBITS), False
        self.members += 1

    def read(self) -> bytes:
        fresh = False
        while True:
            if self._engine.eof:
                rest = self._engine.unused_data
                self._open(self._file.tell() - len(rest), rest)
                fresh = True
            data = self._data or self._file.read(_FEED)
            if not data:
                if self._fed:
                    raise BrokenFileError("truncated_gzip", "The file ends inside this record. Fetch it again.")
                return b""
            if not self._fed and not (data := data.lstrip(b"\0")):  # members may be padded with zeros
                self._data = b""
                continue
            try:
                piece = self._engine.decompress(data, _PIECE)
            except zlib.error as error:
                raise BrokenFileError("broken_gzip", f"{error}. Fetch the file again.") from error
            self._fed, self._data = True, self._engine.unconsumed_tail
            if piece:
                # A record that does not end with a line end must not hide the start of the next one.
                return b"\r\n" + piece if fresh and piece.startswith(_START) else piece

    def next_member(self) -> None:
        place = self._begin + 1
        while (place := self._find_magic(place)) >= 0 and not self._begins_record(place):
            place += 1
        if place < 0:
            place = self._file.seek(0, 2)
        self._file.seek(place)
        self._open(place)

    def _find_magic(self, offset: int) -> int:
        self._file.seek(offset)
        block = b""
        while more := self._file.read(_PIECE):
            block += more
            if (found := block.find(_MEMBER)) >= 0:
                return offset + found
            tail = block[-len(_MEMBER) + 1 :]
            offset, block = offset + len(block) - len(tail), tail
        return -1

    def _begins_record(self, offset: int) -> bool:
        self._file.seek(offset)
        try:
            found = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(self._file.read(4096), len(_START))
        except zlib.error:
            return False
        return found == _START


def records(path: Path, limit: int) -> Iterator[Record]:
    """Every record of the file, in order; one whose content is larger than `limit` bytes is broken as `too_large`."""
    with path.open("rb") as file:
        # By name too: damage may lie in the very first bytes.
        packed = packing(path) == "gzip" or (path.suffix == ".gz" and magic(path) != WARC_MAGIC)
        source = _Members(file) if packed else _Stream(path)
        yield from _Reader(source, limit).records()


class _Reader:
    """Records from a source of bytes. `_buffer` begins with the record at hand until it is known to be whole."""

    def __init__(self, source: _Source, limit: int) -> None:
        self._source, self._limit = source, limit
        self._buffer = bytearray()
        self._damage: _DamageError | None = None

    def records(self) -> Iterator[Record]:
        number = 0
        while True:
            headers: dict[str, str] = {}
            begun = 0
            try:
                if not self._to_record():
                    return
                number += 1
                begun = len(_START)
                end = self._header_end()
                headers = _headers(bytes(self._buffer[:end]))
                content = self._content(end, headers)
            except BrokenFileError as broken:
                if not begun:
                    number += 1
                yield Record(number, headers, b"", broken.reason, broken.detail)
                self._recover(begun, broken)
                continue
            yield Record(number, headers, content)

    def _more(self) -> bool:
        if self._damage is not None:
            damage, self._damage = self._damage, None
            raise damage
        try:
            piece = self._source.read()
        except BrokenFileError as broken:
            raise _DamageError(broken.reason, broken.detail) from broken
        self._buffer += piece
        return bool(piece)

    def _to_record(self) -> bool:
        """Drop line ends before a record; whether there is one."""
        while True:
            start = len(self._buffer) - len(self._buffer.lstrip(b"\r\n"))
            del self._buffer[:start]
            if self._buffer or not self._more():
                return bool(self._buffer)

    def _header_end(self) -> int:
        while not (found := _HEADER_END.search(self._buffer, 0, _MAX_HEADER)):
            if len(self._buffer) >= _MAX_HEADER or not self._buffer.startswith(_START[: len(self._buffer)]):
                break
            if not self._more():
                raise BrokenFileError("truncated_record", "The file ends inside the header of this record.")
        if not found or not self._buffer.startswith(_START):
            raise BrokenFileError("broken_record", "What should be the header of a record is none.")
        return found.end()

    def _content(self, start: int, headers: dict[str, str]) -> bytes:
        """The content, once it is certain that the record ends behind it."""
        given = headers.get("content-length", "")
        if not re.fullmatch(r"[0-9]{1,18}", given):
            raise BrokenFileError("wrong_length", f"Content-Length is {given[:40]!r}.")
        end = start + int(given)
        if int(given) > self._limit:
            raise BrokenFileError("too_large", f"The record has {given} bytes, more than {self._limit}.")
        while len(self._buffer) < end:
            if not self._more():
                raise BrokenFileError("truncated_record", f"Content-Length is {given}; the file ends before that.")
        member = self._source.members
        while len(self._buffer) < end + _BEHIND and self._damage is None:
            try:
                if not self._more():
                    break
            except _DamageError as damage:
                if self._source.members == member:
                    raise
                self._damage = damage  # the next record's, not this one's
        behind = bytes(self._buffer[end : end + _BEHIND]).lstrip(b"\r\n")
        if not (behind.startswith(_START) or _START.startswith(behind)):
            raise BrokenFileError("wrong_length", f"Content-Length is {given}, and no record begins behind that.")
        content = bytes(self._buffer[start:end])
        del self._buffer[:end]
        return content

    def _recover(self, begun: int, broken: BrokenFileError) -> None:
        """Go on at the next record: in the bytes that follow, or after damage at the next member."""
        skipped, position = 0, begun
        try:
            if isinstance(broken, _DamageError):
                raise broken
            while (place := self._buffer.find(b"\n" + _START, position)) < 0:
                drop = max(len(self._buffer) - len(_START), 0)
                del self._buffer[:drop]
                skipped, position = skipped + drop, 0
                if skipped > _MAX_SKIP:
                    raise _DamageError("too_large", "The record does not end.")
                if not self._more():
                    self._buffer.clear()
                    return
            del self._buffer[: place + 1]
        except _DamageError:
            self._buffer.clear()
            self._source.next_member()


class _DamageError(BrokenFileError):
    """The source itself cannot go on where it is."""


def _headers(head: bytes) -> dict[str, str]:
    text = _FOLD.sub(" ", head.decode("utf-8", errors="replace"))
    lines = (line.partition(":") for line in text.splitlines()[1:])
    return {name.strip().lower(): value.strip() for name, colon, value in lines if colon}
