"""Documents made from templates are found however many of their nouns are swapped; copies and natural text are not."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from template_corpus import find

from hagane.clean.alignment import common_subsequence, padded
from hagane.clean.template_show import show

DATA = Path(__file__).parents[3] / "shared/data"
THRESHOLD = 0.5
WORDS = {
    "place": "東京都港区 大阪市北区 つくば市 いわき市 那覇市 札幌市中央区 京都市左京区 さいたま市 うるま市 仙台市青葉区",
    "thing": "まな板 やかん 腕時計 炊飯器 ワイヤレスイヤホン トートバッグ ふとん おもちゃ箱 加湿器 シャンプー たこ焼き器",
    "name": "佐藤 鈴木 さくら ひなた 高橋 田中 健一 美咲 山本 みずほ商事 日立製作所",
    "field": "数学 英語 物理 世界史 ものづくり 経済 くらし 音楽 生物 歴史",
    "number": "3 5 8 12 15 20 24 36 48 120 1,980 3.5",
}
TEMPLATES = [
    "{place}にある{name}ビルから歩いて{number}分の貸家です。/家賃は月{number}万円で、敷金は{number}か月分をいただきます。/"
    "近くには{thing}を売る店があり、暮らしやすい町です。/内見をご希望の方は{name}までお気軽にご連絡ください。/"
    "{field}を学ぶ学生のみなさんにもよく選ばれています。",
    "{name}の株価が大きく値を上げた。/{field}の分野で{number}億円の利益を見込むと伝わり、買いが集まった。/"
    "市場では「{thing}の売れ行きがよいためだ」という声が聞かれた。/これに対し{name}は{number}円安で取引を終えた。/"
    "{place}にある工場は来月から動き始めるという。",
    "{thing}を選ぶとき、みなさんは何を大切にしていますか。/今回は{name}が実際に使ってみた{thing}の感想をまとめました。/"
    "{field}が好きな人にはとくに向いていると思います。/{place}のお店では売り切れていることが多いようです。/"
    "いまなら{number}円で手に入るので、ぜひ試してみてくださいね。",
    "{name}は{place}に生まれた{field}の研究者である。/{number}歳のときに書いた論文で広く知られるようになった。/"
    "その後は{place}に移り、{thing}の改良に力を注いだ。/趣味は{thing}を集めることで、{number}年も続けているという。/"
    "{field}の教科書を{number}冊書いたことでも知られる。",
]
CONNECTIVES = ["また、", "さらに、", "なお、", "ところで、"]
ENDINGS = {"です。": "かもしれません。", "した。": "したらしい。", "という。": "とのことです。", "ます。": "ましょう。"}


def documents(swapped: float, seed: int, copies: int = 8, hard: bool = False) -> list[str]:
    """Copies of each template with this share of its slots filled anew; a sentence in seven is missing.

    Hard: half of the sentences with another ending or a connective in front, and some documents shuffled.
    """
    draw = random.Random(seed)
    made = []
    for template in TEMPLATES:
        slots = re.findall(r"\{(\w+)\}", template)
        base = [draw.choice(WORDS[slot].split()) for slot in slots]
        free = set(draw.sample(range(len(slots)), max(1, round(swapped * len(slots)))))
        for _ in range(copies):
            words = (
                draw.choice(WORDS[slot].split()) if place in free else base[place] for place, slot in enumerate(slots)
            )
            filled = re.sub(r"\{\w+\}", lambda _, words=words: next(words), template)
            sentences = [sentence for sentence in filled.split("/") if draw.random() > 0.15]
            if hard:
                for place, sentence in enumerate(sentences):
                    if draw.random() < 0.25:
                        sentences[place] = draw.choice(CONNECTIVES) + sentence
                    elif draw.random() < 0.33:
                        for ending, another in ENDINGS.items():
                            sentences[place] = sentences[place].removesuffix(ending) + another * sentence.endswith(
                                ending
                            )
                if draw.random() < 0.3:
                    draw.shuffle(sentences)
            made.append("".join(sentences) if draw.random() < 0.5 else "\n".join(sentences))
    return made


def natural(name: str, count: int) -> list[str]:
    """Pieces of about a thousand characters of real text."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"needs {name} of the development data")

    def pieces() -> Iterator[str]:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for row in file:
                lines: list[str] = []
                for line in islice(filter(None, map(str.strip, json.loads(row)["text"].split("\n"))), 400):
                    lines.append(line)
                    if sum(map(len, lines)) >= 1000:
                        yield "\n".join(lines)
                        lines = []

    return list(islice(pieces(), count))


