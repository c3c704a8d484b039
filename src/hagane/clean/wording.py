"""Lines that say themselves that they are no text: copyright lines, marked adverts, bread crumbs, tags.

Cost: a cheap look for what every such line has, in all lines at once, and regular expressions on those that have it; ~1 ns a byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import numpy.typing as npt

from hagane.clean.lines import BROKEN, LineTable

_Values = npt.NDArray[np.float64]

_COPYRIGHT = re.compile(
    r"^(?:©|\(c\)\s*\d{4}|copyright\b)|all rights reserved|"
    r"無断(?:転載|複製|使用)[^。]{0,12}(?:禁|お断り)",
    re.IGNORECASE,
)
_HINTS = ("©", "(c)", "(C)", "opyright", "OPYRIGHT", "ights reserved", "ights Reserved", "IGHTS RESERVED", "無断")
"""One of these every copyright notice holds; they are sought in all lines at once."""
_MARKED = re.compile(
    r"^スポンサー(?:ド)?リンク|"
    r"^[【\[［(（<＜]?\s*(?:PR|AD|広告|スポンサー|Sponsored(?: Links?)?)\s*(?:[】\]］)）>＞:：]|$)",
    re.IGNORECASE,
)
_PATH = re.compile(r"^[^。<>]{1,40}(?:(?<![-=])\s*(?:>>?|»|＞|≫|›)\s*[^。<>]{1,40}){2,}$")
_TAGS = re.compile(r"^(?:[#＃][^\s#＃、。]{1,20}\s*)+$")
_HEAD_LINES = 10
_LONGEST_NOTICE = 300


def measure_broken_characters(table: LineTable) -> _Values:
    """Characters of each line that could not be decoded."""
    return np.asarray(table.counts[BROKEN], np.float64)


def measure_copyright_line(table: LineTable) -> _Values:
    """Length of each copyright notice; NaN for other lines."""
    text = "".join(table.texts)
    hints = [place for hint in _HINTS for place in _places(text, hint)]
    lines = np.unique(np.searchsorted(table.starts, hints, "right") - 1).tolist()
    return _length_where(table, lines, lambda line: not line.endswith("ます。") and bool(_COPYRIGHT.search(line)))


def measure_advert_mark(table: LineTable) -> _Values:
    """Length of each line that opens with 【PR】, 広告： and the like; NaN for other lines."""
    return _length_where(table, _opening_with(table, "スS【[［(（<＜PA広"), lambda line: bool(_MARKED.match(line)))


def measure_tag_line(table: LineTable) -> _Values:
    """Length of each line that is hash tags; NaN for other lines."""
    return _length_where(
        table, _opening_with(table, "#＃"), lambda line: not line.isascii() and bool(_TAGS.match(line))
    )


def measure_breadcrumb(table: LineTable) -> _Values:
    """Place from 0 of each line like A > B > C among its page's first ten (further down it is a menu path); else NaN."""
    values = np.full(len(table.texts), np.nan)
    place = np.arange(len(table.texts)) - table.first_line[table.page_of]
    for line in np.flatnonzero(place < _HEAD_LINES).tolist():
        if _PATH.match(table.texts[line]):
            values[line] = place[line]
    return values


def _places(text: str, word: str) -> Iterator[int]:
    place = text.find(word)
    while place >= 0:
        yield place
        place = text.find(word, place + 1)


def _opening_with(table: LineTable, characters: str) -> list[int]:
    """Lines whose first character is one of these, in either case."""
    wanted = np.array([ord(character) for character in characters + characters.lower()], np.uint32)
    return np.flatnonzero(np.isin(table.codepoints[table.starts[:-1]], wanted)).tolist()


def _length_where(table: LineTable, lines: Iterable[int], matches: Callable[[str], bool]) -> _Values:
    values = np.full(len(table.texts), np.nan)
    for line in lines:
        text = table.texts[line]
        if len(text) <= _LONGEST_NOTICE and matches(text):
            values[line] = len(text)
    return values
