"""Main text: floors under the score on gold pages, deep and broken pages, tables and code, roff."""

from __future__ import annotations

import gzip
import json
import statistics
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hagane.clean.dom import html_tree
from hagane.clean.extract import HtmlPage, Thresholds, html_lines, removed
from hagane.clean.page import Role
from hagane.clean.roff import roff_lines
from hagane.corpus.builtin import builtin_pages

GOLD = Path(__file__).resolve().parents[3] / "shared" / "data" / "html_gold_ja.jsonl.gz"


def f1(text: str, gold: str) -> float:
    """F1 over the multiset of character 5-grams, blanks left out."""
    one, other = (
        Counter(packed[i : i + 5] for i in range(len(packed) - 4))
        for packed in ("".join(text.split()), "".join(gold.split()))
    )
    return 2 * sum((one & other).values()) / max(sum(one.values()) + sum(other.values()), 1)


def main_text(html: str) -> str:
    page = html_lines(html)
    return "\n".join(line for line, rule in zip(page.lines, removed(page, Thresholds()), strict=True) if not rule)


def test_score_on_gold_pages_has_a_floor() -> None:
    if not GOLD.is_file():
        pytest.skip(f"no gold pages at {GOLD}")
    scores: dict[bool, list[float]] = {True: [], False: []}
    body = []
    with gzip.open(GOLD, "rt", encoding="utf-8") as file:
        for number, row in enumerate(map(json.loads, file)):
            manual = row["kind"].startswith("manual")
            if not manual or number % 5 == 0:
                scores[manual].append(f1(main_text(row["html"]), row["gold"]))
                body.append(f1("\n".join(html_tree(row["html"]).lines), row["gold"]))
    sites, manual = statistics.mean(scores[False]), statistics.mean(scores[True])
    print(f"F1: {len(scores[False])} sites {sites:.4f}, {len(scores[True])} manual pages {manual:.4f}")
    assert sites > 0.89
    assert manual > 0.96
    assert statistics.mean(body) < 0.7


def test_score_on_builtin_pages_has_a_floor() -> None:
    ours, body = [], []
    for page in builtin_pages():
        if page.gold.strip():
            ours.append(f1(main_text(page.html), page.gold))
            body.append(f1("\n".join(html_tree(page.html).lines), page.gold))
    print(f"F1: {len(ours)} built-in pages {statistics.mean(ours):.4f}, body {statistics.mean(body):.4f}")
    assert statistics.mean(ours) > 0.94
    assert statistics.mean(ours) > statistics.mean(body) + 0.1


def test_values_do_not_know_the_thresholds() -> None:
    side = "<div class=sidebar><p>脇にある短い文も、ひらがなで書いてある。</p></div>"
    page = html_lines(f"<body>{side}<div><p>{'本文の長い段落は、ここに書いてあります。' * 4}</p></div>")
    assert page.boilerplate[0] < 0.5
    assert page.boilerplate[1] == 1
    assert removed(page, Thresholds()).tolist() == [1, 0]
    assert removed(page, Thresholds(protect=0, main_share=1.1)).tolist() == [0, 0]
    alone = html_lines(f"<body>{side}")
    assert removed(alone, Thresholds()).tolist() == [0]  # it holds all prose that there is


def test_a_page_of_marked_boxes_is_not_lost() -> None:
    box = "<div class=related>" + "<p>三つの枠のどれもが同じ名で、本文はその中にある。</p>" * 3 + "</div>"
    assert removed(html_lines(box * 3), Thresholds()).tolist() == [0] * 9


def test_blocks_of_links_go_and_a_link_in_a_sentence_stays() -> None:
    menu = "<ul>" + "".join(f"<li><a href=/{i}>項目その{i}</a></li>" for i in range(5)) + "</ul>"
    page = html_lines(f"<div><p>本文の段落には<a href=x>リンク</a>もあり、文は句点で終わります。</p>{menu}</div>")
    assert removed(page, Thresholds()).tolist() == [0, 3, 3, 3, 3, 3]


@pytest.mark.parametrize("tag", ["div", "b", "ul><li", "table><tr><td", "blockquote", "a href=x", "button></button"])
def test_a_page_100000_deep_is_read(tag: str) -> None:
    page = html_lines("<body>" + f"<{tag}>" * 100_000 + "深いところにも文はある。")
    assert page.lines == ["深いところにも文はある。"]


@pytest.mark.parametrize(
    ("html", "lines"),
    [
        ("<p>一<p>二<ul><li>三<li>四</ul>五", ["一", "二", "三", "四", "五"]),
        ("<ul><li>一<div>二<li>三</ul>", ["一", "二", "三"]),
        ("<dl><dt>一<dd>二<dt>三</dl>", ["一", "二", "三"]),
        ("<h1>一</h2>二", ["一", "二"]),
        ("a < b かつ b>c <3 文", ["a < b かつ b>c <3 文"]),
        ("一<!-- 隠れ > <p>隠れ --!>二<!-->三<!DOCTYPE x>四<?x ?>五</ 隠れ>六", ["一二三四五六"]),
        ("一<script>if (a<b) '</p>' </scrip</SCRIPT x>二<style>隠れ</style >三", ["一二三"]),
        ("""一<a title="<p>隠れ</p>" href='>"'>二</a>三<a b = "x>隠れ">四""", ["一二三四"]),
        ("""一<!-- a="隠れ -->二<!-- it's -->三<3 "四""", ['一二三<3 "四']),
        ("""<p class=it's>一</p><p title="it's">二</p>""", ["一", "二"]),
        ("一<DIV>二</DIV><Div>三</dIv>四", ["一", "二", "三", "四"]),
        ("&lt;p&gt; A&amp;B &#x9280;&#37628;&copy 銀&nbsp;&nbsp;鋼", ["<p> A&B 銀鋼© 銀 鋼"]),
        ("一<select><option>隠れ</select>二<noscript><p>隠れ</p></noscript>三", ["一二三"]),
        ("<div><button>隠れ</div>二", ["二"]),
        ("一\r\n  二<br>三<hr>四", ["一 二", "三", "四"]),
        ("<p>一<table><tr><td>二<td>三<tr><th>四</table>五", ["一", "二", "三", "四", "五"]),
        ("<title>隠れ</title><textarea><p>隠れ</textarea>一<script>隠れ", ["一"]),
    ],
)
def test_markup(html: str, lines: list[str]) -> None:
    assert html_tree(html).lines == lines


