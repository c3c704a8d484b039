"""Words for made-up noise, in two halves that share nothing: rules are tuned on one, the gate reads the other.

Nouns come from the clean text itself, as runs of one script: a run of katakana, or of two and more kanji, is a noun nearly always,
so no morphology is needed. A word belongs to a half by its hash, a phrase of our own lists by its place in the list.

Cost: one regular expression over the text, ~40 ns a byte.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import xxhash

from hagane.errors import DataError

Item = TypeVar("Item")

_KANJI, _KATAKANA = "\u4e00-\u9fff々", "\u30a1-\u30faー"
_NUMERAL = "一二三四五六七八九十百千万何数毎"


def noun_pattern(longest_kanji: int, longest_katakana: int) -> re.Pattern[str]:
    """Whole runs of one script; no kanji that are counted (三段目) or inflected (見上げる: no particle follows)."""
    return re.compile(
        f"(?<![{_KANJI}])(?![{_NUMERAL}])[{_KANJI}]{{2,{longest_kanji}}}(?=[のをにがはでともやへかなさしすせだ]|[^{_KANJI}ぁ-ん])"
        f"|(?<![{_KATAKANA}])[{_KATAKANA}]{{3,{longest_katakana}}}(?![{_KATAKANA}])"
    )


_RUN = noun_pattern(4, 8)
_NOUNS = 4_000
"""Nouns of one script that are kept, the frequent ones first."""
_FEWEST = 20


def listed(words: str) -> tuple[str, ...]:
    """The words of a list that is written as text, blanks between."""
    return tuple(words.split())


PRODUCTS = listed(
    """
    羽毛布団 スニーカー 化粧水 ワンピース 腕時計 シャンプー 掃除機 炊飯器 サプリメント ソファ カーテン マットレス
    イヤホン 充電器 財布 指輪 ネックレス ブーツ 加湿器 毛布 青汁 枕 冷蔵庫 水素水 ダイエット茶 脱毛器 美容液
    コンタクトレンズ 引越し 車買取 自転車 プロテイン 日傘 ランドセル 電動歯ブラシ 育毛剤 ドライヤー 真珠
    スーツケース 低反発クッション 浄水器 ゴルフクラブ カニ 黒毛和牛 おせち 胡蝶蘭 ウォーターサーバー 光回線 婚約指輪
    着物 中古車 タイヤ 釣り竿 ペットフード 観葉植物 防犯カメラ
    """
)
PLACES = listed(
    """
    札幌 仙台 新宿 渋谷 池袋 横浜 川崎 大宮 千葉 名古屋 京都 梅田 難波 神戸 岡山 広島 高松 松山 博多 熊本 鹿児島
    那覇 金沢 新潟 静岡 浜松 長野 宇都宮 前橋 水戸 盛岡 秋田
    """
)
PEOPLE = listed(
    """
    佐藤 鈴木 高橋 田中 渡辺 伊藤 山本 中村 小林 加藤 吉田 山田 佐々木 松本 井上 木村 斎藤 清水 山崎 池田
    """
)


def is_katakana(word: str) -> bool:
    """Whether a noun is written in katakana; the others are kanji."""
    return word[0] < "\u3100"


@dataclass(frozen=True)
class Vocabulary:
    """The words of one half."""

    heldout: bool
    katakana: tuple[str, ...]
    kanji: tuple[str, ...]

    @classmethod
    def of(cls, texts: Iterable[str], *, heldout: bool) -> Vocabulary:
        """The nouns of these texts that belong to the half. Raises `DataError` where there are too few to swap."""
        counts = Counter(word for text in texts for word in _RUN.findall(text))
        mine = [
            word
            for word, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
            if xxhash.xxh3_64_intdigest(word.encode()) % 2 == heldout
        ]
        katakana = tuple(word for word in mine if is_katakana(word))[:_NOUNS]
        kanji = tuple(word for word in mine if not is_katakana(word))[:_NOUNS]
        if min(len(katakana), len(kanji)) < _FEWEST:
            raise DataError(
                f"{len(katakana)} nouns in katakana and {len(kanji)} in kanji are too few to make noise of.",
                where="the clean text",
                fix="Give more Japanese text.",
            )
        return cls(heldout, katakana, kanji)

    @property
    def nouns(self) -> tuple[str, ...]:
        """All nouns."""
        return self.katakana + self.kanji

    def half(self, items: Sequence[Item]) -> Sequence[Item]:
        """Those of a list of our own that belong to this half: every second."""
        return items[self.heldout :: 2]
