"""Polite (です・ます) and plain (である) style, one into the other.

Only endings whose counterpart is certain without a dictionary are used: 「できる」 and 「できます」 always pair, but 「示します」
is 「示す」 and 「表示します」 is 「表示する」, so 「します」 counts only behind a noun of two letters or more or 「を」.
"""

from __future__ import annotations

import random
import re

from hagane.instruct.family import Family, Item
from hagane.instruct.material import Material

_NOUN_OR_OBJECT = re.compile(r"(?:[ァ-ヺー々一-鿿]{2}|を)$")
_NOUN = re.compile(r"[ァ-ヺー々一-鿿]$")
_ANY = re.compile(r"")

ENDINGS: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    ("ではない。", "ではありません。", _ANY),
    ("できない。", "できません。", _ANY),
    ("ていない。", "ていません。", _ANY),
    ("ならない。", "なりません。", _ANY),
    ("れない。", "れません。", _ANY),
    ("しない。", "しません。", _NOUN_OR_OBJECT),
    ("ている。", "ています。", _ANY),
    ("できる。", "できます。", _ANY),
    ("である。", "です。", _NOUN),
    ("のだ。", "のです。", _ANY),
    ("なった。", "なりました。", _ANY),
    ("なる。", "なります。", _ANY),
    ("ある。", "あります。", _ANY),
    ("せる。", "せます。", _ANY),
    ("れる。", "れます。", _ANY),
    ("れた。", "れました。", _ANY),
    ("した。", "しました。", _NOUN_OR_OBJECT),
    ("する。", "します。", _NOUN_OR_OBJECT),
)
"""Plain ending, polite ending, what must stand before it. The longest that fits is taken: 「である」 before 「ある」."""


def to_polite(sentence: str) -> str | None:
    """The sentence in です・ます style, or None where its counterpart is not certain."""
    return _exchange(sentence, [(plain, polite, before) for plain, polite, before in ENDINGS])


def to_plain(sentence: str) -> str | None:
    """The sentence in である style, or None where its counterpart is not certain."""
    return _exchange(sentence, [(polite, plain, before) for plain, polite, before in ENDINGS])


def _exchange(sentence: str, endings: list[tuple[str, str, re.Pattern[str]]]) -> str | None:
    fitting = [ending for ending in endings if sentence.endswith(ending[0])]
    if not fitting:
        return None
    old, new, before = max(fitting, key=lambda ending: len(ending[0]))
    stem = sentence.removesuffix(old)
    return stem + new if before.search(stem) else None


def _item(kind: str, sentence: str, answer: str | None) -> Item | None:
    if answer is None or len(sentence) > 36:
        return None
    same = next(i for i, (old, new) in enumerate(zip(sentence, answer, strict=False)) if old != new)
    return Item({"text": sentence}, answer, {"kind": kind, "stem": sentence[:same]})


def draw_polite(material: Material, rng: random.Random) -> Item | None:
    """A plain sentence, made polite."""
    sentence = rng.choice(material.sentences)
    return _item("polite", sentence, to_polite(sentence))


def draw_plain(material: Material, rng: random.Random) -> Item | None:
    """A polite sentence, made plain."""
    sentence = rng.choice(material.sentences)
    return _item("plain", sentence, to_plain(sentence))


POLITE = Family(
    "polite",
    wordings=(
        "次の文を「です・ます」の形に直してください。\n{text}",
        "丁寧な言い方にしてください。\n{text}",
        "丁寧な文に書き換えてください。\n{text}",
        "「です・ます」で書いてください。\n{text}",
        "丁寧に書き換えて。\n{text}",
        "丁寧な形にしてください。\n{text}",
        "ですます調に直して。\n{text}",
        "以下の文をですます調にしてください。\n{text}",
        "{text}\nこの文を丁寧にしてください。",
        "{text}\n「です・ます」の文に直して。",
        "{text}\n丁寧な言い方に書き換えてください。",
        "{text}\nですます調で書いてください。",
    ),
    heldout_wordings=(
        "{text}\n丁寧な言葉づかいに直してください。",
        "次の文を、です・ます体に変えてください。\n{text}",
    ),
    draw=draw_polite,
    practice=3.0,
)

PLAIN = Family(
    "plain",
    wordings=(
        "次の文を「である」の形に直してください。\n{text}",
        "普通の言い方にしてください。\n{text}",
        "「だ・である」の文に書き換えてください。\n{text}",
        "「である」で書いてください。\n{text}",
        "普通の形に書き換えて。\n{text}",
        "である調に直して。\n{text}",
        "「だ・である」にしてください。\n{text}",
        "以下の文をである調にしてください。\n{text}",
        "{text}\nこの文を普通の形にしてください。",
        "{text}\n「である」の文に直して。",
        "{text}\n普通の言い方に書き換えてください。",
        "{text}\nである調で書いてください。",
    ),
    heldout_wordings=(
        "{text}\n普通の文体に直してください。",
        "次の文を、だ・である体に変えてください。\n{text}",
    ),
    draw=draw_plain,
    practice=3.0,
)

FAMILIES = (POLITE, PLAIN)
