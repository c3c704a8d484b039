"""Noise (a): advertisement text in which product nouns come again and again.

Eight styles, as they stand on Japanese pages: keyword lines, keyword lines that end in a sentence, price and ordering lines,
listing titles, shop blurbs, affiliate paragraphs, search-engine tails, areas served. Templates are dealt to the two halves in turn.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from hagane.clean.audit.noise.vocabulary import PLACES, PRODUCTS, Vocabulary, listed

_KEYWORDS = listed(
    """
    送料無料 激安 通販 新作 人気 正規品 即納 おしゃれ かわいい ブランド セール 格安 ランキング 最安値 公式 口コミ
    限定 評判 ギフト 効果 メンズ 比較 レディース お試し 大きいサイズ 価格 あす楽 クーポン 訳あり 半額 楽天 無料 春夏
    見積もり 秋冬 安い 福袋 専門店 アウトレット おすすめ 中古 お得 新品 2024年 日本製 在庫あり プレゼント 高品質
    まとめ買い ポイント10倍 ブラック 初回限定
    """
)
_SEPARATORS = (" ", "\u3000", "・", "／", " | ", "、", "", "★")
_TAILS = (
    "{p}はこちらからお買い求めいただけます。",
    "{p}をお探しの方に大人気の商品です。",
    "ただいま{p}がお得な価格になっています。",
    "{p}のレビューをチェックしてください。",
    "今なら{p}が{n}%オフでお求めいただけます。",
    "{p}のご注文は当サイトで承っております。",
    "売り切れる前に{p}を手に入れましょう！",
    "人気の{p}を取り揃えています。",
)
_PRICES = (
    "{p} {q} 通常価格{price}円 → 特別価格{low}円（税込）",
    "【{q}】{p} {low}円(税込) 送料無料 カートに入れる",
    "販売価格 {low}円 ({n}%OFF) {p} 在庫：残り{m}点",
    "{p}　メーカー希望小売価格：{price}円　当店価格：{low}円",
    "{p} お試しセット 初回{low}円 定期購入なら{n}%割引 今すぐ注文",
    "商品番号 {m}{n}-{m} {p}{q} ￥{low} ポイント{m}倍 お気に入りに追加",
    "{p}（{q}）単品 {price}円　2点セット {low}円　ご注文はこちら",
    "数量：1 ▼ {p} {q} 税込{low}円 買い物かごへ お届け日の目安：{m}日",
)
_TITLES = (
    "【送料無料】{p} {q} {k} {p} {k} {k} 【あす楽対応】",
    "◆{k}◆{p}◆{q} {p} {k} 正規品 {k} {p}セット",
    "[{k}] {q} {p} {k} {k} 全{m}色 S/M/L {p} {k}",
    "＼{k}／ {p} {q}{p} {k} {k} ギフト {p}専用ケース付き",
    "★{n}%OFF★ {p}/{q}/{k}/{k}/{p} {k}",
    "{k}{p} {q} {p} 型番{m}{n} {k} {p} {k} 楽天市場店",
)
_BLURBS = (
    "{p}をお探しなら{p}専門店の{q}へ。{p}から{r}まで豊富な品揃えで、どこよりも安くお届けします。",
    "当店では{p}、{r}、{q}など人気の{p}を多数取り揃えております。{p}のことなら何でもご相談ください。",
    "大人気の{p}がついに入荷！{q}の{p}は数に限りがございますので、お早めにご注文ください。",
    "{p}の買取なら当社にお任せください！{q}や{r}も高価買取、{p}の査定は無料です。",
    "{k}の{p}を{k}価格で！{p}の通販は{q}ショップ。{p}・{r}は全国送料無料でお届けいたします。",
    "贈り物に選ばれている{p}です。{q}を使った{p}は、{r}とのセットがお得です。",
    "{p}ご購入のお客様にはもれなく{q}をプレゼント。{p}を買うなら今がチャンスです。",
    "期間限定、{p}が最大{n}%オフ。{q}の{p}も対象ですので、この機会にぜひ{p}をお試しください。",
)
_AFFILIATE = (
    "{p}の最安値を調べてみました。{p}は楽天やAmazonでも購入できますが、一番安いのは{q}の公式サイトです。"
    "公式サイトから{p}を申し込むと、初回限定で{n}%オフの{low}円になります。",
    "{p}の口コミを見ると、{p}を使って{q}が良くなったという声が多くありました。{p}の効果が気になる方は、"
    "返金保証のある{p}の公式ページをチェックしてみてください。",
    "今回は{k}で話題の{p}をご紹介します。{p}といえば{q}ですが、{r}と比べても{p}はコスパ抜群です。{p}の詳細はこちら＞＞",
    "{p}選びで失敗したくないなら、{q}の{p}がおすすめです。{p}を実際に使った人の満足度は{n}%。"
    "{p}のお申し込みは下のボタンからどうぞ。",
    "「{p}って本当に効くの？」と思っている方も多いでしょう。{p}には{q}が配合されているので、{r}よりも{p}が選ばれています。"
    "{p}の購入はキャンペーン中の今がお得です。",
    "{p}を一番お得に買う方法は、{q}の定期コースです。{p}の定期コースなら毎月{low}円、しかも{r}が付いてきます。"
    "{p}の在庫がなくなる前にお早めに。",
)
_SEARCH = (
    "【2024年最新】{p}おすすめ人気ランキング{m}選！{p}の選び方や口コミも紹介 | {q}ナビ",
    "{p} {q} 口コミ 評判 効果 {p} 最安値 通販 {p} 楽天 {p} Amazon",
    "{p}の人気商品・通販・価格比較 - {q}.com {p} {r} {p}",
    "関連キーワード：{p} 安い、{p} {q}、{p} {k}、{p} 使い方、{p} {r}",
    "{p}（{q}）の商品一覧 | {p}通販なら{r}ショッピング {p} {k} {p} {k}",
    "{p}とは？{p}の価格、{p}の効果、{p}の解約方法まとめ【{q}】",
)
_AREAS = (
    "{a}で{p}なら{q}へ！{a}の{p}、{b}の{p}、{c}の{p}も即日対応。",
    "{p} {a} / {p} {b} / {p} {c} / {p} {d} 料金・相場 無料見積",
    "{a}・{b}・{c}・{d}の{p}は地域最安値の{q}。{p}のお見積りは無料、{p}のご相談は24時間受付。",
    "対応エリア {a} {b} {c} {d} {p}出張 {p}修理 {p}交換 {p}回収",
)

Style = Callable[[Random, Vocabulary, str, str], list[str]]


def _fill(random: Random, words: Vocabulary, template: str, product: str, other: str) -> str:
    places = random.sample(words.half(PLACES), 4)
    price = random.randrange(15, 400) * 100
    while "{k}" in template:  # another keyword each time
        template = template.replace("{k}", random.choice(words.half(_KEYWORDS)), 1)
    return template.format(
        p=product,
        q=random.choice(words.nouns),
        r=other,
        a=places[0],
        b=places[1],
        c=places[2],
        d=places[3],
        m=random.randint(2, 9),
        n=random.choice((10, 20, 25, 30, 40, 50, 70, 80)),
        price=f"{price:,}",
        low=f"{price * random.randint(4, 9) // 10:,}",
    )


def _from(templates: tuple[str, ...], low: int, high: int) -> Style:
    def style(random: Random, words: Vocabulary, product: str, other: str) -> list[str]:
        return [
            _fill(random, words, random.choice(words.half(templates)), product, other)
            for _ in range(random.randint(low, high))
        ]

    return style


def _keyword_lines(tail: float) -> Style:
    """Lines of 4 to 10 words, four in ten of them a product; a share of `tail` of the lines ends in a sentence."""

    def style(random: Random, words: Vocabulary, product: str, other: str) -> list[str]:
        separator = random.choice(_SEPARATORS)
        lines = []
        for _ in range(random.randint(2, 8)):
            drawn = [
                random.choice((product, product, other))
                if random.random() < 0.4
                else random.choice(words.half(_KEYWORDS))
                for _ in range(random.randint(4, 10))
            ]
            line = separator.join(drawn)
            if random.random() < tail:
                line += separator + _fill(random, words, random.choice(words.half(_TAILS)), product, other)
            lines.append(line)
        return lines

    return style


STYLES: dict[str, Style] = {
    "keywords": _keyword_lines(0.0),
    "keywords_with_sentences": _keyword_lines(0.5),
    "prices": _from(_PRICES, 2, 6),
    "listing_titles": _from(_TITLES, 2, 6),
    "blurbs": _from(_BLURBS, 1, 4),
    "affiliate": _from(_AFFILIATE, 1, 3),
    "search_tail": _from(_SEARCH, 1, 4),
    "areas": _from(_AREAS, 1, 4),
}


def adverts(random: Random, words: Vocabulary, style: str | None = None) -> list[str]:
    """The lines of one block of advertising: of the style of this name, or of any."""
    product = random.choice((random.choice(words.half(PRODUCTS)), random.choice(words.nouns)))
    return STYLES[style or random.choice(list(STYLES))](random, words, product, random.choice(words.half(PRODUCTS)))


def advert_page(random: Random, words: Vocabulary) -> list[str]:
    """A page of nothing else: several blocks about one line of goods."""
    lines: list[str] = []
    while len(lines) < 12 or sum(map(len, lines)) < 500:
        lines += adverts(random, words)
    return lines
