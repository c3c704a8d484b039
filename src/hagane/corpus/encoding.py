"""Bytes to text for Japanese pages: every encoding that may be meant is tried, and the text that reads most like Japanese wins.

Labels lie, and a wrong guess between cp932 and EUC-JP often decodes without an error, into half-width kana and rare kanji. So a
reading is scored: kana and Japanese punctuation count 1, the 2,965 kanji of JIS level 1 half, half-width kana, private-use
characters and C1 controls less than nothing, U+FFFD far less. A label adds a little, so that it decides where the scores do not:
that of the HTTP header more than the page's own (WHATWG Encoding and HTML standards, "encoding sniffing"). Sound UTF-8 that is
labelled so, or not labelled, is believed at once.

Where nothing fits, a page with few broken bytes (at most `MAX_REPLACED_SHARE` of its characters) is read with U+FFFD and the count
is kept: the cleaning removes the lines that hold one. A few NULs are taken out and counted likewise. A page with more of either
is not readable text.

Cost: one strict decode for a sound UTF-8 page; for others two or three decodes and a table look-up a character.
"""

from __future__ import annotations

import codecs
import re

import numpy as np
import numpy.typing as npt

from hagane.corpus.codepoints import codepoints_of

MAX_REPLACED_SHARE = 0.01
"""Undecodable bytes and NULs as a share of the page's characters, up to which the page is read."""

Decoded = tuple[str, int]

_HEAD_BYTES = 4096
_META = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:-]+)""", re.IGNORECASE)
# The mark of UTF-32 begins with that of UTF-16, so it comes first.
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What a label means on the web is Microsoft's extension of it nearly always.
_MEANT = {
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis", "x-sjis", "windows-31j", "ms_kanji"), "cp932"),
    **dict.fromkeys(("x-euc-jp", "cp51932", "eucjp-ms"), "euc_jp"),
    **dict.fromkeys(("iso-8859-1", "latin-1", "latin1", "us-ascii", "ascii"), "cp1252"),
    **dict.fromkeys(("gb2312", "gbk"), "gb18030"),
    **dict.fromkeys(("euc-kr", "ks_c_5601-1987"), "cp949"),
}
_ESCAPED = "iso2022_jp"
# Python's strict EUC-JP lacks the characters of NEC's row 13 (①, ㈱) that pages use; JIS X 0213 has them in their places.
_WIDER = {"euc_jp": ("euc_jp", "euc_jis_2004")}
_ESCAPE = re.compile(rb"\x1b(\$\([A-Z]|\$[@A-Z]|\([A-Z])")
_HIGH = bytes(byte | 0x80 if 0x21 <= byte <= 0x7E else byte for byte in range(256))
_SCORED_AT_ONCE = 1 << 20  # characters: a large page must not take four bytes a character at once
_LABEL_BONUS, _UTF8_BONUS, _READABLE = 0.05, 0.15, 0.2


def decode(data: bytes, *, sniff_markup: bool, charset: str = "") -> Decoded | None:
    """Text and the number of characters that were no text (became U+FFFD, or NULs taken out); None where the bytes are not text.

    `sniff_markup`: also believe a charset that the first 4 KiB declare (HTML, XML, roff preambles). `charset`: what the HTTP header
    declares, "" for none.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            data = data[len(mark) :]
            return _strict(data, encoding) or readable(*_replaced(data, encoding))
    labels = [_codec(charset.strip("\"' ")), _declared(data) if sniff_markup else None]
    declared = list(dict.fromkeys(name for name in labels if name))
    escaped = b"\x1b$" in data
    sound = _strict(data, "utf-8")
    if sound and not escaped and (declared in ([], ["utf-8"]) or sound[0].isascii()):
        return sound
    wide = ["utf-16-le", "utf-16-be"] if data.count(0) > MAX_REPLACED_SHARE * len(data) else []
    guesses = [*([_ESCAPED] if escaped else []), "utf-8", "cp932", "euc_jp", *wide]
    names = list(dict.fromkeys([*declared, *guesses]))
    bonus = {name: _LABEL_BONUS / (rank + 1) for rank, name in enumerate(declared)}
    readings = [(name, found) for name in names if (found := _strict(data, name))]
    bonus["utf-8"] = bonus.get("utf-8", 0) + (_UTF8_BONUS if sound else 0)
    best = _best(readings, bonus)
    if best is None or _score(best[1][0]) < _READABLE:
        best = _best([*readings, *((name, _replaced(data, name)) for name in names)], bonus)
    if best is None or (best[0] not in bonus and _score(best[1][0]) < _READABLE):
        return None
    return readable(*best[1])


