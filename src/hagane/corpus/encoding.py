"""Bytes to text for Japanese pages: declared charset, then UTF-8, then Shift_JIS and EUC-JP by measure.

A wrong guess between cp932 and EUC-JP often decodes without an error, into half-width kana and rare kanji; so where more
than one encoding fits, the one whose text has the larger share of hiragana, katakana and Japanese punctuation wins. Where none
fits, a page with few broken bytes (at most `MAX_REPLACED_SHARE` of its characters) is read with U+FFFD and the count is kept: the
cleaning removes the lines that hold one. A page with more is not readable text.

Cost: one strict decode for a sound UTF-8 page.
"""

from __future__ import annotations

import codecs
import re

MAX_REPLACED_SHARE = 0.01
"""Undecodable bytes as a share of the page's characters, up to which the page is read."""

_HEAD_BYTES = 4096
_META = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:-]+)""", re.IGNORECASE)
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_JAPANESE = re.compile(r"[\u3041-\u3096\u30a1-\u30fc、。「」]")
# What pages call shift_jis is Microsoft's extension of it nearly always.
_SAME_AS = {"shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932", "x-sjis": "cp932", "windows-31j": "cp932"}


def decode(data: bytes, *, sniff_markup: bool) -> tuple[str, int] | None:
    """Text and the number of characters that became U+FFFD; None where the bytes are not text.

    `sniff_markup`: also believe a charset that the first 4 KiB declare (HTML, XML, roff preambles).
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _strict(data, encoding) or _replaced(data, encoding)
    if b"\x1b$" in data and (found := _strict(data, "iso2022_jp_3")):
        return found
    declared = _declared(data) if sniff_markup else None
    if declared and (found := _strict(data, declared)):
        return found
    if found := _strict(data, "utf-8"):
        return found
    fitting = [found for encoding in ("cp932", "euc_jp") if (found := _strict(data, encoding))]
    if fitting:
        best = max(fitting, key=lambda found: _japanese_share(found[0]))
        if _japanese_share(best[0]) > 0.2:
            return best
    return _replaced(data, declared or "utf-8")


def _declared(data: bytes) -> str | None:
    match = _META.search(data[:_HEAD_BYTES])
    if match is None:
        return None
    name = match[1].decode("ascii").lower()
    try:
        return codecs.lookup(_SAME_AS.get(name, name)).name
    except LookupError:
        return None


def _strict(data: bytes, encoding: str) -> tuple[str, int] | None:
    try:
        text = data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None
    return None if "\0" in text else (text, 0)


def _replaced(data: bytes, encoding: str) -> tuple[str, int] | None:
    text = data.decode(encoding, errors="replace")
    count = text.count("\ufffd")
    if "\0" in text or count > MAX_REPLACED_SHARE * len(text):
        return None
    return text, count


def _japanese_share(text: str) -> float:
    """Kana and Japanese punctuation among all characters that are not ASCII."""
    beyond_ascii = sum(character > "\x7f" for character in text)
    return len(_JAPANESE.findall(text)) / max(beyond_ascii, 1)
