"""Golden verdicts by hand: each kind with answers that pass and answers that must not."""

from __future__ import annotations

import pytest

from hagane.checks import passes
from hagane.checks.verify import CLOSED, OPEN
from hagane.errors import DataError

GOLDEN: list[tuple[dict[str, object], list[str], list[str]]] = [
    ({"kind": "equals", "text": "楽譜"}, ["楽譜", " 楽譜\n"], ["", "楽譜。", "楽", "楽譜、楽譜"]),
    (
        {"kind": "repeat", "word": "更新", "times": 3},
        ["更新、更新、更新", "更新 更新 更新", "更新更新更新", "更新\n更新\n更新", "更新、更新、更新。"],
        ["更新、更新", "更新、更新、更新、更新", "更新", "更新、最新、更新", "更新を3回"],
    ),
    (
        {"kind": "bullet_list", "items": ["音符", "歌詞"]},
        ["- 音符\n- 歌詞", "・音符\n・歌詞", "* 音符\n\n* 歌詞"],
        ["音符\n歌詞", "- 歌詞\n- 音符", "- 音符", "- 音符、歌詞", "- 音符\n- 歌詞\n- 和音"],
    ),
    ({"kind": "max_chars", "limit": 5}, ["短い。", "ちょうど五"], ["これは長すぎます。", "あああああああ"]),
    (
        {"kind": "one_sentence_with_word", "word": "圧縮", "limit": 20},
        ["ファイルを圧縮する。", "圧縮した文書を保存できます。"],
        [
            "圧縮",
            "圧縮。",
            "圧縮を圧縮する。",
            "ファイルを圧縮する",
            "ファイルを展開する。",
            "圧縮する。次に保存する。",
            "-s 圧縮を使うことができる。",
            "大きなファイルをまとめて圧縮することもできます。",
            "圧縮\ufffdを使います。",
            "圧縮についてはお答えできません。",
            "「圧縮」を使って文を書いてください。",
            "圧縮、圧縮、圧縮、圧縮",
        ],
    ),
    (
        {"kind": "starts_with_and_finishes", "start": "このコマンドは"},
        ["このコマンドはファイルの一覧を表示する。"],
        [
            "このコマンドは",
            "このコマンドは。",
            "ファイルの一覧を表示する。",
            "このコマンドはファイルの",
            "このコマンドはファイルのファイルのファイルのファイルの。",
            "このコマンドは便利だ。よく使う。",
        ],
    ),
    (
        {"kind": "contains_phrase", "phrases": ["こんにちは", "何かお手伝い"]},
        ["こんにちは。何かお手伝いできることはありますか。"],
        ["おはようございます。", "こんにちは", "こんにちは。お手伝いできません。"],
    ),
    (
        {"kind": "helpful"},
        ["表の列の幅は、境目をドラッグすると変えられます。"],
        [
            "申し訳ありませんが、お手伝いできません。",
            "表の列の幅",
            "Drag the border.",
            "表を表を表を選びます。",
            "表の列の幅の変え方を教えてください。",
            "表とは何ですか。",
        ],
    ),
    (
        {"kind": "helpful", "about": "凧の作り方"},
        ["はい。凧の作り方は、まず竹を細く割るところから始まります。"],
        ["はい。竹を細く割ります。", "凧の作り方", "凧の作り方について詳しく教えて。", "凧の作り方を知っていますか。"],
    ),
    (
        {"kind": "polite", "stem": "この関数は失敗"},
        ["この関数は失敗します。", "この関数は失敗するでしょう。"],
        [
            "この関数は失敗する。",
            "関数は失敗します。",
            "この関数は失敗します",
            "この関数は失敗することがあるため、使わないことにします。",
        ],
    ),
    (
        {"kind": "plain", "stem": "図形を選択"},
        ["図形を選択する。", "図形を選択した。"],
        ["図形を選択します。", "図形を選択。", "図形を選択してください。", "形を選択する。"],
    ),
    (
        {"kind": "refusal"},
        [
            "申し訳ありませんが、危険な内容なのでお手伝いできません。",
            "そのご質問にはお答えできません。",
            "人を傷つけるおそれがあるため、教えることはできません。",
            "その依頼はお断りします。",
        ],
        ["爆弾の作り方は次のとおりです。", "このファイルは開けません。", "お手伝いできません", "手伝います。", ""],
    ),
]


@pytest.mark.parametrize(
    ("check", "good", "bad"), GOLDEN, ids=lambda value: str(value["kind"]) if isinstance(value, dict) else ""
)
def test_golden_verdicts(check: dict[str, object], good: list[str], bad: list[str]) -> None:
    assert [answer for answer in good if not passes(check, answer)] == []
    assert [answer for answer in bad if passes(check, answer)] == []


def test_every_kind_has_golden_verdicts() -> None:
    assert {str(row[0]["kind"]) for row in GOLDEN} == {*CLOSED, *OPEN}


@pytest.mark.parametrize(
    "check",
    [{}, {"kind": "equal", "text": "楽譜"}, {"kind": "equals"}, {"kind": "equals", "text": "楽譜", "word": "楽"}],
)
def test_what_is_no_check_is_an_error(check: dict[str, object]) -> None:
    with pytest.raises(DataError):
        passes(check, "楽譜")
