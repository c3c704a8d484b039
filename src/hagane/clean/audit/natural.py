"""Clean text to put noise into and to measure losses on: pieces of whole documents, about as long as a page.

A piece ends at the end of a line and never inside a fence of code. Documents are chosen by the hash of their id, so that a sample
stands for the whole file; of one document only the first pieces are taken, so that no long work fills it.

Cost: one reading of the file; memory: the sample.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator

import xxhash

from hagane.corpus.builtin import builtin_pages
from hagane.corpus.document import RawDocument
from hagane.corpus.read import read_raw
from hagane.errors import DataError

BUILTIN = "builtin"
PIECES = 6
"""Pieces of one document at most."""
_FENCES = ("```", "~~~")
_JAPANESE, _HIRAGANA = re.compile(r"[\u3041-\u30ff\u3400-\u9fff]"), re.compile(r"[\u3041-\u3096]")
_JAPANESE_SHARE = 0.3


def read_pieces(source: str, characters: int, length: int) -> list[str]:
    """About `characters` of a source (as `read_raw` takes it) in pieces of about `length`; `builtin` means its gold text.

    Raises `DataError` where there is none.
    """
    chosen: list[tuple[int, str, list[str]]] = []
    total = 0
    for identity, text in _documents(source):
        cut = pieces(text, length)[:PIECES]
        if cut:
            heapq.heappush(chosen, (-xxhash.xxh3_64_intdigest(identity.encode()), identity, cut))
            total += sum(map(len, cut))
        while chosen and total - sum(map(len, chosen[0][2])) >= characters:
            total -= sum(map(len, heapq.heappop(chosen)[2]))
    if not chosen:
        raise DataError("There is no text here.", where=source, fix="Give JSON lines with a column `text`.")
    return [piece for _, _, cut in sorted(chosen, reverse=True) for piece in cut]


def pieces(text: str, length: int) -> list[str]:
    """The lines of a text in pieces of `length` characters and at most a line or a block of code more.

    A rest of less than half goes, unless it is all there is.
    """
    found: list[str] = []
    lines: list[str] = []
    size, fenced = 0, False
    for line in text.splitlines():
        fenced ^= line.lstrip().startswith(_FENCES)
        lines.append(line)
        size += len(line)
        if size >= length and not fenced:
            found.append("\n".join(lines).strip("\n"))
            lines, size = [], 0
    if size >= length // 2 or not found:
        found.append("\n".join(lines).strip("\n"))
    return found


def prose(text: str) -> str:
    """The lines of prose of a text: those outside of code blocks that read as Japanese."""
    kept, fenced = [], False
    for line in text.splitlines():
        if line.lstrip().startswith(_FENCES):
            fenced = not fenced
        elif not fenced and is_prose(line):
            kept.append(line)
    return "\n".join(kept)


def is_prose(line: str) -> bool:
    """Whether a line reads as Japanese: three characters in ten are kana or kanji, and some are hiragana."""
    return len(_JAPANESE.findall(line)) >= _JAPANESE_SHARE * len(line) and bool(_HIRAGANA.search(line))


def _documents(source: str) -> Iterator[tuple[str, str]]:
    if source == BUILTIN:
        yield from ((page.name, page.gold) for page in builtin_pages() if page.gold.strip())
    else:
        yield from ((raw.id, raw.content) for raw in read_raw([source]) if isinstance(raw, RawDocument))
