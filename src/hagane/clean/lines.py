"""The lines of many pages as one array of code points, so that a rule measures a batch at once.

Cost: one encoding to UTF-32 and one table look-up a character; each count is a running sum, ~200 MB/s a core together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from hagane.clean.page import Page

HIRAGANA, KATAKANA, KANJI, BLANK, BROKEN = 1, 2, 3, 4, 5

_CLASS = np.zeros(0x110000, np.uint8)
_CLASS[0x3041:0x3097] = HIRAGANA
_CLASS[0x30A1:0x30FB] = _CLASS[0x30FC:0x3100] = KATAKANA
_CLASS[0x3005:0x3008] = _CLASS[0x3400:0x4DC0] = _CLASS[0x4E00:0xA000] = _CLASS[0xF900:0xFB00] = _CLASS[
    0x20000:0x30000
] = KANJI
_CLASS[[0x20, 0x3000]] = BLANK
_CLASS[0xFFFD] = BROKEN


@dataclass(frozen=True)
class LineTable:
    """Lines of several pages, one after another."""

    codepoints: npt.NDArray[np.uint32]
    """[characters]"""
    starts: npt.NDArray[np.int64]
    """[lines + 1]: where each line begins."""
    page_of: npt.NDArray[np.int64]
    """[lines]: index of the page each line belongs to."""
    first_line: npt.NDArray[np.int64]
    """[pages + 1]: number of the first line of each page."""
    counts: npt.NDArray[np.int64]
    """[classes, lines]: characters of each class (row 0: all others)."""

    @classmethod
    def of(cls, pages: Sequence[Page]) -> LineTable:
        """The lines that are left of these pages."""
        lines = [line for page in pages for line in page.lines]
        codepoints = np.frombuffer("".join(lines).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        starts = np.concatenate(([0], np.cumsum([len(line) for line in lines], dtype=np.int64)))
        per_page = np.array([len(page.lines) for page in pages], dtype=np.int64)
        classes = _CLASS[codepoints]
        counts = np.empty((6, len(lines)), np.int64)
        for number in range(6):
            running = np.concatenate(([0], np.cumsum(classes == number, dtype=np.int64)))
            counts[number] = running[starts[1:]] - running[starts[:-1]]
        first_line = np.concatenate(([0], np.cumsum(per_page)))
        return cls(codepoints, starts, np.repeat(np.arange(len(pages)), per_page), first_line, counts)

    @property
    def length(self) -> npt.NDArray[np.int64]:
        """[lines]: characters without blanks."""
        return np.asarray(self.counts.sum(axis=0) - self.counts[BLANK])

    @property
    def japanese(self) -> npt.NDArray[np.int64]:
        """[lines]: kana and kanji."""
        return np.asarray(self.counts[HIRAGANA] + self.counts[KATAKANA] + self.counts[KANJI])

    def per_page(self, values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """[pages]: a line figure summed over each page."""
        return np.bincount(self.page_of, weights=values, minlength=len(self.first_line) - 1).astype(np.int64)


def remove_marked(
    pages: Sequence[Page],
    table: LineTable,
    removed: npt.NDArray[np.bool_],
    rule: str,
    values: npt.NDArray[np.float64],
    threshold: float,
) -> None:
    """Take the marked lines out of their pages, each with its value."""
    lines = np.flatnonzero(removed)
    cuts = np.searchsorted(lines, table.first_line)
    for page, (begin, end), first in zip(pages, pairwise(cuts), table.first_line[:-1], strict=True):
        if begin < end:
            which = lines[begin:end]
            page.remove_lines((which - first).tolist(), rule, np.round(values[which], 4).tolist(), threshold)
