"""Lists of words: the first, the last, as bullets, one word n times, how many."""

from __future__ import annotations

import random

from hagane.instruct.family import Family, Item
from hagane.instruct.material import Material


def _words(material: Material, rng: random.Random, low: int, high: int) -> list[str]:
    return rng.sample(material.words, min(rng.randint(low, high), len(material.words)))


def draw_first(material: Material, rng: random.Random) -> Item | None:
    """Three to five words, the first of them."""
    words = _words(material, rng, 3, 5)
    return Item({"items": "、".join(words)}, words[0], {"kind": "equals", "text": words[0]})


def draw_last(material: Material, rng: random.Random) -> Item | None:
    """Three to five words, the last of them."""
    words = _words(material, rng, 3, 5)
    return Item({"items": "、".join(words)}, words[-1], {"kind": "equals", "text": words[-1]})


def draw_bullets(material: Material, rng: random.Random) -> Item | None:
    """Two to four words, a line each."""
    words = _words(material, rng, 2, 4)
    return Item(
        {"items": "、".join(words)},
        "\n".join(f"- {word}" for word in words),
        {"kind": "bullet_list", "items": words},
    )


def draw_repeat(material: Material, rng: random.Random) -> Item | None:
    """A word, two to five times."""
    word, times = rng.choice(material.words), rng.randint(2, 5)
    return Item(
        {"word": word, "n": str(times)},
        "、".join([word] * times),
        {"kind": "repeat", "word": word, "times": times},
    )


def draw_count(material: Material, rng: random.Random) -> Item | None:
    """One to nine words, how many they are. Hard at this size; kept so that the report shows the limit."""
    words = _words(material, rng, 1, 9)
    answer = f"{len(words)}つ"
    return Item({"items": "、".join(words)}, answer, {"kind": "equals", "text": answer})


FIRST = Family(
    "first_item",
    wordings=(
        "{items}のうち、最初の言葉は何ですか。",
        "{items}の中で最初にあるのは何ですか。",
        "最初の言葉を答えてください。\n{items}",
        "次の言葉の一番目はどれですか。\n{items}",
        "最初の言葉はどれですか。\n{items}",
        "次の中で一番目の言葉は何ですか。\n{items}",
        "はじめの言葉を書いてください。\n{items}",
        "先頭の言葉を答えて。\n{items}",
        "以下の言葉の最初の一つを書いてください。\n{items}",
        "{items}\n一番前の言葉を書いて。",
        "{items}\n最初の言葉は何ですか。",
        "{items}\nこの中の一番目を答えてください。",
    ),
    heldout_wordings=(
        "{items}\n先頭にある言葉はどれですか。",
        "下の言葉のうち、いちばん初めのものを教えてください。\n{items}",
    ),
    draw=draw_first,
)

LAST = Family(
    "last_item",
    wordings=(
        "{items}のうち、最後の言葉は何ですか。",
        "{items}の中で最後にあるのは何ですか。",
        "最後の言葉を答えてください。\n{items}",
        "次の言葉の一番後ろはどれですか。\n{items}",
        "最後の言葉はどれですか。\n{items}",
        "次の中で一番最後の言葉は何ですか。\n{items}",
        "おわりの言葉を書いてください。\n{items}",
        "末尾の言葉を答えて。\n{items}",
        "以下の言葉の最後の一つを書いてください。\n{items}",
        "{items}\n一番後ろの言葉を書いて。",
        "{items}\n最後の言葉は何ですか。",
        "{items}\nこの中の一番最後を答えてください。",
    ),
    heldout_wordings=(
        "{items}\n末尾にある言葉はどれですか。",
        "下の言葉のうち、いちばん終わりのものを教えてください。\n{items}",
    ),
    draw=draw_last,
)

BULLETS = Family(
    "bullets",
    wordings=(
        "{items}を箇条書きにしてください。",
        "{items}を箇条書きで。",
        "箇条書きで書いてください。\n{items}",
        "箇条書きにして。\n{items}",
        "次の言葉を箇条書きに直してください。\n{items}",
        "以下の言葉を箇条書きにしてください。\n{items}",
        "一つずつ箇条書きで書いて。\n{items}",
        "{items}\nこれを箇条書きにしてください。",
        "{items}\n上の言葉を箇条書きで書いて。",
        "{items}\n箇条書きに直してください。",
    ),
    heldout_wordings=(
        "次の言葉を一行ずつ箇条書きにして。\n{items}",
        "{items}\n箇条書きの形に並べてください。",
    ),
    draw=draw_bullets,
)

REPEAT = Family(
    "repeat",
    wordings=(
        "「{word}」を{n}回書いてください。",
        "「{word}」を{n}回繰り返して。",
        "「{word}」という言葉を{n}回続けて書いて。",
        "「{word}」を{n}回続けて書いて。",
        "「{word}」を{n}回並べてください。",
        "「{word}」を{n}回。",
        "「{word}」を{n}回言ってください。",
        "「{word}」という言葉を{n}回書いてください。",
        "{n}回、「{word}」と書いてください。",
        "次の言葉を{n}回書いて。\n{word}",
        "{word}\nこの言葉を{n}回繰り返してください。",
        "以下の言葉を{n}回並べて書いてください。\n{word}",
    ),
    heldout_wordings=(
        "「{word}」を全部で{n}回並べて書いてください。",
        "{n}回続けて「{word}」と言って。",
    ),
    draw=draw_repeat,
    practice=2.0,
)

COUNT = Family(
    "count",
    wordings=(
        "{items}はいくつありますか。",
        "{items}の数を答えて。",
        "言葉はいくつありますか。\n{items}",
        "次の言葉の数を答えてください。\n{items}",
        "いくつありますか。\n{items}",
        "数を数えてください。\n{items}",
        "言葉の数はいくつですか。\n{items}",
        "次の言葉は全部でいくつですか。\n{items}",
        "{items}\n言葉は何個ありますか。",
        "{items}\nこの中に言葉はいくつありますか。",
    ),
    heldout_wordings=(
        "{items}\n全部で何個の言葉がありますか。",
        "下に並んだ言葉を数えてください。\n{items}",
    ),
    draw=draw_count,
)

FAMILIES = (FIRST, LAST, BULLETS, REPEAT, COUNT)
