"""Compressed files as streams of bytes that cannot end early without being noticed.

`zstandard`'s reader takes a file that stops in the middle of a frame for a short file, and a reader that yields rows as it goes
has handed out half a file before gzip complains. So both formats are read through their decompression objects here, which know
whether a frame has ended, and whoever streams rows first runs `whole` over the file (a second decompression, ~300 MB/s for gzip).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import zstandard

_BLOCK = 1 << 20
# What is fed to a decompressor at once bounds what one call can blow up to (gzip 1 : 1,000, zstd up to 1 : 30,000).
_FEED = {"gzip": 1 << 13, "zstd": 1 << 12}
GZIP_MAGIC, ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
ZIP_MAGIC, PARQUET_MAGIC, WARC_MAGIC = b"PK\x03\x04", b"PAR1", b"WARC"


class BrokenFileError(Exception):
    """A file that cannot be read to its end; `reason` is the word it is counted under."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def too_large(limit: int) -> str:
    """What is said of a page, row or body beyond the limit."""
    return f"More than {limit} bytes; the setting `max_page_megabytes` is the limit."


def magic(path: Path) -> bytes:
    """The first four bytes."""
    with path.open("rb") as file:
        return file.read(4)


def packing(path: Path) -> str | None:
    """gzip, zstd, or None where the file is not compressed; by content, not by name."""
    head = magic(path)
    return "gzip" if head.startswith(GZIP_MAGIC) else "zstd" if head == ZSTD_MAGIC else None


def blocks(path: Path) -> Iterator[bytes]:
    """The bytes of a plain, gzip or zstd file in pieces, at most a few MB in memory. Raises `BrokenFileError`."""
    kind = packing(path)
    with path.open("rb") as file:
        if kind is None:
            while block := file.read(_BLOCK):
                yield block
            return
        decompressor: _Decompressor = _new(kind)
        fed, first = False, True
        while block := file.read(_FEED[kind]):
            while block:
                if decompressor.eof:
                    block = block.lstrip(b"\0")  # gzip members may be padded with zeros
                    if not block:
                        break
                    decompressor, fed = _new(kind), False
                try:
                    piece = decompressor.decompress(block)
                except (zlib.error, zstandard.ZstdError) as error:
                    raise BrokenFileError(f"broken_{kind}", f"{error}. Fetch the file again.") from error
                fed = True
                if first and piece.startswith((GZIP_MAGIC, ZSTD_MAGIC)):
                    raise BrokenFileError("nested_packing", "The file is packed twice. Unpack it once.")
                if piece:
                    first = False
                    yield piece
                block = decompressor.unused_data if decompressor.eof else b""
        if fed and not decompressor.eof:
            raise BrokenFileError(
                f"truncated_{kind}",
                f"The {kind} stream ends in the middle; {path.stat().st_size} bytes are there. Fetch the file again.",
            )


def _new(kind: str) -> _Decompressor:
    if kind == "gzip":
        return zlib.decompressobj(16 + zlib.MAX_WBITS)
    return zstandard.ZstdDecompressor().decompressobj()


def whole(path: Path) -> None:
    """Raise `BrokenFileError` unless a compressed file can be read to its end."""
    if packing(path) is not None:
        for _ in blocks(path):
            pass


def read_bytes(path: Path, limit: int) -> bytes:
    """All bytes of the file, decompressed. Raises `BrokenFileError` ("too_large") beyond `limit` bytes without holding them."""
    pieces, size = [], 0
    for piece in blocks(path):
        size += len(piece)
        if size > limit:
            raise BrokenFileError("too_large", too_large(limit))
        pieces.append(piece)
    return b"".join(pieces)


def read_lines(path: Path, limit: int) -> Iterator[tuple[int, bytes | None]]:
    """(line number from 1, line without its end); None instead of a line of more than `limit` bytes."""
    number, rest, overflow = 0, bytearray(), False
    for piece in blocks(path):
        start = 0
        while (end := piece.find(b"\n", start)) >= 0:
            rest += piece[start:end]
            number += 1
            yield number, None if overflow or len(rest) > limit else bytes(rest)
            rest.clear()
            overflow, start = False, end + 1
        if not overflow:
            rest += piece[start:]
        if len(rest) > limit:
            rest.clear()
            overflow = True
    if rest or overflow:
        yield number + 1, None if overflow else bytes(rest)
