"""Is this answer going round in circles?

Small models, and models pushed by a preference loss, fall into loops:
「攻撃の攻撃の攻撃の…」, 「論論論論」, 「圧縮を圧縮する。」
Such text passes any check that only looks for a word and a full stop, and a preference stage then *rewards* the loop.
So every open check asks here first.

Four signs, each a property of the text alone:

1. a unit of one letter six times in a row, or a longer unit three times (hyphens, dots and digits may);
2. a unit of four characters or more twice in a row: 「位置については、位置については、」
   (but for mimetic words of four kana, 「ゆっくりゆっくり」);
3. a word bound to itself by a particle that does not bind equals: 「圧縮を圧縮する」
   (「行と行」 and 「自分で自分を」 are honest Japanese);
4. one word in most of its sentence, or the same few pieces in most of a long answer (share of distinct 4-grams, as
   distinct-n in Li et al. 2016, "A Diversity-Promoting Objective Function").

The price is a few honest sentences: 「配列の配列」 is flagged, and so is the 「どうしよう、どうしよう」 of fiction.

Cost: linear in the text; the back references of 1 and 2 try units of at most 60 characters.
"""

from __future__ import annotations

import re
from collections import Counter

_LETTER = r"ぁ-ゖァ-ヺー々〆一-鿿"
_JAPANESE = re.compile(f"[{_LETTER}]")
_LOOP_ONE = re.compile(f"([{_LETTER}a-zA-Z])\\1{{5,}}")
_LOOP_SHORT = re.compile(r"(.{2,30}?)\1{2,}", re.DOTALL)
_LOOP_LONG = re.compile(r"(.{4,60}?)\1", re.DOTALL)
_MIMETIC = re.compile(r"[ぁ-ゖ]{4}|[ァ-ヺー]{4}")
_WORD = re.compile(r"[ァ-ヺー]{2,}|[々一-鿿]{2,}")
_SELF_BOUND = re.compile(
    r"(?<![ァ-ヺー々一-鿿])([ァ-ヺー]{2,}|[々一-鿿]{2,})(?:の|を|は|が|に|については)、?\1(?![ァ-ヺー々一-鿿])"
)
_SENTENCE = re.compile(r"[^。！？\n]+")

LONG_ANSWER = 60
DISTINCT_SHARE = 0.5
WORD_SHARE = 0.45


def repetitive(answer: str) -> bool:
    """True where the answer loops. An empty answer does not."""
    return _looped(answer) or _self_bound(answer) or _one_word(answer) or _few_pieces(answer)


def _looped(answer: str) -> bool:
    if _LOOP_ONE.search(answer):
        return True
    short = any(len(_JAPANESE.findall(match[1])) >= 2 for match in _LOOP_SHORT.finditer(answer))
    long = (match[1] for match in _LOOP_LONG.finditer(answer))
    return short or any(len(_JAPANESE.findall(unit)) >= 3 and not _MIMETIC.fullmatch(unit) for unit in long)


def _self_bound(answer: str) -> bool:
    return _SELF_BOUND.search(answer) is not None


def _one_word(answer: str) -> bool:
    """One word three times in a sentence, covering most of what is Japanese in it."""
    for sentence in _SENTENCE.findall(answer):
        letters = len(_JAPANESE.findall(sentence))
        for word, times in Counter(_WORD.findall(sentence)).items():
            if times >= 3 and times * len(word) > WORD_SHARE * letters:
                return True
    return False


def _few_pieces(answer: str) -> bool:
    if len(answer) < LONG_ANSWER:
        return False
    pieces = [answer[i : i + 4] for i in range(len(answer) - 3)]
    return len(set(pieces)) < DISTINCT_SHARE * len(pieces)
