"""Lines that are no writing stand high; prose, lists, code and foreign names do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hagane.clean.lines import LineTable
from hagane.clean.normalise import normalise
from hagane.clean.page import Page, Role
from hagane.clean.statistics import measure_decoration, measure_mojibake, measure_same_letter

PROSE = [
    "設定を変更すると、画面の表示が正しくなります。カタカナも漢字も、そのまま読めるはずです。",
    "朝早く起きて、川沿いの道を一時間ほど歩いた。風は冷たいが、空はよく晴れている。",
    "ファイルを保存する前に、エンコーディングがＵＴＦ８であることを確かめてください。",
]
CLEAN = [
    *PROSE,
    "「アハハハハハハ」と彼は笑った。",
    "「ウフフフフフフ」",
    "第三条第一項第一号イ、ロ、ハ、ニ及びホに掲げる者",
    "糸が縺れて、なかなか解けない。",
    "ダゾールヌイ、ウ、ブードキ",
    "Les élèves créent une œuvre à Orléans. São Paulo, Düsseldorf",
    "×××党の××は、三×五＝十五と書いた。",
    "| 項目 | 値 |",
    "-------------------- ==========",
    "{訳注: １００、２００、３００、４００、５００}",
    "・りんご　・みかん　・ぶどう（三個）！？",
    "１０，０００，０００円〜２０，０００，０００円",
    "Mississippi 100000000 xxx-xxxx-xxxx 〇・〇〇〇〇〇〇〇〇六九",
]
RULES: list[tuple[Callable[[LineTable], np.ndarray], float]] = [
    (measure_mojibake, 0.05),
    (measure_decoration, 0.3),
    (measure_same_letter, 0.4),
]


def table(*pages: Sequence[str]) -> LineTable:
    return LineTable.of(
        [Page.of(str(number), "s", lines, [Role.TEXT] * len(lines)) for number, lines in enumerate(pages)]
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("utf-8", "cp932"),
        ("utf-8", "gb18030"),
        ("utf-8", "latin-1"),
        ("utf-8", "cp1252"),
        ("euc-jp", "cp932"),
        ("cp932", "latin-1"),
    ],
)
def test_prose_in_the_wrong_encoding_is_mojibake(written: str, read: str) -> None:
    damaged = normalise(line.encode(written).decode(read, "ignore") for line in PROSE)
    values = measure_mojibake(table(damaged))
    print(f"{written} read as {read}: {values.round(3)}")
    assert (values > 0.05).all()


@pytest.mark.parametrize("line", ["★☆★☆★☆★☆", "━━━━━━━━━━", "☆★☆お知らせ★☆★", "┌──┬──┬──┐", "▼▼▼▼こちら▼▼▼▼"])
def test_rows_of_symbols_are_decoration(line: str) -> None:
    assert measure_decoration(table([line]))[0] > 0.3


@pytest.mark.parametrize(
    "line", ["ああああああああああ", "wwwwwwwwwwww", "うわああああああああああ！！", "っっっっっっっっっｗ"]
)
def test_a_key_held_down_is_the_same_letter(line: str) -> None:
    assert measure_same_letter(table(normalise([line])))[0] > 0.4


@pytest.mark.parametrize(("measure", "threshold"), RULES)
def test_writing_stays(measure: Callable[[LineTable], np.ndarray], threshold: float) -> None:
    lines = normalise(CLEAN)
    removed = measure(table(lines)) > threshold
    assert not removed.any(), [line for line, gone in zip(lines, removed, strict=True) if gone]


LINES = st.lists(st.text(alphabet="縺繧あア、。ãé×★━w ", min_size=1, max_size=20), min_size=1, max_size=6)


@pytest.mark.parametrize(("measure", "threshold"), RULES)
@settings(max_examples=100, deadline=None)
@given(LINES)
def test_lines_are_measured_as_if_alone(
    measure: Callable[[LineTable], np.ndarray], threshold: float, lines: list[str]
) -> None:
    together = measure(table(lines, lines[:1]))
    alone = np.concatenate([measure(table([line])) for line in [*lines, lines[0]]])
    assert np.array_equal(together, alone, equal_nan=True)