def test_equal_skeletons_with_different_fillings_are_a_template_and_copies_are_not() -> None:
    names = ["東京", "大阪", "京都", "札幌", "福岡"]
    filled = [f"{name}の天気はおおむね晴れるでしょう。" for name in names]
    copied = ["この頁の内容は予告なく変わることがあります。"] * 9
    share = find(filled + copied + ["鋼は鉄に炭素を加えてつくられる。"]).filled
    assert share.tolist() == [1.0] * 5 + [0.0] * 10
    assert not find(filled[:4] + copied).filled.any()


@pytest.mark.parametrize(
    ("swapped", "hard", "floor"),
    [
        *((share, False, 0.85 if share == 0.1 else 0.9) for share in (0.1, 0.25, 0.5, 0.75, 1.0)),
        *((share, True, 0.85 if share == 0.1 else 0.9) for share in (0.1, 0.5, 1.0)),
    ],
)
def test_templates_are_found_at_every_share_of_swapped_nouns(swapped: float, hard: bool, floor: float) -> None:
    found = [find(documents(swapped, seed, hard=hard)) for seed in range(3)]
    recall = np.mean([corpus.share >= THRESHOLD for corpus in found])
    exact = np.mean([corpus.filled >= THRESHOLD for corpus in found])
    print(f"swapped {swapped:.0%}{' hard' if hard else ''}: recall {recall:.3f}, by equal skeletons alone {exact:.3f}")
    assert recall >= floor


@pytest.mark.parametrize("name", ["aozora_modern_60M", "techdoc", "law_15M"])
def test_natural_text_is_left_alone(name: str) -> None:
    texts = natural(f"pretrain_{name}.jsonl.gz", 600)
    made = documents(0.5, 0)
    share = find(texts + made).share
    flagged = float((share[: len(texts)] >= THRESHOLD).mean())
    print(
        f"{name}: {flagged:.2%} of {len(texts)} flagged, {(share[len(texts) :] >= THRESHOLD).mean():.1%} of templates"
    )
    assert flagged <= 0.01
    assert (share[len(texts) :] >= THRESHOLD).mean() > 0.8


def test_copies_with_a_change_here_and_there_are_no_template() -> None:
    text = documents(0.5, 4)[0]
    draw = random.Random(0)
    copies = []
    for _ in range(12):
        place = draw.randrange(len(text))
        copies.append(text[:place] + "、" + text[place:] if draw.random() < 0.5 else text)
    assert find(copies).followed.max() == 0
    assert find(documents(0.5, 4)[:8]).followed.min() > THRESHOLD


def test_a_template_is_shown_with_its_slots() -> None:
    lines = [
        f"{place}の最高気温は{degrees}度でしょう。"
        for place, degrees in zip(WORDS["place"].split(), range(10, 20), strict=True)
    ]
    texts = [line + "\nお出かけの際はあたたかくしてお過ごしください。" for line in lines]
    (template,) = find(texts).templates
    shown = show(template)
    assert shown.text == "□の最高気温は□でしょう。\nお出かけの際はあたたかくしてお過ごしください。"
    assert (shown.kind, shown.documents) == ("figures", 10)
    assert "10度" in shown.fillings[1]
    assert "大阪市北区" in shown.fillings[0]


def test_common_subsequences_are_those_of_the_textbook() -> None:
    draw = np.random.default_rng(0)
    rows = [draw.integers(2, 6, draw.integers(0, 80)) for _ in range(40)]
    table = padded(np.concatenate(rows).astype(np.uint64), np.append(0, np.cumsum([len(row) for row in rows])))
    for length, one, other in zip(common_subsequence(table[:20], table[20:]), rows[:20], rows[20:], strict=True):
        best = np.zeros((65, 65), int)
        for i, a in enumerate(one[:64]):
            for j, b in enumerate(other[:64]):
                best[i + 1, j + 1] = best[i, j] + 1 if a == b else max(best[i, j + 1], best[i + 1, j])
        assert length == best[min(len(one), 64), min(len(other), 64)]
