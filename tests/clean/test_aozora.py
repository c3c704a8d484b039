"""Aozora notation: each case of the published list prints as the book does, and texts in it are known by their marks."""

from __future__ import annotations

from pathlib import Path

import pytest

from hagane.clean.aozora import GETA, aozora_lines
from hagane.clean.page import Role
from hagane.corpus.document import RawDocument
from hagane.corpus.read import read_raw

RULE = "-" * 55
WORK = f"""刃物
鍛冶屋太郎

{RULE}
【テキスト中に現れる記号について】

《》：ルビ
（例）鋼《はがね》

｜：ルビの付く文字列の始まりを特定する記号
（例）玉｜鋼《はがね》
{RULE}

［＃３字下げ］第一章　火［＃「第一章　火」は中見出し］

　武州《ぶしゅう》の｜玉鋼《たまはがね》を打つ。
［＃ここから２字下げ］
槌の音が響《ひび》く。
［＃ここで字下げ終わり］
［＃ここから大見出し］
第二章
水
［＃ここで大見出し終わり］
　底本という語は文中にもある。



底本：「刃物全集」鋼書房
　　　1950（昭和25）年発行
入力：青空
2001年1月1日公開
青空文庫作成ファイル：
このファイルは、インターネットの図書館、青空文庫で作られました。
"""
CASES = {
    "｜青空文庫《あおぞらぶんこ》と霧《きり》": "青空文庫と霧",
    "※［＃「てへん＋劣」、第3水準1-84-77］《むし》る": "挘る",
    "※［＃「土へん＋竒」、U+57FC、123-4］": "\u57fc",
    "※［＃「口＋世」、第４水準２-１３-２８］": bytes((0x8F, 13 + 0xA0, 28 + 0xA0)).decode("euc_jis_2004"),
    "※［＃丸1、1-13-1］と※［＃二の字点、1-2-22］": "①と〻",
    "※［＃始め二重山括弧、1-1-52］題《だい》※［＃終わり二重山括弧、1-1-53］": "《題》",
    "※［＃「にんべん＋某」、256-16］と※［＃「さんずい＋？」］": GETA + "と" + GETA,
    "※［＃「？」、U+D800］※［＃「？」、第3水準1-99-99］": GETA * 2,
    "霧《きり》※［＃「てへん＋劣」、第3水準1-84-77］": "霧挘",
    "傍点［＃「傍点」に傍点］を打つ": "傍点を打つ",
    "喋舌《しやべ》る［＃「喋舌る」に「ママ」の注記］": "喋舌る",
    "［＃挿絵（fig1_01.png、横321×縦123）入る］": "",
    "［＃改ページ］": "",
    "自［＃二］女王［＃一］、［＃（ニ）］": "自女王、",
    "［＃割り注］注の文［＃割り注終わり］である": "注の文である",
    "［＃「［」は縦中横］括弧": "括弧",
    "〔E'tudes〕と〔oe&uvre, franc,ais!〕": "Étudesとœuvre, français!",
    "〔これは補いである〕": "〔これは補いである〕",
    "いよ／＼、つく／″＼と": "いよ〳〵、つく〴〵と",
    "※印と｜だけの線、《》": "※印と｜だけの線、《》",
}


@pytest.mark.parametrize("written", CASES)
def test_each_notation_prints_as_the_book_does(written: str) -> None:
    lines, _ = aozora_lines(f"題\n{written}\n")
    assert lines == ["題", CASES[written]]


def test_a_work_without_its_explanation_and_colophon() -> None:
    lines, roles = aozora_lines(WORK)
    assert [(line.strip("\u3000"), role) for line, role in zip(lines, roles, strict=True) if line] == [
        ("刃物", Role.HEADING),
        ("鍛冶屋太郎", Role.TEXT),
        ("第一章　火", Role.HEADING),
        ("武州の玉鋼を打つ。", Role.TEXT),
        ("槌の音が響く。", Role.TEXT),
        ("第二章", Role.HEADING),
        ("水", Role.HEADING),
        ("底本という語は文中にもある。", Role.TEXT),
    ]


def test_headings_in_a_running_line_are_text() -> None:
    lines = "題\n［＃大見出し］上［＃大見出し終わり］\n同じ行［＃「同じ行」は同行小見出し］に続く。\n"
    assert aozora_lines(lines) == (["題", "上", "同じ行に続く。"], [Role.HEADING, Role.HEADING, Role.TEXT])


def test_rules_of_hyphens_in_other_texts_hide_nothing() -> None:
    text = f"題\n{RULE}\n本文\n{RULE}\n続き"
    assert aozora_lines(text)[0] == text.splitlines()


def test_files_are_known_by_their_marks(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(WORK.replace("\n", "\r\n").encode("cp932"))
    (tmp_path / "b.txt").write_text("小説に鋼《はがね》とルビを振る人は、青空文庫の外にもいる。")
    (tmp_path / "c.txt").write_text("鋼《はがね》を打つ。\n［＃改ページ］\n")
    found = [(item.id, item.kind) for item in read_raw([str(tmp_path)]) if isinstance(item, RawDocument)]
    names = [(identity.rpartition("/")[2], kind) for identity, kind in found]
    assert names == [("a.txt", "aozora"), ("b.txt", "text"), ("c.txt", "aozora")]
