"""Text in, the same text or a part of it out: copy, extract 「」, remove commas, look up, contains."""

from __future__ import annotations

import random

from hagane.instruct.family import Family, Item
from hagane.instruct.material import WORD, Material


def _exact(fields: dict[str, str], response: str) -> Item:
    return Item(fields, response, {"kind": "equals", "text": response})


def draw_copy(material: Material, rng: random.Random) -> Item | None:
    """A sentence of at most 30 characters."""
    sentence = rng.choice(material.sentences)
    return _exact({"text": sentence}, sentence) if len(sentence) <= 30 else None


def draw_extract(material: Material, rng: random.Random) -> Item | None:
    """A sentence with one of its words in 「」."""
    sentence = rng.choice(material.sentences)
    words = list(WORD.finditer(sentence))
    if not words:
        return None
    word = rng.choice(words)
    marked = f"{sentence[: word.start()]}「{word[0]}」{sentence[word.end() :]}"
    return _exact({"text": marked}, word[0])


def draw_remove_commas(material: Material, rng: random.Random) -> Item | None:
    """A sentence with 「、」 in it."""
    sentence = rng.choice(material.sentences)
    return _exact({"text": sentence}, sentence.replace("、", "")) if "、" in sentence and len(sentence) <= 40 else None


def draw_lookup(material: Material, rng: random.Random) -> Item | None:
    """Two to four lines `key: value`, and one of the keys."""
    count = rng.randint(2, 4)
    words = rng.sample(material.words, 2 * count) if len(material.words) >= 2 * count else []
    if not words:
        return None
    lines = [f"{key}: {value}" for key, value in zip(words[::2], words[1::2], strict=True)]
    chosen = rng.randrange(count)
    return _exact({"lines": "\n".join(lines), "key": words[2 * chosen]}, words[2 * chosen + 1])


def draw_contains(material: Material, rng: random.Random) -> Item | None:
    """A sentence and a word that is in it (half the time) or not."""
    sentence = rng.choice(material.sentences)
    inside = [word for word in WORD.findall(sentence) if word in material.by_word]
    if rng.random() < 0.5:
        return _exact({"word": rng.choice(inside), "text": sentence}, "はい。") if inside else None
    word = rng.choice(material.words)
    return _exact({"word": word, "text": sentence}, "いいえ。") if word not in sentence else None


COPY = Family(
    "copy",
    wordings=(
        "「{text}」をそのまま書いてください。",
        "「{text}」と書いて。",
        "「{text}」と同じ文を書いてください。",
        "「{text}」をもう一度書いてください。",
        "「{text}」をコピーして。",
        "次の文を書き写してください。\n{text}",
        "そのまま繰り返してください。\n{text}",
        "同じ文を書いて。\n{text}",
        "以下の文を一字も変えずに書いてください。\n{text}",
        "{text}\nこの文をそのまま書いてください。",
        "{text}\n上の文を書き写して。",
        "{text}\n同じ文をもう一度お願いします。",
    ),
    heldout_wordings=(
        "「{text}」をそっくりそのまま繰り返してください。",
        "下の文を、変えないで写してください。\n{text}",
        "{text}\nこれをもう一度そのまま書いて。",
    ),
    draw=draw_copy,
    practice=3.0,
)

EXTRACT = Family(
    "extract",
    wordings=(
        "次の文から「」の中を抜き出してください。\n{text}",
        "「」で囲まれた言葉は何ですか。\n{text}",
        "かぎかっこの中だけを答えてください。\n{text}",
        "かぎかっこの中を書いて。\n{text}",
        "「」の中の言葉を答えてください。\n{text}",
        "以下の文の「」の中だけを書いてください。\n{text}",
        "「」の中だけを抜き出して。\n{text}",
        "{text}\n「」の中は何ですか。",
        "{text}\nこの文のかぎかっこの中を答えて。",
        "{text}\n「」の中の言葉を抜き出してください。",
    ),
    heldout_wordings=(
        "{text}\nかぎかっこで囲まれた部分を答えて。",
        "下の文で、かぎかっこが付いている言葉を書いてください。\n{text}",
    ),
    draw=draw_extract,
)

REMOVE_COMMAS = Family(
    "remove_commas",
    wordings=(
        "次の文から「、」を取り除いてください。\n{text}",
        "読点を消してください。\n{text}",
        "「、」をなくした文を書いてください。\n{text}",
        "「、」を消してください。\n{text}",
        "次の文の読点を取ってください。\n{text}",
        "読点のない文にしてください。\n{text}",
        "「、」を使わずに書いてください。\n{text}",
        "読点を除いて書いて。\n{text}",
        "以下の文を「、」なしで書いて。\n{text}",
        "{text}\nこの文から「、」を除いて。",
        "{text}\n読点を消して書いてください。",
        "{text}\n「、」のない文に直してください。",
    ),
    heldout_wordings=(
        "次の文の「、」を削除してください。\n{text}",
        "{text}\n読点をすべて外してください。",
    ),
    draw=draw_remove_commas,
    practice=3.0,
)

LOOKUP = Family(
    "lookup",
    wordings=(
        "{lines}\n{key}は何ですか。",
        "{lines}\n{key}の値を答えてください。",
        "{lines}\n{key}に対応する言葉は何ですか。",
        "{lines}\n{key}の値は何ですか。",
        "{lines}\n{key}に当たる言葉を書いて。",
        "{lines}\n{key}の右に書いてある言葉は何ですか。",
        "{lines}\n{key}を調べてください。",
        "{key}の値を答えて。\n{lines}",
        "次の表で{key}は何ですか。\n{lines}",
        "以下から{key}の値を探してください。\n{lines}",
        "{key}に対応する言葉を書いてください。\n{lines}",
        "{key}は何ですか。\n{lines}",
    ),
    heldout_wordings=(
        "{lines}\n{key}の欄には何と書いてありますか。",
        "下の一覧を見て、{key}の値を教えてください。\n{lines}",
    ),
    draw=draw_lookup,
    practice=3.0,
)

CONTAINS = Family(
    "contains",
    wordings=(
        "次の文に「{word}」は含まれますか。\n{text}",
        "「{word}」という言葉はありますか。\n{text}",
        "「{word}」は次の文に出てきますか。\n{text}",
        "「{word}」は文にありますか。\n{text}",
        "「{word}」が出てきますか。\n{text}",
        "次の文は「{word}」を含みますか。\n{text}",
        "以下の文の中に「{word}」はありますか。\n{text}",
        "「{word}」があるかどうか答えて。\n{text}",
        "{text}\n「{word}」は含まれますか。",
        "{text}\nこの文に「{word}」は出てきますか。",
    ),
    heldout_wordings=(
        "次の文に「{word}」という言葉は使われていますか。\n{text}",
        "{text}\n「{word}」という言葉は見つかりますか。",
    ),
    draw=draw_contains,
)

FAMILIES = (COPY, EXTRACT, REMOVE_COMMAS, LOOKUP, CONTAINS)
