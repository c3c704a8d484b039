"""The scanner against lexbor, a parser that follows the HTML standard to the letter: the same text on real and on broken pages."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from hagane.clean.dom import html_tree
from hagane.corpus.builtin import builtin_pages

LexborHTMLParser = pytest.importorskip("selectolax.lexbor").LexborHTMLParser

GOLD = Path(__file__).resolve().parents[3] / "shared" / "data" / "html_gold_ja.jsonl.gz"
NOT_SHOWN = [
    *(
        "script",
        "style",
        "noscript",
        "template",
        "head",
        "title",
        "svg",
        "iframe",
        "object",
        "canvas",
        "select",
        "button",
    ),
    *("textarea", "audio", "video", "datalist", "noembed", "noframes", "xmp"),
]
BROKEN = [
    "<p>一<div>二</p>三</div>四",
    "<ul><li>一<ul><li>二</ul><li>三</ul>四",
    "<b>一<p>二</b>三</p>四",
    "<a href=x>一<a href=y>二</a>三",
    "一<!-- 二 -- 三 -->四<!>五<!-->六",
    "<p title='a>b' class=\"c<d\">一</p>二",
    "一 < 二 <3 三 </ 四> 五 <",
    "<DIV CLASS=x>一<SCRIPT>二</SCRIPT >三",
    "<table><tr><td>一<td>二<table><tr><td>三</table>四</table>五",
    "<h1>一<h2>二</h1>三",
    "&lt;一&gt; &amp;amp; &#x4e8c;&#19977;&copy;&nosuch;&",
    "<style>一</style x>二<textarea><p>三</textarea>四",
    "<p>一<select><option>二</select>三",
    "<dl><dt>一<dd>二<dd>三<dt>四</dl>",
    "一<p/>二<br/>三<div/>四",
    """一<!-- a="隠れ -->二<!-- it's -->三<3 "四""",
    "<p =x '\"=>一</p>",
]


def pages() -> Iterator[str]:
    yield from BROKEN
    yield from (page.html for page in builtin_pages())
    if GOLD.is_file():
        with gzip.open(GOLD, "rt", encoding="utf-8") as file:
            for number, row in enumerate(map(json.loads, file)):
                if number % 10 == 0 or not row["kind"].startswith("manual"):
                    yield row["html"]


def text(html: str) -> str:
    parser = LexborHTMLParser(html)
    parser.strip_tags(NOT_SHOWN)
    return "".join((parser.body.text() if parser.body else "").split())


def test_the_text_is_that_of_a_parser_by_the_standard() -> None:
    compared = 0
    for html in pages():
        ours = "".join("".join(html_tree(html).lines).split())
        assert ours == text(html), html[:200]
        compared += len(ours) > 0
    print(f"{compared} pages compared")
    assert compared >= len(BROKEN) + 50


def test_the_comparison_notices_a_lost_word() -> None:
    assert "".join(html_tree("<p>一</p><select>二</select>").lines) != text("<p>一</p><i>二</i>")
