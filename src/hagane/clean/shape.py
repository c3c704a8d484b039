"""What a line looks like, in numbers that need no word list: scripts, ends, separators, noun runs, nouns that come again.

Japanese prose binds its nouns with hiragana and ends in a predicate; adverts and menus do neither. The rules `advert` and `menu`
weigh these numbers, of a line and of the mean of its neighbours, for a line alone says little and a block says much.

Cost: 10 ns a byte with the words, measured on 3 MB of literature and manuals.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from hagane.clean.evidence import word_evidence
from hagane.clean.lines import LineTable
from hagane.clean.page import Role

_KINDS = (
    OTHER, HIRAGANA, PARTICLE, KATAKANA, KANJI, NUMERAL, LATIN, DIGIT, BLANK, SEPARATOR, COMMA, STOP, QUOTE, MARK, MONEY, OPEN,
) = range(16)  # fmt: skip
_KIND = np.zeros(0x110000, np.uint8)
_KIND[0x3041:0x3097] = HIRAGANA
_KIND[0x30A1:0x30FB] = _KIND[0x30FC:0x3100] = KATAKANA
for _first, _last in ((0x3005, 0x3008), (0x3400, 0x4DC0), (0x4E00, 0xA000), (0xF900, 0xFB00), (0x20000, 0x30000)):
    _KIND[_first:_last] = KANJI
for _kind, _characters in (
    (PARTICLE, "はをが"),
    (NUMERAL, "一二三四五六七八九十百千〇"),
    (LATIN, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    (DIGIT, "0123456789"),
    (BLANK, " \u3000"),
    (SEPARATOR, "|｜>»＞≫/／・«＜‹›→#＃"),
    (COMMA, "、，,"),
    (STOP, "。？…"),
    (QUOTE, "「『」』"),
    (MARK, "!！★☆♪♥◆■●◎▼▲【】※◇□○✓＼"),
    (MONEY, "円¥￥%％"),
    (OPEN, "(（[［"),
):
    _KIND[[ord(_character) for _character in _characters]] = _kind
_NOUN = np.isin(np.arange(16), (KATAKANA, KANJI, NUMERAL, LATIN))
_JAPANESE = np.isin(np.arange(16), (HIRAGANA, PARTICLE, KATAKANA, KANJI, NUMERAL))
_MARKDOWN = np.array([ord(character) for character in "-*+#|`:<"], np.uint32)

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)

NEAR = 200
"""Characters within which a noun must come again to count as repeated."""
AROUND = 3
"""Lines before and after that are a line's neighbours."""

SURE = 6.0
"""Log-odds beyond which no line is believed by itself."""

Features = dict[str, npt.NDArray[np.float64]]


