"""Light normalisation of lines: what differs without meaning becomes equal, what carries meaning stays.

Full-width letters and digits become half-width and half-width kana full-width; full-width punctuation stays, for it is how
Japanese is written. Control and zero-width characters go. Blanks between two Japanese characters are left-overs of line wraps and
go. NFKC as a whole would go too far: it turns ① into 1, ㍍ into メートル and 〜 apart. `▁` is sentencepiece's mark for a blank.

Cost: characters are mapped a page at a time by one table look-up; a regular expression runs over the page once, and over a
line only where that found something. ~15 ns a character.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate

import numpy as np

from hagane.corpus.codepoints import codepoints_of

_GONE = 0x110000
_MAP = np.arange(0x110000, dtype=np.uint32)
_MAP[[*range(10), *range(11, 32), *range(127, 160), 173, *range(8203, 8208), *range(8234, 8239), 8288, 65279]] = _GONE
_MAP[[9, 13, 133, 160, 8194, 8195, 8201, 8239]] = 32
for _offset in range(94):
    if chr(0x21 + _offset).isalnum():
        _MAP[0xFF01 + _offset] = 0x21 + _offset
_MAP[0x2581] = 0x5F
_HALF_KANA = re.compile(r"[\uff61-\uff9f]+")
_JAPANESE = (
    r"[\u3001-\u303f\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]"
)
_WRAP = re.compile(rf"(?<={_JAPANESE}) +(?={_JAPANESE})")
# A blank every few characters is no line wrap: it sets the words of a list apart, and later rules need to see it.
_LIST_CHARACTERS = 12
_BLANKS = re.compile(r"(?<=\S) {2,}|\u3000{2,}")


def normalise(lines: Iterable[str]) -> list[str]:
    """The lines of a page in their normal form, without outer blanks, in their order; some may be empty."""
    lines = list(lines)
    if not lines:
        return []
    text = "\n".join(lines)
    if text.count("\n") >= len(lines):  # a line must not become two
        text = "\n".join(line.replace("\n", " ") for line in lines)
    codepoints = codepoints_of(text)
    mapped = _MAP[codepoints]
    if not np.array_equal(mapped, codepoints):
        text = mapped[mapped != _GONE].tobytes().decode("utf-32-le", "surrogatepass")
    if not text.isascii():
        if _HALF_KANA.search(text):
            text = _HALF_KANA.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
        if not unicodedata.is_normalized("NFC", text):
            text = unicodedata.normalize("NFC", text)
    normal = text.split("\n")
    if wraps := [match.start() for match in _WRAP.finditer(text)]:
        ends = list(accumulate(len(line) + 1 for line in normal))
        for line in {bisect_right(ends, wrap) for wrap in wraps}:
            normal[line] = _unwrapped(normal[line])
    if "  " in text or "\u3000\u3000" in text:
        several = [number for number, line in enumerate(normal) if "  " in line or "\u3000\u3000" in line]
        for number in several:
            normal[number] = _BLANKS.sub(lambda match: match[0][0], normal[number])
    return [line.strip(" \u3000") for line in normal]


def _unwrapped(line: str) -> str:
    wraps = _WRAP.findall(line)
    if len(wraps) >= 3 and "。" not in line and len(line) <= _LIST_CHARACTERS * len(wraps):
        return line
    return _WRAP.sub("", line)
