"""Lines that say themselves that they are no text: copyright lines, marked adverts, bread crumbs, tags, piles of shop words.

A single shop word means nothing (送料 occurs in prose, too); several different ones in one short line are an advert.

Cost: a cheap test of the whole line before each regular expression; ~10 ns a byte together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from hagane.clean.lines import BROKEN, LineTable

_Values = npt.NDArray[np.float64]

_COPYRIGHT = re.compile(
    r"^(?:©|\(c\)\s*\d{4}|copyright\b)|all rights reserved|"
    r"無断(?:転載|複製|使用)[^。]{0,12}(?:禁|お断り)",
    re.IGNORECASE,
)
_HINT = re.compile(r"©|\([cC]\)|[cC]opyright|COPYRIGHT|[rR]ights [rR]eserved|RIGHTS RESERVED|無断")
"""What every copyright notice holds; sought in all lines at once."""
_MARKED = re.compile(
    r"^スポンサー(?:ド)?リンク|"
    r"^[【\[［(（<＜]?\s*(?:PR|AD|広告|スポンサー|Sponsored(?: Links?)?)\s*(?:[】\]］)）>＞:：]|$)",
    re.IGNORECASE,
)
_PATH = re.compile(r"^[^。<>]{1,40}(?:(?<![-=])\s*(?:>>?|»|＞|≫|›)\s*[^。<>]{1,40}){2,}$")
_TAGS = re.compile(r"^(?:[#＃][^\s#＃、。]{1,20}\s*)+$")
_SHOP = re.compile(
    r"最安値?|激安|格安|送料無料|期間限定|今だけ|お買い?得|お得|大特価|特価|セール|クーポン|ポイント\d*倍|無料(?:見積|査定|相談|体験|登録|ダウンロード)|"
    r"即日|キャンペーン|\d+ ?[%％](?:OFF|オフ|引き)|半額|通販|当店|地域最大|業界最|品ぞろえ|品揃え|"
    r"お申し?込みは|こちらから|今すぐ|口コミ|ランキング|人気No|最大\d+|安い|おすすめ|"
    r"祭り開催|配布中|まとめ買い|在庫あり|訳あり|アウトレット|新品|型落ち|残りわずか|税込"
)
_HEAD_LINES = 10
_LONGEST_NOTICE, _LONGEST_ADVERT = 300, 300


def measure_broken_characters(table: LineTable) -> _Values:
    """Characters of each line that could not be decoded."""
    return np.asarray(table.counts[BROKEN], np.float64)


def measure_copyright_line(table: LineTable) -> _Values:
    """Length of each copyright notice; NaN for other lines."""
    hints = [hint.start() for hint in _HINT.finditer("".join(table.texts))]
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


def measure_advert_words(table: LineTable) -> _Values:
    """How many different shop words each line of under 300 characters has; NaN where none."""
    values = np.full(len(table.texts), np.nan)
    for line, text in enumerate(table.texts):
        if len(text) < _LONGEST_ADVERT and not text.isascii() and (words := _SHOP.findall(text)):
            values[line] = len(set(words))
    return values


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
