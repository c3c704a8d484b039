"""The second extractor: its text comes back onto our lines, and no page can hold the run up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hagane.clean.config import Config
from hagane.clean.exchange import ANSWER, Answers
from hagane.clean.extract import html_lines
from hagane.clean.measure import measure_pages
from hagane.clean.pages import page_of
from hagane.clean.rules import RULES
from hagane.clean.second_opinion import SecondOpinion, agreement, is_unsure
from hagane.clean.select import decide_pages
from hagane.clean.verdicts import KEPT
from hagane.corpus.document import RawDocument

pytest.importorskip("trafilatura", reason="trafilatura is not installed (extra quality)")

ARTICLE = "".join(
    f"<p>第{n}段落では、刀を打つ手順を順に説明します。鋼を火に入れて赤くし、槌で何度も折り返します。</p>"
    for n in range(8)
)
PAGE = f"<html><body><ul><li><a href=/a>入口</a></li></ul><article>{ARTICLE}</article></body></html>"


def test_its_text_is_matched_onto_our_lines() -> None:
    page = html_lines(PAGE)
    with SecondOpinion() as opinion:
        values = opinion.values(page, PAGE)
    assert values is not None
    assert page.lines[0] == "入口"
    assert values[0] < 0.5
    assert (values[1:] > 0.9).all()


def test_a_page_that_takes_too_long_has_no_answer_and_the_next_one_has() -> None:
    with SecondOpinion() as opinion:
        assert opinion.text(PAGE)
        opinion.seconds = 0.0
        assert opinion.text(PAGE) is None
        opinion.seconds = 60.0
        assert opinion.text(PAGE)


def test_a_page_that_takes_too_much_memory_has_no_answer() -> None:
    with SecondOpinion(seconds=60, megabytes=200) as opinion:
        assert opinion.text("<p>文。" * 600_000) is None
        assert opinion.text(PAGE)


def test_agreement_of_short_and_partial_lines() -> None:
    values = agreement(["見出し", "ない語", "前半は同じで後半は別の言葉"], "見出し 前半は同じで、")
    assert values.tolist() == pytest.approx([1, 0, 2 / 9])


def test_only_pages_with_hardly_any_main_text_are_unsure() -> None:
    assert not is_unsure(html_lines(PAGE * 3))
    assert is_unsure(html_lines("<p>短い本文です。</p><ul>" + "<li><a href=/a>項目の名</a></li>" * 300 + "</ul>"))
    assert not is_unsure(html_lines("<p>短いページです。</p>"))


def test_the_opinion_overrules_and_its_absence_does_not() -> None:
    alone = page_of(RawDocument("a", "s", "html", "<nav><p>脇の文は、ひらがなで書いてある。</p></nav>" + ARTICLE))
    asked = replace(alone, id="b", values={"second_opinion": np.array([0.9, 0.1, *[1.0] * 7])})
    config = Config(sources=["x"])
    verdicts = decide_pages(measure_pages(0, [asked, alone]), config, Answers(np.zeros(0, ANSWER)))
    rules = [RULES[rule].name if rule != KEPT else "" for rule in verdicts.line_rule.tolist()]
    assert rules[:9] == ["", "second_opinion", *[""] * 7]
    assert rules[9:] == ["boilerplate", *[""] * 8]
