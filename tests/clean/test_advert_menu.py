"""Adverts and menus go, line by line and as blocks; what looks like them in literature, manuals and statutes stays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import pytest

from hagane.clean.advert import measure_advert
from hagane.clean.batch import Batch
from hagane.clean.chain import COUPLING, with_neighbours
from hagane.clean.config import Config, Threshold
from hagane.clean.evidence import word_evidence
from hagane.clean.exchange import ANSWER, Answers, Exchange
from hagane.clean.lines import LineTable
from hagane.clean.measure import ask_menus, measure_pages
from hagane.clean.menu import may_recur, measure_menu, menu_score
from hagane.clean.page import Page, Role
from hagane.clean.select import decide_pages
from hagane.clean.shape import line_features

ADVERT, MENU = (cast(Threshold, Config.model_fields[name].default).threshold or 0.0 for name in ("advert", "menu_line"))
PROSE = [
    "鋼は鉄に炭素を加えた合金で、焼き入れをすると硬くなります。",
    "刃物の産地では、古くから砂鉄を集めて炉で溶かし、何日もかけて地金を作ってきました。",
    "職人は火の色を見て温度を知り、水に入れる時を決めるのだといいます。",
    "いまでは温度計が使われますが、最後に刃を確かめるのは人の手です。",
]
ADVERTS = {
    "keywords": [
        "羽毛布団 激安 通販 羽毛布団 送料無料 シングル",
        "羽毛布団 人気 ランキング 羽毛布団 口コミ 最安値",
        "シングル 羽毛布団 セール 羽毛布団 新品",
    ],
    "sentences": [
        "羽毛布団なら当店にお任せください!羽毛布団の人気商品を豊富に取り揃えております。",
        "今なら羽毛布団が最大30%OFF、送料無料でお届けいたします。ご注文は今すぐどうぞ!",
    ],
    "half": [
        "包丁 激安 包丁 セット 訳あり 包丁 通販",
        "人気の包丁がお得な価格になっています。お求めはこちらから。",
        "包丁 おすすめ 包丁 ランキング 公式 包丁",
    ],
    "prices": [
        "【送料無料】包丁 三徳 180mm 12,800円(税込) カートに入れる",
        "通常価格 15,000円 → 特別価格 9,800円(税込) 在庫あり",
        "ポイント10倍 包丁セット 5,980円 お気に入りに追加",
    ],
}
MENUS = {
    "column": ["ホーム", "会社概要", "製品情報", "採用情報", "お問い合わせ", "サイトマップ", "English"],
    "row": ["ホーム | 会社概要 | 製品情報 | 採用情報 | お問い合わせ | サイトマップ"],
    "categories": [
        "カテゴリー",
        "包丁 (12)",
        "はさみ (8)",
        "砥石 (31)",
        "まな板 (4)",
        "アーカイブ",
        "2019年4月 (3)",
        "2019年3月 (11)",
    ],
    "foot": [
        "ツイート",
        "シェアする",
        "はてなブックマーク",
        "« 前の記事 | 次の記事 »",
        "ページの先頭へ戻る",
        "プライバシーポリシー",
        "利用規約",
    ],
}
KEPT = {
    "dialogue": [
        "「はい」",
        "「どこへ行くの」",
        "「学校」",
        "母は黙って弁当を包んだ。",
        "「いってらっしゃい」",
        "「うん」",
    ],
    "poem": ["雪の夜", "遠い汽笛", "母の手の", "あたたかさを思う", "窓の外は", "ただ白く"],
    "recipe": [
        "材料(四人分)",
        "豚肉 200 グラム",
        "玉ねぎ 二個",
        "しょうゆ 大さじ三",
        "玉ねぎは薄切りにし、豚肉は一口大に切ります。",
        "鍋に油を熱し、豚肉の色が変わるまで炒めます。",
    ],
    "statute": [
        "第一章 総則",
        "(目的)",
        "第一条",
        "この法律は、刃物の流通の適正化を図ることを目的とする。",
        "二",
        "製造業者の氏名及び住所",
        "三",
        "保管の場所",
        "第二条",
        "この法律において「刃物」とは、次に掲げるものをいう。",
    ],
    "options": [
        "- `--help` 使い方を表示する",
        "- `--price 価格` 商品の価格を渡す",
        "- `--stock` 在庫の数を表示する",
        "これらのオプションは設定ファイルにも書けます。",
    ],
    "shop word in prose": [
        "送料は品物の大きさによって変わるので、注文の前に確かめてください。",
        "この店の包丁は人気があり、祖父も三十年使っていたそうです。",
        "値段は三千円ほどで、いまの物価からみれば安いものでした。",
    ],
    "glossary": [
        "焼き入れ: 鋼を熱して急に冷やすこと",
        "焼き戻し: 焼き入れのあと、低い温度で熱すること",
        "地金: 刃を支える軟らかい鉄",
    ],
}


def table_of(*pages: Sequence[str], roles: Sequence[Role] | None = None) -> LineTable:
    return LineTable.of([Page("d", "s", "s", 0, lines, roles or [Role.TEXT] * len(lines)) for lines in pages])


def measured(table: LineTable) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    features = line_features(table)
    once = np.ones(len(table.texts), np.int64)
    menu = menu_score(measure_menu(table, features), table.page_of, once, np.zeros(len(once)))
    return measure_advert(table, features), menu


@pytest.mark.parametrize("style", ADVERTS)
def test_an_advert_between_paragraphs_goes_and_they_stay(style: str) -> None:
    lines = PROSE[:2] + ADVERTS[style] + PROSE[2:]
    advert, menu = measured(table_of(lines))
    gone = [line for line, a, m in zip(lines, advert, menu, strict=True) if a > ADVERT or m > MENU]
    assert gone == ADVERTS[style]


@pytest.mark.parametrize("style", MENUS)
def test_a_menu_before_or_after_the_text_goes_and_it_stays(style: str) -> None:
    for lines in (MENUS[style] + PROSE, PROSE + MENUS[style]):
        _, menu = measured(table_of(lines))
        assert [line for line, value in zip(lines, menu, strict=True) if value > MENU] == MENUS[style]


@pytest.mark.parametrize("kind", KEPT)
def test_what_looks_like_a_list_in_real_text_stays(kind: str) -> None:
    lines = [PROSE[0], *KEPT[kind], PROSE[1]]
    advert, menu = measured(table_of(lines))
    assert [line for line, a, m in zip(lines, advert, menu, strict=True) if a > ADVERT or m > MENU] == []


def test_a_page_is_measured_alike_alone_and_in_a_batch() -> None:
    pages = [*ADVERTS.values(), PROSE, *MENUS.values(), *KEPT.values()]
    together = measured(table_of(*pages))
    alone = [measured(table_of(page)) for page in pages]
    for which in (0, 1):
        assert np.allclose(together[which], np.concatenate([values[which] for values in alone]))
    advert, menu = measured(table_of())
    assert advert.shape == menu.shape == (0,)


def test_headings_and_code_are_not_judged() -> None:
    roles = [Role.HEADING, Role.CODE, *[Role.TEXT] * 5]
    advert, menu = measured(table_of(MENUS["column"], roles=roles))
    assert np.isnan(advert[:2]).all()
    assert np.isnan(menu[:2]).all()
    assert (menu[2:] > MENU).all()


def test_a_word_counts_where_it_is_a_word() -> None:
    shop, words, menu = word_evidence(
        table_of(["全品オフ", "オフセット印刷", "送料無料", "OFFSET", "会社概要 サイトマップ", "砥石"])
    )
    assert shop[0] > 0 == shop[1] == shop[3] == shop[5]
    assert shop[2] > 3, "送料無料 and, inside it, 無料"
    assert words.tolist()[2] > 1
    assert menu[4] == 6


def test_a_line_that_many_pages_share_goes_and_its_gaps_with_it() -> None:
    lines = [*PROSE, "音の高さ", "連符", "装飾小音符", "強弱記号", "小節線"]
    table = table_of(lines)
    features = line_features(table)
    local, asked = measure_menu(table, features), may_recur(table, features)
    documents = np.array([1] * 4 + [200, 200, 1, 200, 200])
    assert asked.tolist() == [False] * 4 + [True] * 5
    alone = menu_score(local, table.page_of, np.ones(9, np.int64), np.zeros(9))
    value = menu_score(local, table.page_of, documents, np.where(documents > 1, 0.9, 0))
    assert [line for line, one in zip(lines, value, strict=True) if one > MENU] == lines[4:]
    assert (value[:4] < 0).all()
    assert (value >= alone).all()


def test_numbers_and_articles_that_all_statutes_share_are_not_asked() -> None:
    table = table_of(["第一条", "二", "- 一覧", "この政令は、公布の日から施行する。", "会社概要"])
    assert may_recur(table, line_features(table)).tolist() == [False] * 4 + [True]


def test_messages_find_the_best_labelling_of_a_chain() -> None:
    """Against all labellings of short pages, one by one."""
    draw = np.random.default_rng(7)
    for lines in (1, 2, 5, 8):
        own = draw.normal(0, 2, lines)
        labels = np.array(np.meshgrid(*[[0, 1]] * lines, indexing="ij")).reshape(lines, -1).T
        worth = labels @ own - COUPLING * np.abs(np.diff(labels, axis=1)).sum(axis=1)
        best = [worth[labels[:, line] == 1].max() - worth[labels[:, line] == 0].max() for line in range(lines)]
        two_pages = with_neighbours(np.concatenate((own, own)), np.repeat([0, 1], lines))
        assert np.allclose(two_pages, best * 2)


def test_the_stage_asks_the_corpus_and_the_site(tmp_path: Path) -> None:
    """Lines that say nothing by themselves stay on one page and go where eight pages of a site have them."""
    topics = ["音の高さ", "連符", "装飾小音符", "強弱記号"]
    pages = [
        Page(f"p{number}", "s", "host", 0, [f"{number}番目の{line}" for line in PROSE] + topics, [Role.TEXT] * 8)
        for number in range(8)
    ]
    config = Config(sources=["x"], too_short=Threshold(threshold=None))
    measure_pages(0, pages).save(tmp_path / "batch.arrow")
    exchange = Exchange(tmp_path / "menus")
    ask_menus(exchange, tmp_path / "batch.arrow")
    for one, part, parts in exchange.ranges():
        one.reduce(part, parts, np.zeros(0, np.uint64))
    batch = Batch.load(tmp_path / "batch.arrow")
    decided = decide_pages(batch, config, exchange.answers(0))
    assert all(decided.text(number).split("\n") == list(page.lines[:4]) for number, page in enumerate(pages))
    alone = decide_pages(measure_pages(0, pages[:1]), config, Answers(np.zeros(0, ANSWER)))
    assert alone.text(0).split("\n")[4:] == topics
