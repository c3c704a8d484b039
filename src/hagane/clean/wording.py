"""Lines that say themselves that they are no text: copyright lines, marked adverts, piles of shop words, broken characters.

A single shop word means nothing (送料 occurs in prose, too); several different ones in one short line are an advert.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from hagane.clean.lines import BROKEN, LineTable, remove_marked
from hagane.clean.page import Page

_COPYRIGHT = re.compile(
    r"^(?:©|\(c\)\s*\d{4}|copyright\b)|all rights reserved|"
    r"無断(?:転載|複製|使用)[^。]{0,12}(?:禁|お断り)",
    re.IGNORECASE,
)
_MARKED = re.compile(
    r"^スポンサー(?:ド)?リンク|"
    r"^[【\[［(（<＜]?\s*(?:PR|AD|広告|スポンサー|Sponsored(?: Links?)?)\s*(?:[】\]］)）>＞:：]|$)",
    re.IGNORECASE,
)
_HEAD_LINES = 3
_PATH = re.compile(r"^[^。<>]{1,40}(?:(?<![-=])\s*(?:>>?|»|＞|≫|›)\s*[^。<>]{1,40}){2,}$")
_TAGS = re.compile(r"^(?:[#＃][^\s#＃、。]{1,20}\s*)+$")
_SHOP = re.compile(
    r"最安値?|激安|格安|送料無料|期間限定|今だけ|お買い?得|お得|大特価|特価|セール|クーポン|ポイント\d*倍|無料(?:見積|査定|相談|体験|登録|ダウンロード)|"
    r"即日|キャンペーン|\d+ ?[%％](?:OFF|オフ|引き)|半額|通販|当店|地域最大|業界最|品ぞろえ|品揃え|"
    r"お申し?込みは|こちらから|今すぐ|口コミ|ランキング|人気No|最大\d+|安い|おすすめ|"
    r"祭り開催|配布中|まとめ買い|在庫あり|訳あり|アウトレット|新品|型落ち|残りわずか|税込"
)


def remove_broken_characters(pages: Sequence[Page]) -> None:
    """Rule `broken_characters`: lines with characters that could not be decoded; the value is how many."""
    table = LineTable.of(pages)
    value = table.counts[BROKEN].astype(np.float64)
    remove_marked(pages, table, value > 0, "broken_characters", value, 0.0)


def remove_notices(pages: Sequence[Page], max_characters: int) -> None:
    """Rule `copyright_line`: copyright notices of at most `max_characters`; the value is the length."""
    _by_pattern(
        pages,
        "copyright_line",
        lambda line: not line.endswith("ます。") and bool(_COPYRIGHT.search(line)),
        max_characters,
    )


def remove_marked_adverts(pages: Sequence[Page], max_characters: int) -> None:
    """Rule `advert_mark`: lines of at most `max_characters` that open with 【PR】, 広告： and the like; the value is the length."""
    _by_pattern(pages, "advert_mark", lambda line: bool(_MARKED.match(line)), max_characters)


def remove_breadcrumbs(pages: Sequence[Page]) -> None:
    """Rule `breadcrumb`: A > B > C in the first lines of a page (further down it is a menu path); the value is the line's place."""
    for page in pages:
        which = [index for index, line in enumerate(page.lines[:_HEAD_LINES]) if _PATH.match(line)]
        page.remove_lines(which, "breadcrumb", which, _HEAD_LINES)


def remove_tag_lines(pages: Sequence[Page], max_characters: int) -> None:
    """Rule `tag_line`: lines of at most `max_characters` that are hash tags; the value is the length."""
    _by_pattern(
        pages,
        "tag_line",
        lambda line: line[:1] in "#＃" and not line.isascii() and bool(_TAGS.match(line)),
        max_characters,
    )


def remove_shop_words(pages: Sequence[Page], min_words: int) -> None:
    """Rule `advert_words`: lines with `min_words` or more different shop words; the value is how many."""
    for page in pages:
        found = [
            (index, len(set(_SHOP.findall(line))))
            for index, line in enumerate(page.lines)
            if not line.isascii() and len(line) < 300
        ]
        hits = [(index, words) for index, words in found if words >= min_words]
        page.remove_lines([index for index, _ in hits], "advert_words", [words for _, words in hits], min_words)


def _by_pattern(pages: Sequence[Page], rule: str, matches: Callable[[str], bool], max_characters: int) -> None:
    for page in pages:
        which = [index for index, line in enumerate(page.lines) if len(line) <= max_characters and matches(line)]
        page.remove_lines(which, rule, [len(page.lines[index]) for index in which], max_characters)