def line_features(table: LineTable) -> Features:
    """Named numbers, [lines] each, most of them between 0 and 2; `near_` is the mean of a line's neighbours on its page."""
    count = len(table.texts)
    if not count:
        return defaultdict(lambda: np.zeros(0))
    begins, ends = table.starts[:-1], table.starts[1:]
    kinds = _KIND[table.codepoints]
    line_of = np.repeat(np.arange(count), np.diff(table.starts))
    counts = np.bincount(line_of * 16 + kinds, minlength=16 * count).reshape(count, 16).T.astype(np.float64)
    before = np.concatenate((kinds[:1], kinds[:-1]))
    before[begins] = OTHER
    after = np.concatenate((kinds[1:], kinds[:1]))
    after[ends - 1] = OTHER

    def how_many(flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        return np.bincount(line_of[flags], minlength=count)

    length = np.maximum(ends - begins - counts[BLANK], 1)
    first, last = table.codepoints[begins], kinds[ends - 1]
    japanese = counts[_JAPANESE].sum(axis=0)
    hiragana = (counts[HIRAGANA] + counts[PARTICLE]) / length
    stop = (counts[STOP] > 0).astype(np.float64)
    separators = how_many((kinds == BLANK) & _JAPANESE[before]) + counts[SEPARATOR] + counts[COMMA]
    year_or_month = (table.codepoints == ord("年")) | (table.codepoints == ord("月"))
    markdown = np.isin(first, _MARKDOWN)
    few_hiragana = np.maximum(0, 1 - hiragana / 0.3) * (1 - stop)
    repeated, burst = _repeated(table, kinds, line_of)
    shop, shop_words, menu = word_evidence(table)
    shop_share = np.minimum(6 * shop / length, 2)
    features = {
        "hiragana": hiragana,
        "particles": np.minimum(counts[PARTICLE], 3) / 3,
        "katakana": counts[KATAKANA] / length,
        "latin": counts[LATIN] / length,
        "digits": counts[DIGIT] / length,
        "short": np.maximum(0, 1 - length / 20),
        "length": np.log1p(length) / 3,
        "long": np.minimum(length / 100, 2),
        "stop": stop,
        "end_stop": (last == STOP).astype(np.float64),
        "end_hiragana": ((last == HIRAGANA) | (last == PARTICLE)).astype(np.float64),
        "separated": np.minimum(4 * separators / length, 1.5),
        "commas": np.minimum(8 * counts[COMMA] / length, 1),
        "bars": np.minimum(counts[SEPARATOR], 8) / 4 * few_hiragana * ~markdown,
        "list": np.clip(separators - 3, 0, 12) / 6 * few_hiragana * (japanese > 0.6 * length),
        "pieces": np.maximum(0, 1 - length / (separators + 1) / 12) * (separators >= 2) * few_hiragana,
        "marks": np.minimum(8 * counts[MARK] / length, 1.5),
        "prices": np.minimum(how_many((kinds == MONEY) & ((before == DIGIT) | (after == DIGIT))), 2.0),
        "counters": np.minimum(8 * how_many((kinds == OPEN) & (after == DIGIT)) / length, 1),
        "dates": np.minimum(how_many(year_or_month & (before == DIGIT)), 2.0),
        "repeated": repeated,
        "repeated_shop": repeated * shop_share,
        "burst": burst,
        "shop": np.minimum(shop, 9) / 3,
        "shop_share": shop_share,
        "shop_words": np.minimum(shop_words, 4) / 2,
        "menu": np.minimum(menu, 6) / 3,
        "menu_share": np.minimum(4 * menu / length, 2),
        "number": ((counts[NUMERAL] + counts[DIGIT] >= length - 1) & (length < 6)).astype(np.float64),
        "article": (first == ord("第")).astype(np.float64),
        "markdown": markdown.astype(np.float64),
        "foreign": (japanese == 0).astype(np.float64),
    }
    for name in ("hiragana", "stop", "length", "shop", "prices", "menu", "number", "markdown"):
        features["near_" + name] = _neighbours(table, features[name])
    features["near_shop_own"] = features["near_shop"] * (shop > 0)
    features["near_shop_repeated"] = features["near_shop"] * repeated
    return features


def log_odds(table: LineTable, features: Features, weights: Mapping[str, float]) -> npt.NDArray[np.float64]:
    """[lines]: the bias plus the weighted features, at most `SURE` either way; NaN for headings and code."""
    total = np.full(len(table.texts), weights["bias"])
    for name, weight in weights.items():
        if name != "bias":
            total += weight * features[name]
    return np.where(table.roles == Role.TEXT, np.clip(total, -SURE, SURE), np.nan)


def _repeated(
    table: LineTable, kinds: npt.NDArray[np.uint8], line_of: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """[lines] each: share of a line's nouns that come again within `NEAR` characters on the page, and in the line itself.

    A noun is a run of one script, of two characters or more. Two runs count as one word if their lengths, their first two and
    their last two characters agree. Sorting hashes that carry the place in their lower half brings equal words together in order.
    """
    count = len(table.texts)
    edge = np.ones(len(kinds) + 1, bool)
    edge[1:-1] = kinds[1:] != kinds[:-1]
    edge[table.starts] = True
    edges = np.flatnonzero(edge)
    nouns = _NOUN[kinds[edges[:-1]]] & (np.diff(edges) >= 2)
    start, end = edges[:-1][nouns], edges[1:][nouns]
    key = (end - start).astype(np.uint64)
    for place in (start, start + 1, end - 2, end - 1):
        key = (key + table.codepoints[place]) * _MULTIPLIER
        key ^= key >> np.uint64(29)
    key = key << np.uint64(32) | np.arange(len(key), dtype=np.uint64)
    key.sort()
    same = key[1:] >> np.uint64(32) == key[:-1] >> np.uint64(32)
    index = (key & np.uint64(0xFFFFFFFF)).astype(np.int64)
    left, right = index[:-1][same], index[1:][same]
    lines = line_of[start]
    page = table.page_of[lines]
    near = (start[right] - start[left] <= NEAR) & (page[left] == page[right])
    again = np.zeros(len(key), bool)
    again[left[near]] = again[right[near]] = True
    within = np.bincount(lines[right][lines[left] == lines[right]], minlength=count)
    runs = np.bincount(lines, minlength=count)
    every = np.maximum(runs, 1)
    return np.bincount(lines[again], minlength=count) / every, np.where(runs > 3, within / every, 0)


def _neighbours(table: LineTable, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """[lines]: mean over the `AROUND` lines before and after on the page, without the line itself; 0 where there are none."""
    line = np.arange(len(values))
    low = np.maximum(line - AROUND, table.first_line[table.page_of])
    high = np.minimum(line + AROUND + 1, table.first_line[table.page_of + 1])
    running = np.concatenate(([0], np.cumsum(values)))
    return np.asarray((running[high] - running[low] - values) / np.maximum(high - low - 1, 1))