def _best(readings: list[tuple[str, Decoded]], bonus: dict[str, float]) -> tuple[str, Decoded] | None:
    return max(readings, key=lambda reading: _score(reading[1][0]) + bonus.get(reading[0], 0), default=None)


def _declared(data: bytes) -> str | None:
    match = _META.search(data[:_HEAD_BYTES])
    name = _codec(match[1].decode("ascii")) if match else None
    # Bytes in which "charset" can be read are not UTF-16, whatever it says.
    return "utf-8" if name and name.startswith(("utf-16", "utf-32")) else name


def _codec(label: str) -> str | None:
    """Python's name of a charset; None for what is no charset (or a codec that makes no text)."""
    try:
        info = codecs.lookup(_MEANT.get(label.lower(), label))
        return info.name if label and "text".encode("ascii").decode(info.name) else None
    except (LookupError, ValueError, AssertionError):
        return None


def _strict(data: bytes, encoding: str) -> Decoded | None:
    """The text if every byte is sound and few are NUL."""
    for name in _WIDER.get(encoding, (encoding,)):
        try:
            text = _unescaped(data, "strict") if name == _ESCAPED else data.decode(name)
        except UnicodeError:
            continue
        return readable(text)
    return None


def _replaced(data: bytes, encoding: str) -> Decoded:
    name = _WIDER.get(encoding, (encoding,))[-1]
    text = _unescaped(data, "replace") if name == _ESCAPED else data.decode(name, errors="replace")
    return text, text.count("\ufffd")


def _unescaped(data: bytes, errors: str) -> str:
    """ISO-2022-JP, by way of EUC-JP: Python's own codecs lack NEC's row 13 here too, and stop at the first broken escape."""
    parts = _ESCAPE.split(data)
    out = [parts[0]]
    for mode, piece in zip(parts[1::2], parts[2::2], strict=True):
        if mode in (b"$@", b"$B", b"$(O", b"$(Q", b"$(P"):
            out.append(piece.translate(_HIGH))
        elif mode == b"(I":
            out.append(
                b"".join(bytes((0x8E, byte | 0x80)) if 0x21 <= byte <= 0x5F else bytes((byte,)) for byte in piece)
            )
        else:
            out.append(piece)
    return b"".join(out).decode("euc_jis_2004", errors=errors)


def readable(text: str, count: int = 0) -> Decoded | None:
    """The text without its NULs, which are added to `count`; None where there is too much that is no text."""
    nuls = text.count("\0")
    if count + nuls > MAX_REPLACED_SHARE * len(text):
        return None
    return text.replace("\0", ""), count + nuls


def _weights() -> npt.NDArray[np.float32]:
    table = np.zeros(0x10000, np.float32)
    level_1 = bytes(byte for row in range(0xB0, 0xD0) for cell in range(0xA1, 0xFF) for byte in (row, cell))
    table[[ord(character) for character in level_1.decode("euc_jp", errors="ignore")]] = 0.5
    table[0x3001:0x3100] = 1
    table[0xFF01:0xFF60] = 0.5
    table[0xFF61:0xFFA0] = -0.3
    table[0xE000:0xF900] = -1
    table[0x80:0xA0] = -1
    table[0xFFFD] = -10
    return table


_WEIGHTS = _weights()


def _score(text: str) -> float:
    """How much the characters beyond ASCII look like Japanese, on average; where there are none, just enough to be text."""
    if "\x1b$" in text:
        return 0.0  # escapes of ISO-2022-JP that were not obeyed
    total, count = 0.0, 0
    for start in range(0, len(text), _SCORED_AT_ONCE):
        piece = text[start : start + _SCORED_AT_ONCE]
        points = codepoints_of(piece)
        points = np.minimum(points[points > 0x7F], 0xFFFF)
        total, count = total + float(_WEIGHTS[points].sum()), count + len(points)
    return total / count if count else _READABLE
