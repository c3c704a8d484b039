"""A stored HTTP answer: its head, and its body as the bytes of the page.

Crawlers store bodies as they came (chunked, packed) or unpacked under headers that still speak of packing; both are read. Every
packing is undone under a limit, so that no body can unpack without end. Source: RFC 9112 (messages, chunks), RFC 9110 (codings).
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

import brotli
import zstandard

from hagane.corpus.packed import GZIP_MAGIC, BrokenFileError, too_large

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(r"\r?\n[ \t]+")
_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([^\s;"']+)""", re.IGNORECASE)
_CHUNK = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]{0,4096})?\r?\n")
_FEED = 1 << 12  # what is fed at once bounds what one call can blow up to


@dataclass(frozen=True)
class Answer:
    """The head of an answer, and its body as it was sent."""

    status: int
    headers: dict[str, str]
    """By name in lower case; of several with one name the first."""
    sent: bytes

    @property
    def media_type(self) -> str:
        """`text/html` and the like; "" where none is given."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def charset(self) -> str:
        """The charset of Content-Type; "" where none is given."""
        return charset_of(self.headers.get("content-type", ""))

    def body(self, limit: int) -> bytes:
        """The body without chunks and packing. Raises `BrokenFileError` (too_large, broken_body, unknown_packing)."""
        data = self.sent
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            data = _joined(data)
        codings = [coding.strip().lower() for coding in self.headers.get("content-encoding", "").split(",")]
        for coding in reversed([coding for coding in codings if coding not in ("", "identity", "none", "utf-8")]):
            data = _unpacked(data, coding, limit)
        if len(data) > limit:
            raise BrokenFileError("too_large", too_large(limit))
        return data


def answer(message: bytes) -> Answer:
    """The parts of a stored answer. Raises `BrokenFileError` ("broken_http") where it has no head."""
    end = _HEAD_END.search(message)
    head = message[: end.start()] if end else message
    lines = _FOLD.sub(" ", head.decode("latin-1")).splitlines()
    status = re.match(r"HTTP/[0-9.]+\s+([0-9]{3})\b", lines[0]) if lines else None
    if status is None:
        raise BrokenFileError("broken_http", "The record holds no HTTP answer.")
    headers: dict[str, str] = {}
    for name, colon, value in (line.partition(":") for line in lines[1:]):
        if colon:
            headers.setdefault(name.strip().lower(), value.strip())
    return Answer(int(status[1]), headers, message[end.end() :] if end else b"")


def charset_of(content_type: str) -> str:
    """The charset in a value of Content-Type; "" where none is given."""
    found = _CHARSET.search(content_type)
    return found[1] if found else ""


def _joined(data: bytes) -> bytes:
    """The chunks as one; data that does not begin with a chunk had been joined before it was stored."""
    pieces: list[bytes] = []
    position = 0
    while chunk := _CHUNK.match(data, position):
        size = int(chunk[1], 16)
        if size == 0:
            return b"".join(pieces)
        piece = data[chunk.end() : chunk.end() + size]
        if len(piece) < size:
            break
        pieces.append(piece)
        position = chunk.end() + size
        position += 2 if data[position : position + 2] == b"\r\n" else 1
    if not pieces and not chunk:
        return data
    raise BrokenFileError("broken_body", "The chunks of the body end in the middle.")


def _unpacked(data: bytes, coding: str, limit: int) -> bytes:
    try:
        if coding in ("gzip", "x-gzip"):
            return _inflated(data, 16 + zlib.MAX_WBITS, limit) if data.startswith(GZIP_MAGIC) else data
        if coding == "deflate":  # meant with zlib's head, and often sent without
            head = len(data) > 1 and data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0
            return _inflated(data, zlib.MAX_WBITS if head else -zlib.MAX_WBITS, limit)
        if coding == "br":
            return _unbrotlied(data, limit)
        if coding == "zstd":
            return _unzstd(data, limit)
    except (zlib.error, brotli.error, zstandard.ZstdError) as error:
        if data.lstrip()[:1] == b"<":  # had been unpacked before it was stored
            return data
        raise BrokenFileError("broken_body", f"{coding}: {error}") from error
    raise BrokenFileError("unknown_packing", f"The body is packed as {coding[:40]!r}.")


def _inflated(data: bytes, window: int, limit: int) -> bytes:
    out = bytearray()
    while True:
        engine = zlib.decompressobj(window)
        out += engine.decompress(data, limit + 1 - len(out))
        if len(out) > limit:
            return bytes(out)
        if not engine.eof:
            raise zlib.error("the body ends in the middle")
        data = engine.unused_data
        if window <= zlib.MAX_WBITS or not data.startswith(GZIP_MAGIC):  # gzip may have several members
            return bytes(out)


def _unbrotlied(data: bytes, limit: int) -> bytes:
    engine, out = brotli.Decompressor(), bytearray()
    for start in range(0, len(data), _FEED):
        out += engine.process(data[start : start + _FEED], output_buffer_limit=limit + 1 - len(out))
        while not engine.can_accept_more_data() and len(out) <= limit:
            out += engine.process(b"", output_buffer_limit=limit + 1 - len(out))
        if len(out) > limit:
            return bytes(out)
    if not engine.is_finished():
        raise brotli.error("the body ends in the middle")
    return bytes(out)


def _unzstd(data: bytes, limit: int) -> bytes:
    engine, out = zstandard.ZstdDecompressor().decompressobj(), bytearray()
    for start in range(0, len(data), _FEED):
        out += engine.decompress(data[start : start + _FEED])
        if engine.eof or len(out) > limit:
            return bytes(out)
    raise zstandard.ZstdError("the body ends in the middle")
