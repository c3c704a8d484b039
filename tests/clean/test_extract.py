"""Main text: a floor under the score on the built-in pages, deep pages, and roff."""

from __future__ import annotations

import statistics
from collections import Counter

import pytest

from hagane.clean.dom import TooDeepError, html_tree
from hagane.clean.extract import Thresholds, main_text
from hagane.clean.page import Role
from hagane.clean.pages import page_of
from hagane.clean.roff import roff_lines
from hagane.corpus.builtin import builtin_pages
from hagane.corpus.document import RawDocument


def f1(text: str, gold: str) -> float:
    one, other = (
        Counter(packed[i : i + 4] for i in range(len(packed) - 3))
        for packed in ("".join(text.split()), "".join(gold.split()))
    )
    return 2 * sum((one & other).values()) / max(sum(one.values()) + sum(other.values()), 1)


def main_lines(html: str) -> str:
    tree = html_tree(html)
    verdicts = main_text(tree, Thresholds())
    return "\n".join(line for line, verdict in zip(tree.lines, verdicts, strict=True) if not verdict)


def test_score_on_builtin_pages_has_a_floor() -> None:
    ours, body = [], []
    for page in builtin_pages():
        if page.gold.strip():
            ours.append(f1(main_lines(page.html), page.gold))
            body.append(f1("\n".join(html_tree(page.html).lines), page.gold))
    assert statistics.mean(ours) > 0.92
    assert statistics.mean(ours) > statistics.mean(body) + 0.1


@pytest.mark.parametrize("tag", ["div", "b", "ul><li", "table><tr><td", "blockquote"])
def test_a_page_20000_deep_is_read(tag: str) -> None:
    tree = html_tree("<body>" + "".join(f"<{tag}>" for _ in range(20_000)) + "深いところにも文はある。")
    assert tree.lines == ["深いところにも文はある。"]


def test_a_page_deeper_than_parsing_allows_is_refused() -> None:
    with pytest.raises(TooDeepError):
        html_tree("<div>" * 100_000 + "深い" + "</div>" * 100_000)
    assert len(html_tree("<p>浅い段落。" * 30_000).lines) == 30_000


def test_table_rows_become_lines_and_pre_becomes_code() -> None:
    html = (
        "<table><tr><td>鋼</td><td>硬い金属</td></tr><tr><td>鉛</td><td>軟らかい金属</td></tr></table><pre>a\nb</pre>"
    )
    page = page_of(RawDocument("t", "s", "html", html))
    assert list(page.lines) == ["鋼　硬い金属", "鉛　軟らかい金属", "a", "b"]
    assert list(page.roles) == [Role.TEXT, Role.TEXT, Role.CODE, Role.CODE]


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
