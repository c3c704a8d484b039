"""Sentences with many right answers: use a word, stay under a length, go on from a beginning.

The reference is a sentence of the documents. These are the families that preference tuning has most to win on.
"""

from __future__ import annotations

import random

from hagane.instruct.family import Family, Item
from hagane.instruct.material import Material

LIMITS = (15, 20, 25, 30)
_PAUSE = "はがをにでと、"


def _with_word(material: Material, rng: random.Random, limit: int) -> tuple[str, str] | None:
    """(word, sentence) with the sentence at most `limit` long. Words are drawn evenly, not by how often they occur."""
    word = rng.choice(material.words)
    fitting = [sentence for sentence in material.by_word.get(word, ()) if len(word) + 4 <= len(sentence) <= limit]
    return (word, rng.choice(fitting)) if fitting else None


def draw_use_word(material: Material, rng: random.Random) -> Item | None:
    """A word, and a short sentence that uses it."""
    found = _with_word(material, rng, 45)
    if found is None:
        return None
    word, sentence = found
    return Item({"word": word}, sentence, {"kind": "one_sentence_with_word", "word": word, "limit": 45})


def draw_max_chars(material: Material, rng: random.Random) -> Item | None:
    """A word and a length, and a sentence that uses the one and keeps the other."""
    limit = rng.choice(LIMITS)
    found = _with_word(material, rng, limit)
    if found is None:
        return None
    word, sentence = found
    check = {"kind": "one_sentence_with_word", "word": word, "limit": limit}
    return Item({"word": word, "n": str(limit)}, sentence, check)


def draw_finish(material: Material, rng: random.Random) -> Item | None:
    """The first part of a sentence, cut behind a particle, and the whole of it."""
    sentence = rng.choice(material.sentences)
    cuts = [i for i in range(6, len(sentence) // 2 + 2) if sentence[i - 1] in _PAUSE]
    if len(sentence) < 16 or not cuts:
        return None
    start = sentence[: rng.choice(cuts)]
    return Item({"text": start}, sentence, {"kind": "starts_with_and_finishes", "start": start})


USE_WORD = Family(
    "use_word",
    wordings=(
        "「{word}」を使って短い文を書いてください。",
        "「{word}」という言葉を含む文を作ってください。",
        "「{word}」を入れた一文を書いて。",
        "「{word}」を使った文を書いて。",
        "「{word}」を含む文を書いてください。",
        "「{word}」で短い文を作って。",
        "「{word}」を使って文を作ってください。",
        "「{word}」という言葉で一文を作ってください。",
        "「{word}」の入った文を書いてください。",
        "次の言葉を使って文を書いてください。\n{word}",
        "{word}\nこの言葉を使った文を作って。",
        "短い文を一つ書いてください。「{word}」を使ってください。",
    ),
    heldout_wordings=(
        "「{word}」という言葉を使った文を一つ作って。",
        "以下の言葉が入った短い文をお願いします。\n{word}",
    ),
    draw=draw_use_word,
    practice=4.0,
)

MAX_CHARS = Family(
    "max_chars",
    wordings=(
        "「{word}」を使って{n}文字以内の文を書いてください。",
        "{n}文字以内で、「{word}」を含む文を作ってください。",
        "「{word}」を入れて{n}文字以下で一文を書いて。",
        "「{word}」を含む{n}文字以内の文を書いて。",
        "「{word}」を使った文を{n}文字以内で。",
        "「{word}」で{n}文字以下の文を作ってください。",
        "「{word}」を使って{n}文字以下で書いて。",
        "「{word}」の入った{n}文字までの文を書いてください。",
        "{n}文字以下で、「{word}」を使った文を書いてください。",
        "次の言葉を使って{n}文字以内の文を書いて。\n{word}",
        "{word}\nこの言葉を使って{n}文字以内の文を作ってください。",
        "{n}文字までの文を書いて。「{word}」を使ってください。",
    ),
    heldout_wordings=(
        "「{word}」を使い、{n}文字までの文を一つ作って。",
        "{n}文字を超えないように、「{word}」の入った文をお願いします。",
    ),
    draw=draw_max_chars,
    practice=4.0,
)

FINISH = Family(
    "finish",
    wordings=(
        "文の続きを書いてください。\n{text}",
        "次の文を完成させてください。\n{text}",
        "続きを書いて文を終えてください。\n{text}",
        "続きを書いて。\n{text}",
        "この文を最後まで書いてください。\n{text}",
        "文を完成させて。\n{text}",
        "次の書き出しから一つの文を書いてください。\n{text}",
        "「{text}」で始まる文を書いてください。",
        "「{text}」の続きを書いて、文を完成させてください。",
        "{text}\nこの続きを書いてください。",
        "{text}\nこの文を終わりまで書いて。",
        "{text}\n文を完成させてください。",
    ),
    heldout_wordings=(
        "次の書き出しで始まる文を完成させて。\n{text}",
        "{text}\n途中で切れているので、最後まで書いてください。",
    ),
    draw=draw_finish,
    practice=4.0,
)

FAMILIES = (USE_WORD, MAX_CHARS, FINISH)
