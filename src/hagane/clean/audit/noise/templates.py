"""Noise (c): texts that a machine wrote from one template by swapping words.

Two kinds of templates: sentences of real text whose nouns are swapped (a share of the different nouns are slots; each copy fills a
slot with one word wherever it stands), and page templates as sites have them, where every slot is filled anew. Of the former each
copy drops some sentences. The harder variant also swaps verbs, puts connectives in front and shuffles sentences.

The nouns of a sentence are its runs of katakana and of two and more kanji, and a noun is swapped for one of the same script.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from random import Random

from hagane.clean.audit.noise.vocabulary import (
    PEOPLE,
    PLACES,
    PRODUCTS,
    Vocabulary,
    is_katakana,
    listed,
    noun_pattern,
)

SENTENCES, CHARACTERS = 6, 300
"""Fewest sentences and characters of a template of real text: a copy must be long enough to be a document."""
PARTS = 3
"""Page templates that make up one page."""
DROPPED = 0.15
_NOUN = noun_pattern(12, 20)
_SENTENCE = re.compile(r"[^。！？\n]+[。！？]")
_HIRAGANA = re.compile("[ぁ-ん]")
_VERBS = tuple(
    pair.split("→")
    for pair in listed(
        """
        ている。→ていた。 です。→でした。 する。→した。 した。→する。 である。→であった。 ます。→ました。
        ました。→ます。 れる。→れた。 なる。→なった。 ある。→あった。 ない。→なかった。 だった。→である。
        行う→進める 使う→用いる 示す→表す 思う→考える できる→することが許される 見る→眺める
        """
    )
)
_CONNECTIVES = listed("また、 さらに、 なお、 一方、 そのため、 実は、 しかも、 ちなみに、 もちろん、 つまり、")
_PAGES = (
    "{place}{n}丁目の{kana}{kanji}マンションのご紹介です。最寄り駅は{place2}駅で、徒歩{m}分の場所にあります。\n間取りは{m}LDKで、"
    "{noun}と{noun2}が備え付けられています。\n家賃は{price}円、敷金と礼金は{m}か月分となります。\n{kanji}に関心のある方は"
    "{name}までご連絡ください。",
    "{place}の天気をお知らせします。{m}月{n}日の{place}は、{place2}付近にある前線の影響で、{kanji}から{noun}にかけて雲が広がる"
    "でしょう。\n最高気温は{n}度、最低気温は{m}度の見込みです。\n{noun2}にお出かけの際は、折りたたみの傘をお持ちください。",
    "{kana}{kanji}（証券番号{price}）の株価が{m}日続けて上がった。前の日より{n}円高い{price}円で取引を終えている。\n"
    "{noun}の需要が{place}で伸びるとの見方から買いが集まった。\n{kanji}の{name}氏は「{noun2}の動きには注意が必要だ」と話している。",
    "{kanji}検定{m}級の試験結果についてお知らせします。{place}会場では{price}人が受験し、合格した人は{n}パーセントでした。\n"
    "{noun}の問題で点を落とした人が多かったようです。\n次の試験は{m}月{n}日に{place2}で行われますので、{noun2}をよく復習してください。",
    "{kana}は{noun}を使った{product}です。{noun2}にお悩みの方でも、毎日の{kanji}に取り入れるだけで、{n}日ほどで違いを感じていただけます。\n"
    "{place}の工場で一つずつ丁寧に作っています。\n{name}さんも{kana}を気に入って、{m}年も使い続けているそうです。",
    "こんにちは、{name}です。今日は{noun}で悩んでいる人のために、{product}の選び方をまとめてみました。\n私も{place}に住んでいた頃は"
    "{noun2}のことで毎日苦労していました。\nそこで出会ったのが{kana}で、{kanji}が{n}日で変わったのには驚きました。",
    "{place}で{noun}の修理を頼むなら、まず{kanji}の料金を確かめましょう。\n{place}には{n}軒ほどの業者があり、費用は{price}円から"
    "となっています。\n{noun2}が古い場合は、部品を取り寄せるのに{m}日ほどかかることもあります。",
    "{name}選手（{place}）が{kana}大会の{kanji}に出場し、{m}対{n}で勝ちを収めた。\n試合のあと{name}選手は「{noun}がうまくいった」と語り、"
    "{place2}での次の試合に向けて{noun2}を鍛え直すという。",
)


def seeds(random: Random, texts: Sequence[str], count: int) -> list[list[str]]:
    """`count` templates of real text, fewer where the texts have no more: the first sentences of a text that have nouns."""
    found = []
    for text in random.sample(list(texts), len(texts)):
        fit = [
            sentence.strip()
            for sentence in _SENTENCE.findall(text)
            if 25 <= len(sentence.strip()) <= 120 and len(_HIRAGANA.findall(sentence)) > 8 and _NOUN.search(sentence)
        ]
        enough = next((n for n in range(SENTENCES, len(fit) + 1) if sum(map(len, fit[:n])) >= CHARACTERS), None)
        if enough is not None:
            found.append(fit[:enough])
            if len(found) == count:
                break
    return found


def family(
    random: Random, words: Vocabulary, seed: Sequence[str], *, share: float, copies: int, harder: bool = False
) -> list[list[str]]:
    """`copies` texts, each as lines, from the sentences of `seed` with a `share` of their different nouns as slots."""
    nouns = sorted({noun for sentence in seed for noun in _NOUN.findall(sentence)})
    slots = random.sample(nouns, max(1, round(share * len(nouns))))
    made = []
    for _ in range(copies):
        fill = {noun: random.choice(words.katakana if is_katakana(noun) else words.kanji) for noun in slots}
        kept = [sentence for sentence in seed if random.random() >= DROPPED] or list(seed[:1])
        lines = [_swap(sentence, fill) for sentence in kept]
        made.append(_harder(random, words, lines) if harder else lines)
    return made


def _swap(sentence: str, fill: Mapping[str, str]) -> str:
    return _NOUN.sub(lambda found: fill.get(found[0], found[0]), sentence)


def _harder(random: Random, words: Vocabulary, lines: list[str]) -> list[str]:
    """Three sentences in ten get another verb form or a connective; three texts in ten are shuffled."""
    out = []
    for line in lines:
        if random.random() < 0.3:
            forms = [pair for pair in _VERBS if pair[0] in line]
            if forms and random.random() < 0.6:
                old, new = random.choice(forms)
                line = line.replace(old, new)
            else:
                line = random.choice(words.half(_CONNECTIVES)) + line
        out.append(line)
    if random.random() < 0.3:
        random.shuffle(out)
    return out


def page_family(random: Random, words: Vocabulary, copies: int) -> list[list[str]]:
    """`copies` texts from one template of a page: `PARTS` of ours, one after another."""
    template = "\n".join(random.sample(words.half(_PAGES), PARTS))
    return [
        template.format(
            place=random.choice(words.half(PLACES)),
            place2=random.choice(words.half(PLACES)),
            name=random.choice(words.half(PEOPLE)),
            product=random.choice(words.half(PRODUCTS)),
            kana=random.choice(words.katakana),
            kanji=random.choice(words.kanji),
            noun=random.choice(words.nouns),
            noun2=random.choice(words.nouns),
            n=random.randint(10, 28),
            m=random.randint(1, 9),
            price=random.randrange(12, 990) * 100,
        ).split("\n")
        for _ in range(copies)
    ]
