"""Which manual does this passage come from? Needs labels for two sources or more."""

from __future__ import annotations

import random

from hagane.instruct.family import Family, Item
from hagane.instruct.material import Material


def draw_manual(material: Material, rng: random.Random) -> Item | None:
    """A passage and the label of its source; labels are drawn evenly. None with fewer than two labels to tell apart."""
    labels = [label for label, lines in material.passages.items() if lines]
    if len(labels) < 2:
        return None
    label = rng.choice(labels)
    return Item({"text": rng.choice(material.passages[label])}, label, {"kind": "equals", "text": label})


MANUAL = Family(
    "manual",
    wordings=(
        "次の文章はどの説明書のものですか。\n{text}",
        "どの説明書の文章か答えてください。\n{text}",
        "どの説明書の文章ですか。\n{text}",
        "次の文の出典を答えてください。\n{text}",
        "説明書の種類を答えて。\n{text}",
        "次の文章を分類してください。\n{text}",
        "以下の文章は何の説明書ですか。\n{text}",
        "{text}\nこれは何の説明書ですか。",
        "{text}\nこの文章の種類は何ですか。",
        "{text}\nどの説明書にある文章ですか。",
        "{text}\nこの文章の出典は何ですか。",
    ),
    heldout_wordings=(
        "これはどの分野の説明書でしょうか。\n{text}",
        "{text}\n上の文章が載っている説明書を教えてください。",
    ),
    draw=draw_manual,
)

FAMILIES = (MANUAL,)