def test_tags_cut_off_at_the_end() -> None:
    for end in (
        "<",
        "</",
        "<!",
        "<!-",
        "<!--",
        "<p",
        "<p ",
        '<p a="',
        "<p a='x",
        "<script",
        "<script>",
        "&",
        "&#",
        "<?",
    ):
        assert html_tree(f"<p>一文</p>{end}").lines[0] == "一文"


_PIECES = (
    "<p> </p> <div> </div> <ul> <li> </ul> <table> <tr> <td> </td> </table> <a\u00a0href=x> </a> <h1> </h2> <pre> </pre> <!-- --> "
    "<script> </script> < > & &#0; &lt; \" ' = <button> </button> </ <br> \n 文。 \x00 \ud800 \u3000"
)
MARKUP = st.lists(st.sampled_from(_PIECES.split(" "))).map("".join)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), MARKUP))
def test_any_string_has_values_and_sound_elements(html: str) -> None:
    tree, page = html_tree(html), html_lines(html)
    firsts, ends = np.asarray(tree.firsts), np.asarray(tree.ends)
    assert tree.tags[0] == "body"
    assert (firsts <= ends).all()
    assert all(
        0 <= parent < element and firsts[parent] <= firsts[element] and ends[element] <= ends[parent]
        for element, parent in enumerate(tree.parents)
        if element
    )
    assert all(firsts[owner] <= line < ends[owner] for line, owner in enumerate(tree.owners))
    assert all(0 <= links <= len(line) for links, line in zip(tree.links, tree.lines, strict=True))
    for values in (page.boilerplate, page.outside_main, page.link_density):
        assert len(values) == len(page.lines)
        assert ((values >= 0) & (values <= 1)).all()
    assert len(removed(page, Thresholds())) == len(page.lines)


@pytest.mark.parametrize(
    "piece",
    [
        "</div>",
        "<div></p>",
        "<ul><table><div></ul>",
        '<a b="',
        "<a ",
        "<!--",
        "<script>",
        "<li></ul><p>",
        "<a b=\"<a c='>",
    ],
)
def test_work_grows_with_the_page(piece: str) -> None:
    """Counted in lines of our code that run: eight times the page may cost eight times as much and a little more."""
    assert work("<div>" * 500 + piece * 4000) < 10 * work("<div>" * 62 + piece * 500)


def work(html: str) -> int:
    steps = 0

    def count(frame: object, event: str, argument: object) -> object:
        nonlocal steps
        steps += 1
        return count

    sys.settrace(count)
    try:
        html_tree(html)
    finally:
        sys.settrace(None)
    return steps


def test_a_table_row_is_one_line_and_pre_is_code() -> None:
    html = (
        "<table><tr><td>鋼</td><td>硬い金属</td></tr><tr><td>鉛</td><td>軟らかい金属</td></tr></table><pre>a\nb</pre>"
    )
    page: HtmlPage = html_lines(html)
    assert page.lines == ["鋼　硬い金属", "鉛　軟らかい金属", "a", "b"]
    assert page.roles == [Role.TEXT, Role.TEXT, Role.CODE, Role.CODE]


def test_man_page() -> None:
    source = r""".\" comment
.TH LS 1 "2021" GNU
.ds Lo 場所
.SH 名前
ls \- ディレクトリの
内容を表示する
.SH "オプション"
.TP
\fB\-a\fR, \fB\-\-all\fR
\*(Lo を
.BR chmod (1)
と同じく示す\(em全部。
.if t .sp
.ie n 端末
.el 印刷
.de XX
隠れる
..
.nf
ls -l
  file
.fi
.TS
tab(@);
l l.
_
種類@T{
長い
説明
T}
.TE
"""
    lines, roles = roff_lines(source)
    assert lines == [
        "名前",
        "ls - ディレクトリの 内容を表示する",
        "オプション",
        "-a, --all 場所 を chmod(1) と同じく示す—全部。 端末",
        "ls -l",
        "file",
        "種類　長い 説明",
    ]
    assert [role for role in roles if role is not Role.TEXT] == [Role.HEADING, Role.HEADING, Role.CODE, Role.CODE]


def test_mdoc_page() -> None:
    source = """.Dd 2020
.Dt PING 8
.Sh 名前
.Nm ping
.Nd 応答を調べる
.Sh 書式
.Nm
.Op Fl c Ar count
.Ar host
.Bl -tag
.It Fl v , Fl Fl verbose
詳しく示す。
.Xr netstat 1 ,
.Dq 参照
.El
"""
    assert roff_lines(source)[0] == [
        "名前",
        "ping - 応答を調べる",
        "書式",
        "ping [-c count] host",
        "-v, --verbose",
        "詳しく示す。 netstat(1), 「参照」",
    ]
