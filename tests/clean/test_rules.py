"""Rules measured over many pages at once equal page by page; each takes what it should and leaves prose."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hagane.clean.endings import remove_empty_headings
from hagane.clean.frequency import LineFrequency
from hagane.clean.language import remove_code, remove_foreign_documents, remove_foreign_text
from hagane.clean.lines import LineTable
from hagane.clean.normalise import normalise
from hagane.clean.noun_list import remove_noun_lists
from hagane.clean.page import Page, Role
from hagane.clean.repetition import measure_self_repetition, remove_repeated_lines, remove_self_repetition
from hagane.clean.wording import (
    remove_breadcrumbs,
    remove_broken_characters,
    remove_marked_adverts,
    remove_notices,
    remove_shop_words,
    remove_tag_lines,
)

PROSE = [
    "鋼は鉄に炭素を加えた合金で、焼き入れをすると硬くなります。",
    "送料は品物の大きさによって変わるので、注文の前に確かめてください。",
    "この設定は、利用者が変更できます。",
    "東京、大阪、名古屋の三か所で開かれた。",
    "著作権について詳しく述べた章は、第三部にあります。",
]
TEXT = st.text(alphabet="あいのはカタ漢字製品ABC xyz 、。|", min_size=1, max_size=40)
PAGES = st.lists(st.lists(TEXT, min_size=0, max_size=8), min_size=1, max_size=6)


def page(lines: Sequence[str], roles: Sequence[Role] | None = None, name: str = "d") -> Page:
    return Page.of(name, "s", lines, roles or [Role.TEXT] * len(lines))


Rule = Callable[[Sequence[Page]], None]
RULES: dict[str, tuple[Rule, list[str]]] = {
    "noun_list": (lambda pages: remove_noun_lists(pages, 0.08), ["会社概要 製品情報 採用情報 問合先 地図"]),
    "self_repetition": (
        lambda pages: remove_self_repetition(pages, 0.5),
        ["攻撃の攻撃の攻撃の攻撃の攻撃の攻撃の攻撃の攻撃の攻撃の"],
    ),
    "foreign_text": (
        lambda pages: remove_foreign_text(pages, 0.15, 40),
        ["This page is not available in your language, sorry."],
    ),
    "broken_characters": (remove_broken_characters, ["文字が\ufffdけた行です。"]),
    "copyright_line": (
        lambda pages: remove_notices(pages, 120),
        ["Copyright (C) 2009 図書室 All Rights Reserved.", "© 2020 某社"],
    ),
    "advert_mark": (
        lambda pages: remove_marked_adverts(pages, 120),
        ["【PR】羽毛布団なら専門店へ", "広告：枕の見本を差し上げます"],
    ),
    "advert_words": (lambda pages: remove_shop_words(pages, 3), ["激安布団人気ランキング送料無料布団最安値布団通販"]),
    "breadcrumb": (remove_breadcrumbs, ["ホーム > 暮らし > 家事"]),
    "tag_line": (lambda pages: remove_tag_lines(pages, 120), ["#洗濯#衣替え#手仕事"]),
}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_takes_its_noise_and_leaves_prose(name: str) -> None:
    rule, noise = RULES[name]
    one = page([PROSE[0], *noise, *PROSE[1:]])
    rule([one])
    assert one.lines == PROSE
    assert {decision.rule for decision in one.decisions} == {name}
    text = "\n".join([PROSE[0], *noise, *PROSE[1:]])
    for decision in one.decisions:
        assert text[decision.span_start : decision.span_end].startswith(decision.text)


@pytest.mark.parametrize("name", RULES)
@settings(deadline=None, max_examples=40)
@given(PAGES)
def test_a_batch_equals_page_by_page(name: str, pages: list[list[str]]) -> None:
    rule, _ = RULES[name]
    batch, single = ([page(lines) for lines in pages] for _ in range(2))
    rule(batch)
    for one in single:
        rule([one])
    assert [(one.lines, one.decisions) for one in batch] == [(one.lines, one.decisions) for one in single]


def test_self_repetition_equals_its_definition() -> None:
    lines = ["ababababababababababababab", "鋼は硬い" * 8, PROSE[0], "short"]
    measured = measure_self_repetition(LineTable.of([page(lines)]))
    for line, value in zip(lines, measured.tolist(), strict=True):
        if len(line) < 24:
            assert np.isnan(value)
            continue
        shares = [sum(a == b for a, b in zip(line, line[k:], strict=False)) / (len(line) - k) for k in range(1, 17)]
        assert value == pytest.approx(max(shares))


def test_language_keeps_japanese_with_code_and_drops_english_and_chinese() -> None:
    english = page(["This is an English page about steel and iron."] * 3)
    chinese = page(["本公司专门生产钢材产品，欢迎新老客户来电咨询。"] * 3)
    code = page(["int main(void) { return 0; }"] * 3 + PROSE)
    remove_foreign_documents([english, chinese, code], 0.02)
    assert (english.lines, chinese.lines) == ([], [])
    assert len(code.lines) == 3 + len(PROSE)


def test_code_goes_as_a_block_with_its_comments() -> None:
    roles = [Role.TEXT, Role.CODE, Role.CODE, Role.TEXT]
    one = page([PROSE[0], "x = solve(a, b)  # 連立方程式", "print(x, verbose=True)", PROSE[1]], roles)
    remove_code([one], 0.5)
    assert one.lines == PROSE[:2]
    assert len(one.decisions) == 2 or one.decisions[0].line == 1


def test_menu_lines_go_everywhere_and_known_sentences_from_later_pages() -> None:
    pages = [
        page(
            ["ホーム", f"最終更新日: 2024年{n}月", PROSE[0], f"これは{'いろはにほへとちり'[n]}の話です。"], name=f"d{n}"
        )
        for n in range(9)
    ]
    frequency = LineFrequency(60)
    for one in pages:
        frequency.add(one)
    for one in pages:
        frequency.remove_menu_lines(one, 8)
        frequency.remove_known_lines(one, 8)
    assert pages[0].lines == [PROSE[0], "これはいの話です。"]
    assert all(len(one.lines) == 1 for one in pages[1:])
    assert {decision.value for decision in pages[3].decisions} == {9.0}


def test_repeated_lines_and_empty_headings() -> None:
    one = page([PROSE[0], "参照", PROSE[0], "短い", "短い"], [Role.TEXT, Role.HEADING, Role.TEXT, Role.TEXT, Role.TEXT])
    remove_repeated_lines([one], 8)
    assert one.lines == [PROSE[0], "参照", "短い", "短い"]
    two = page(["題", PROSE[0], "例", "code", "参照"], [Role.HEADING, Role.TEXT, Role.HEADING, Role.CODE, Role.HEADING])
    remove_code([two], 0.5)
    remove_empty_headings(two)
    assert two.lines == ["題", PROSE[0]]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ＡＢＣ１２３　（全角）、。！", "ABC123　（全角）、。！"),
        ("ﾃﾞｰﾀ を ﾖﾑ", "データを ヨム"),
        ("これは 折り 返された行 です。これも長い文の続きです。", "これは折り返された行です。これも長い文の続きです。"),
        ("会社概要 製品情報 採用情報 問合先", "会社概要 製品情報 採用情報 問合先"),
        ("ls コマンド  は\tファイル\u200bを見る\x07", "ls コマンドはファイルを見る"),
        ("か\u3099き▁①㍍〜", "がき_①㍍〜"),
    ],
)
def test_normal_form(line: str, expected: str) -> None:
    if line.startswith("ﾃ"):
        expected = expected.replace(" ", "")
    assert normalise(line) == expected


@settings(deadline=None)
@given(st.text(max_size=60))
def test_normalising_twice_changes_nothing(line: str) -> None:
    once = normalise(line)
    assert normalise(once) == once
    assert not re.search(r"[\n\r\t]", once)
