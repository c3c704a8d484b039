"""Rules measured over many pages at once equal page by page; each takes what it should and leaves prose."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hagane.clean.batch import Batch
from hagane.clean.config import Config
from hagane.clean.decisions import decision_table
from hagane.clean.endings import decide_empty_headings
from hagane.clean.exchange import ANSWER, Answers
from hagane.clean.lines import LineTable
from hagane.clean.measure import measure_pages
from hagane.clean.normalise import normalise
from hagane.clean.page import Page, Role
from hagane.clean.repetition import measure_self_repetition
from hagane.clean.select import decide_pages
from hagane.clean.verdicts import Verdicts

PROSE = [
    "鋼は鉄に炭素を加えた合金で、焼き入れをすると硬くなります。",
    "送料は品物の大きさによって変わるので、注文の前に確かめてください。",
    "この設定は、利用者が変更できます。",
    "東京、大阪、名古屋の三か所で開かれた。",
    "著作権について詳しく述べた章は、第三部にあります。",
]
TEXT = st.text(alphabet="あいのはカタ漢字製品ABC xyz 、。|", min_size=1, max_size=40).map(str.strip).filter(bool)
PAGES = st.lists(st.lists(TEXT, min_size=0, max_size=8), min_size=1, max_size=6)
CONFIG = Config(sources=["x"], too_short={"threshold": None}, little_japanese={"threshold": None})
NO_MENUS = Answers(np.zeros(0, ANSWER))
NOISE = {
    "noun_list": ["会社概要 製品情報 採用情報 問合先 地図"],
    "self_repetition": ["攻撃の攻撃の攻撃の攻撃の攻撃の攻撃の攻撃の攻撃の攻撃の"],
    "foreign_text": ["This page is not available in your language, sorry."],
    "broken_characters": ["文字が\ufffdけた行です。"],
    "copyright_line": ["Copyright (C) 2009 図書室 All Rights Reserved.", "© 2020 某社"],
    "advert_mark": ["【PR】羽毛布団なら専門店へ", "広告：枕の見本を差し上げます"],
    "breadcrumb": ["ホーム > 暮らし > 家事"],
    "tag_line": ["#洗濯#衣替え#手仕事"],
}


def page(lines: Sequence[str], roles: Sequence[Role] | None = None, name: str = "d") -> Page:
    return Page.of(name, "s", lines, roles or [Role.TEXT] * len(lines))


def decided(pages: Sequence[Page], config: Config = CONFIG) -> Verdicts:
    return decide_pages(measure_pages(0, pages), config, NO_MENUS, noting=True)


def left(verdicts: Verdicts, number: int = 0) -> list[str]:
    return verdicts.text(number).split("\n")


@pytest.mark.parametrize("name", NOISE)
def test_a_rule_takes_its_noise_and_leaves_prose(name: str) -> None:
    lines = [PROSE[0], *NOISE[name], *PROSE[1:]]
    verdicts = decided([page(lines)])
    assert left(verdicts) == PROSE
    rows = decision_table(verdicts, {}).to_pylist()
    assert {row["rule"] for row in rows} == {name}
    text = "\n".join(lines)
    assert all(text[row["span_start"] : row["span_end"]] == row["text"] for row in rows)


@pytest.mark.parametrize("name", NOISE)
def test_a_rule_that_is_off_measures_and_takes_nothing(name: str) -> None:
    lines = [PROSE[0], *NOISE[name], *PROSE[1:]]
    verdicts = decided(
        [page(lines)], CONFIG.model_copy(update={name: CONFIG.menu_line.model_copy(update={"threshold": None})})
    )
    rules = {row["rule"] for row in decision_table(verdicts, {}).to_pylist()}
    assert name not in rules
    assert verdicts.histograms[name].sum() if name in verdicts.histograms else name == "foreign_text"


@settings(deadline=None, max_examples=60)
@given(PAGES)
def test_a_batch_equals_page_by_page(pages: list[list[str]]) -> None:
    together = decided([page(lines) for lines in pages])
    for number, lines in enumerate(pages):
        assert together.text(number) == decided([page(lines)]).text(0)


@settings(deadline=None, max_examples=60)
@given(PAGES)
def test_every_character_is_kept_or_in_one_row(pages: list[list[str]]) -> None:
    verdicts = decided([page(lines, name=f"d{number}") for number, lines in enumerate(pages)])
    rows = decision_table(verdicts, {}).to_pylist()
    for number, lines in enumerate(pages):
        mine = sum(row["characters"] for row in rows if row["doc"] == f"d{number}")
        assert mine + sum(map(len, verdicts.text(number).split("\n"))) == sum(map(len, lines))


def test_a_batch_is_read_as_it_was_written(tmp_path: Path) -> None:
    batch = measure_pages(3, [page(PROSE, name="a"), page([], name="b"), page(NOISE["noun_list"], name="c")])
    batch.save(tmp_path / "x.arrow")
    again = Batch.load(tmp_path / "x.arrow")
    assert (again.number, again.ids, again.texts) == (3, ["a", "b", "c"], batch.texts)
    assert again.first_line.tolist() == batch.first_line.tolist()
    for name, column in batch.columns.items():
        np.testing.assert_array_equal(again.columns[name], column)
    assert again.starts.tolist() == [0, *np.cumsum([len(line) + 1 for line in PROSE])[:-1].tolist(), 0]


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
    verdicts = decided([english, chinese, code])
    rows = decision_table(verdicts, {}).to_pylist()
    assert [(row["rule"], row["action"]) for row in rows[:2]] == [("language", "remove_document")] * 2
    assert verdicts.alive.tolist() == [False, False, True]


def test_code_goes_as_a_block_with_its_comments() -> None:
    roles = [Role.TEXT, Role.CODE, Role.CODE, Role.TEXT]
    verdicts = decided([page([PROSE[0], "x = solve(a, b)  # 連立方程式", "print(x, verbose=True)", PROSE[1]], roles)])
    assert left(verdicts) == PROSE[:2]
    (row,) = decision_table(verdicts, {}).to_pylist()
    assert (row["rule"], row["line"]) == ("code", 1)


def test_repeated_lines_and_empty_headings() -> None:
    one = [PROSE[0], "参照", PROSE[0], "短い", "短い"]
    roles = [Role.TEXT, Role.HEADING, Role.TEXT, Role.TEXT, Role.TEXT]
    assert left(decided([page(one, roles)])) == [PROSE[0], "参照", "短い", "短い"]
    two = page(
        ["題", PROSE[0], "例", "code = x", "参照"], [Role.HEADING, Role.TEXT, Role.HEADING, Role.CODE, Role.HEADING]
    )
    verdicts = decided([two])
    decide_empty_headings(verdicts)
    assert left(verdicts) == ["題", PROSE[0]]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ＡＢＣ１２３　（全角）、。！", "ABC123　（全角）、。！"),
        ("ﾃﾞｰﾀ を ﾖﾑ", "データをヨム"),
        ("これは 折り 返された行 です。これも長い文の続きです。", "これは折り返された行です。これも長い文の続きです。"),
        ("会社概要 製品情報 採用情報 問合先", "会社概要 製品情報 採用情報 問合先"),
        ("ls コマンド  は\tファイル\u200bを見る\x07", "ls コマンドはファイルを見る"),
        ("か\u3099き▁①㍍〜", "がき_①㍍〜"),
    ],
)
def test_normal_form(line: str, expected: str) -> None:
    assert normalise([line]) == [expected]


@settings(deadline=None)
@given(st.lists(st.text(max_size=60), max_size=4))
def test_normalising_twice_changes_nothing_and_lines_do_not_touch_each_other(lines: list[str]) -> None:
    once = normalise(lines)
    assert once == [normalise([line])[0] for line in lines]
    assert normalise(once) == once
    assert not any(re.search(r"[\n\r\t]", line) for line in once)
