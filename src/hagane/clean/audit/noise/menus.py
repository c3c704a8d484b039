"""Noise (b): strings from menus and tags: navigation, bread crumbs, tag clouds, pagers, share buttons, log-in boxes, footers.

A site is drawn once: its menu, categories, archive and footer are the same on each of its pages; bread crumbs, related articles,
counters and pagers are the page's own. As plain text a list is either one line an entry or one line in all, as text extractors
write it; as HTML the same lists stand in elements whose names say nothing, most of them links.

Source of the kinds: the lists that stand around the main text of real Japanese sites (blogs, shops, town halls, companies).
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from hagane.clean.audit.noise.vocabulary import PEOPLE, Vocabulary, listed

_MENU = listed(
    """
    ホーム 会社概要 お問い合わせ 採用情報 サイトマップ 製品情報 トップページ 新着情報 よくある質問 事業案内 アクセス
    お知らせ プロフィール ブログ 店舗案内 リンク集 掲示板 商品一覧 ご利用ガイド 料金表 施設案内 カレンダー 記事一覧
    English ギャラリー スタッフ紹介 メルマガ登録 マイページ 資料請求 初めての方へ 特集 ダウンロード
    """
)
_FOOT = listed(
    """
    プライバシーポリシー 特定商取引法に基づく表記 利用規約 免責事項 サイトマップ 運営会社 個人情報保護方針
    広告掲載について ヘルプ 著作権について ページの先頭へ戻る 推奨環境 トップへ戻る お客様サポート
    """
)
_COPYRIGHT = (
    "Copyright © {y} {s} All Rights Reserved.",
    "© {y} {s}. 無断転載を禁じます。",
    "Copyright(C) 2003-{y} {s}",
    "(c) {y} {s} 掲載の記事・写真の無断転載を禁じます",
)
_LOGIN = (
    (
        "会員ログイン",
        "メールアドレス",
        "パスワード",
        "ログイン状態を保持する",
        "パスワードをお忘れの方",
        "新規会員登録",
    ),
    ("ユーザー名", "パスワード", "次回から自動ログイン", "ログイン", "アカウントを作成"),
    ("ログインID", "暗証番号", "ログインする", "はじめての方はこちら"),
    ("ようこそゲストさん", "ログイン", "会員登録", "カートを見る(0)", "お気に入り"),
)
_SHARE = (
    ("ツイート", "シェアする", "はてなブックマーク", "LINEで送る", "Pocket"),
    ("Facebookでシェア", "Xでポスト", "LINE", "URLをコピー", "印刷"),
    ("この記事をシェア", "Twitter", "Facebook", "B!ブックマーク", "Feedly"),
    ("いいね！{n}", "リツイート{n}", "コメント({n})", "トラックバック(0)"),
)
_PAGER = (
    "« 前へ 1 2 3 … {n} 次へ »",
    "前のページ | {m} / {n} | 次のページ",
    "＜前の記事　記事一覧　次の記事＞",
    "1 | 2 | 3 | 4 | 5 | 最後 »",
    "全{n}件中 1～20件を表示　次の20件",
    "前へ 次へ 先頭へ 最後へ",
)
_CRUMBS = (" > ", " » ", " ＞ ", " › ", " / ", ">")
_BETWEEN = (" | ", " ", "｜", "　", "・", " / ")
_TITLES = (
    "{a}の{b}について",
    "{a}と{b}",
    "{b}が{a}になりました",
    "はじめての{a}",
    "【{a}】{b}まとめ",
    "{a}を{b}してみた",
    "{a}、{b}へ",
    "{b}の{a}（その{m}）",
)
_META = (
    "{y}年{m}月{n}日 カテゴリ：{a}",
    "投稿日: {y}/{m}/{n} 投稿者: {name}",
    "更新日：{y}.{m}.{n}　閲覧数：{n}{m}",
    "Posted by {name} at {y}-{m}-{n} | Comments({m})",
    "{name} | {y}年{m}月{n}日 {m}:{n}",
    "最終更新日時 {y}/{m}/{n} {m}:{n}:00",
)
_COUNT = ("({n})", "（{n}件）", " [{n}]", " {n}")
_HEADS = (
    "カテゴリー",
    "最近の投稿",
    "アーカイブ",
    "人気記事",
    "タグ",
    "関連記事",
    "バックナンバー",
    "おすすめ記事",
    "月別",
    "リンク",
)
_RELATED = listed("この記事も読まれています 関連する記事 あわせて読みたい 次に読む記事")
_ROOTS = ("ホーム", "トップ")
_SITES = listed("日記 新聞 ネット ナビ 協会 製作所")


@dataclass(frozen=True)
class Box:
    """One list of a page: its heading (or none), its entries, and what stands between them where they share a line."""

    head: str
    entries: tuple[str, ...]
    between: str = ""
    """Empty: one line an entry."""
    links: bool = True
    """Whether entries are links in HTML."""

    def lines(self) -> list[str]:
        """As plain text."""
        entries = [self.between.join(self.entries)] if self.between else list(self.entries)
        return [self.head, *entries] if self.head else entries


@dataclass(frozen=True)
class Site:
    """What all pages of a site share."""

    name: str
    menu: Box
    sides: tuple[Box, ...]
    feet: tuple[Box, ...]


def _number(random: Random, template: str, words: Vocabulary) -> str:
    return template.format(
        n=random.randint(10, 28),
        m=random.randint(1, 9),
        y=random.randint(2005, 2024),
        a=random.choice(words.nouns),
        b=random.choice(words.nouns),
        name=random.choice(words.half(PEOPLE)),
        s=random.choice(words.nouns) + "株式会社",
    )


def _some(random: Random, items: Sequence[str], low: int, high: int) -> tuple[str, ...]:
    return tuple(random.sample(items, min(len(items), random.randint(low, high))))


def _box(random: Random, words: Vocabulary, head: str, entries: tuple[str, ...], in_one_line: float) -> Box:
    between = random.choice(words.half(_BETWEEN)) if random.random() < in_one_line else ""
    return Box(head if random.random() < 0.7 else "", entries, between)


def site(random: Random, words: Vocabulary) -> Site:
    """A site with its fixed lists."""
    name = random.choice(words.nouns) + random.choice(words.half(_SITES))
    heads = list(words.half(_HEADS))
    random.shuffle(heads)
    count = random.choice(words.half(_COUNT))
    categories = tuple(word + _number(random, count, words) for word in _some(random, words.nouns, 6, 14))
    months = tuple(
        f"{year}年{month}月" + _number(random, count, words)
        for year, month in ((2024 - back // 12, 12 - back % 12) for back in range(random.randint(6, 18)))
    )
    cloud = _some(random, words.nouns, 10, 30)
    recent = tuple(_number(random, random.choice(words.half(_TITLES)), words) for _ in range(random.randint(4, 8)))
    sides = [
        _box(random, words, heads[0], categories, 0.3),
        _box(random, words, heads[1], months, 0.3),
        _box(random, words, heads[2], tuple("#" + tag for tag in cloud) if random.random() < 0.4 else cloud, 0.6),
        _box(random, words, heads[3], recent, 0.0),
        replace(_box(random, words, "", random.choice(words.half(_LOGIN)), 0.4), links=False),
    ]
    random.shuffle(sides)
    notice = random.choice(words.half(_COPYRIGHT)).format(y=random.randint(2008, 2024), s=name)
    return Site(
        name,
        _box(random, words, "", _some(random, words.half(_MENU), 5, 12), 0.5),
        tuple(sides[: random.randint(2, 5)]),
        (_box(random, words, "", _some(random, words.half(_FOOT), 3, 6), 0.6), Box("", (notice,), links=False)),
    )


def page_boxes(random: Random, words: Vocabulary, of: Site) -> tuple[list[Box], list[Box]]:
    """What stands before and after the main text of one page of a site: the site's own lists and the page's."""
    path = tuple(random.choice(words.nouns) for _ in range(random.randint(1, 3)))
    share = tuple(_number(random, entry, words) for entry in random.choice(words.half(_SHARE)))
    related = tuple(_number(random, random.choice(words.half(_TITLES)), words) for _ in range(random.randint(3, 6)))
    before = [
        of.menu,
        Box("", (random.choice(words.half(_ROOTS)), *path), random.choice(words.half(_CRUMBS))),
        Box("", (_number(random, random.choice(words.half(_META)), words),), links=False),
    ]
    after = [
        _box(random, words, "", share, 0.5),
        _box(random, words, random.choice(words.half(_RELATED)), related, 0.0),
        Box("", (_number(random, random.choice(words.half(_PAGER)), words),), links=False),
        *of.sides,
        *of.feet,
    ]
    return before, after


def menus(random: Random, words: Vocabulary, of: Site | None = None) -> tuple[list[str], list[str]]:
    """Lines before and after the main text of one page: of a given site, or of one seen this once."""
    before, after = page_boxes(random, words, of or site(random, words))
    return [line for box in before for line in box.lines()], [line for box in after for line in box.lines()]


def menu_page(random: Random, words: Vocabulary) -> list[str]:
    """A page of nothing else: a site map, a tag index."""
    lines: list[str] = []
    while sum(map(len, lines)) < 500:
        for part in menus(random, words):
            lines += part
    return lines


def html_page(random: Random, words: Vocabulary, of: Site, title: str, paragraphs: list[str]) -> tuple[str, list[str]]:
    """A page of a site as HTML, and the lines of its lists. Names of elements tell nothing: `div`, `ul`, `a` only."""
    before, after = page_boxes(random, words, of)

    def listed(box: Box) -> str:
        entries = [html.escape(entry) for entry in box.entries]
        if box.links:
            entries = [f'<a href="/{number}">{entry}</a>' for number, entry in enumerate(entries)]
        head = f"<div>{html.escape(box.head)}</div>" if box.head else ""
        if box.between:
            return f"<div>{head}{html.escape(box.between).join(entries)}</div>"
        return f"<div>{head}<ul>{''.join(f'<li>{entry}</li>' for entry in entries)}</ul></div>"

    text = "".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in paragraphs)
    page = (
        f"<html><head><title>{html.escape(title)}</title></head><body>{''.join(map(listed, before))}"
        f"<div><h1>{html.escape(title)}</h1>{text}</div>{''.join(map(listed, after))}</body></html>"
    )
    return page, [line for box in (*before, *after) for line in box.lines()]
