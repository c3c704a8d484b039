"""Light normalisation of a line: what differs without meaning becomes equal, what carries meaning stays.

Full-width letters and digits become half-width and half-width kana full-width; full-width punctuation stays, for it is how
Japanese is written. Control and zero-width characters go. Blanks between two Japanese characters are left-overs of line wraps and
go. NFKC as a whole would go too far: it turns ① into 1, ㍍ into メートル and 〜 apart. `▁` is sentencepiece's mark for a blank.

Cost: two regular expressions and one `translate` a line.
"""

from __future__ import annotations

import re
import unicodedata

_FULL_WIDTH = {0xFF01 + offset: 0x21 + offset for offset in range(94) if chr(0x21 + offset).isalnum()}
_TABLE: dict[int, int | None] = {
    **_FULL_WIDTH,
    **dict.fromkeys([*range(32), *range(127, 160), 173, *range(8203, 8208), *range(8234, 8239), 8288, 65279]),
    **dict.fromkeys((9, 10, 13, 133, 160, 8194, 8195, 8201, 8239), 32),
    0x2581: 0x5F,
}
_HALF_KANA = re.compile(r"[\uff61-\uff9f]+")
_JAPANESE = (
    r"[\u3001-\u303f\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]"
)
_WRAP = re.compile(rf"(?<={_JAPANESE}) +(?={_JAPANESE})")
# A blank every few characters is no line wrap: it sets the words of a list apart, and later rules need to see it.
_LIST_CHARACTERS = 12
_BLANKS = re.compile(r"(?<=\S) {2,}|\u3000{2,}")


def normalise(line: str) -> str:
    """The line in its normal form, without outer blanks."""
    line = line.translate(_TABLE)
    if not line.isascii():
        line = _HALF_KANA.sub(lambda match: unicodedata.normalize("NFKC", match[0]), line)
        if not unicodedata.is_normalized("NFC", line):
            line = unicodedata.normalize("NFC", line)
        wraps = _WRAP.findall(line)
        if len(wraps) < 3 or "。" in line or len(line) > _LIST_CHARACTERS * len(wraps):
            line = _WRAP.sub("", line)
    return _BLANKS.sub(lambda match: match[0][0], line).strip(" \u3000")
