"""Every family: enough ways to ask, new ones apart, references that pass and other answers that do not."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest

from hagane.checks import passes
from hagane.checks.verify import CLOSED
from hagane.instruct.families import FAMILIES
from hagane.instruct.families.style import to_plain, to_polite
from hagane.instruct.family import Family, Row, draw_row
from hagane.instruct.material import Material

TWINS = {"refuse", "harmless"}


def rows(family: Family, material: Material, count: int = 40) -> list[Row]:
    rng = random.Random(family.name)
    drawn = [draw_row(family, material, rng, split="train") for _ in range(count)]
    return [row for row in drawn if row is not None]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_wordings(family: Family) -> None:
    assert len(set(family.wordings)) >= 10
    assert len(set(family.heldout_wordings)) >= 2
    assert not set(family.wordings) & set(family.heldout_wordings)
    fields = {frozenset(re.findall(r"{(\w+)}", wording)) for wording in family.wordings + family.heldout_wordings}
    assert len(fields) == 1


def test_no_two_families_ask_in_the_same_words() -> None:
    asked = Counter(
        re.sub(r"{\w+}", "{}", wording)
        for family in FAMILIES
        if family.name not in TWINS
        for wording in family.wordings + family.heldout_wordings
    )
    assert [wording for wording, times in asked.items() if times > 1] == []


def test_unsafe_and_harmless_are_asked_alike() -> None:
    refuse, harmless = (next(f for f in FAMILIES if f.name == name) for name in ("refuse", "harmless"))
    assert (refuse.wordings, refuse.heldout_wordings) == (harmless.wordings, harmless.heldout_wordings)


@pytest.mark.parametrize("heldout", [False, True], ids=["training", "heldout"])
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_references_pass_and_others_do_not(family: Family, heldout: bool, materials: tuple[Material, Material]) -> None:
    drawn = rows(family, materials[heldout])
    assert len(drawn) == 40
    for row, other in zip(drawn, [*drawn[1:], drawn[0]], strict=True):
        assert passes(row.check, row.response)
        for wrong in ("", row.prompt, row.response[: len(row.response) // 2]):
            assert not passes(row.check, wrong), (row, wrong)
        if row.check["kind"] in CLOSED and row.response != other.response:
            assert not passes(row.check, other.response)


def test_refusing_everything_and_helping_with_everything_both_fail(materials: tuple[Material, Material]) -> None:
    by_name = {family.name: rows(family, materials[0]) for family in FAMILIES}
    refusal, help_ = by_name["refuse"][0].response, by_name["harmless"][0].response
    assert not any(passes(row.check, refusal) for row in by_name["harmless"])
    assert not any(passes(row.check, help_) for row in by_name["refuse"])


def test_style_pairs() -> None:
    pairs = [
        ("この関数は失敗する。", "この関数は失敗します。"),
        ("これは整数である。", "これは整数です。"),
        ("ここに書くことができる。", "ここに書くことができます。"),
        ("値は変更されない。", "値は変更されません。"),
        ("表示は必要ではない。", "表示は必要ではありません。"),
        ("一覧を保存した。", "一覧を保存しました。"),
    ]
    for plain, polite in pairs:
        assert (to_polite(plain), to_plain(polite)) == (polite, plain)


@pytest.mark.parametrize("sentence", ["次の図に示します。", "よく話します。", "ここで使います。", "分かりやすいです。"])
def test_style_without_a_certain_counterpart_is_left_alone(sentence: str) -> None:
    assert to_plain(sentence) is None
