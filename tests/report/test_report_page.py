"""The page says what the files say: key numbers, missing stages, and a bad result in bad words."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import report_figures as figures
from report_run import MakeRun

from hagane.errors import DataError
from hagane.report.page import write_report

SECTIONS = ("cleaning", "pretraining", "rates", "finetuning", "instruction", "preference", "artefacts")


def page_of(folder: Path) -> str:
    return write_report(folder).read_text(encoding="utf-8")


def text_of(html: str, language: str) -> str:
    """Text as read in one language."""
    other = {"ja": "en", "en": "ja"}[language]

    class Reader(HTMLParser):
        void = frozenset({"meta", "link", "input", "br", "line", "rect", "path"})

        def __init__(self) -> None:
            super().__init__()
            self.hidden: list[str] = []
            self.parts: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag in self.void:
                return
            if self.hidden or tag in ("style", "script") or dict(attrs).get("class") == other:
                self.hidden.append(tag)

        def handle_endtag(self, tag: str) -> None:
            if self.hidden and self.hidden[-1] == tag:
                self.hidden.pop()

        def handle_data(self, data: str) -> None:
            if not self.hidden:
                self.parts.append(data)

    reader = Reader()
    reader.feed(html)
    return re.sub(r"\s+", " ", "".join(reader.parts))


def test_key_numbers_of_each_section_are_there(whole_page: str) -> None:
    html = whole_page
    ja, en = text_of(html, "ja"), text_of(html, "en")
    assert [html.index(f'<section id="{name}">') for name in SECTIONS] == sorted(
        html.index(f'<section id="{name}">') for name in SECTIONS
    )
    for number in (
        "8,192",
        "3.73 [3.70, 3.76]",
        "78.4 % [73.4, 83.4]",
        "12,345",
        "80.3 %",
        "−16.90",
        "0.039",
        "6.0 × 10⁻⁵",
    ):
        assert number in ja, number
        assert number in en, number
    assert "682万パラメータ" in ja
    assert "7,473 文書、1.2億文字" in ja
    assert "文章の 28.5 % を残し、71.5 % を取り除きました" in ja
    assert "6.8 M parameters" in en
    assert "few-shot の能力は、この大きさのモデルでは現れませんでした" in ja
    assert "まだ終わっていない" not in ja


def test_cleaning_shows_what_went_and_why(whole_page: str) -> None:
    html = whole_page
    ja = text_of(html, "ja")
    assert "ほかとほとんど同じ文書65 文書、7.4万文字" in ja
    assert "manpages-ja · ls.1.gz · 値 0.0375、基準 0.08 · 3-DiscardAds · 残した文書: dir.1.gz" in ja
    assert "前へ 次へ 上へ 目次 索引" in ja
    assert "<code>a_new_rule</code>" in html
    assert "&lt;nav&gt;広告&lt;/nav&gt;" in html
    measured = html[html.index('<details class="measured">') :]
    assert "352 個を測り、基準 0.08" in ja
    assert "基準のすぐ上の行" in measured
    assert 'x1="32.0" x2="32.0"' in measured  # the threshold, at 0.08 of a picture 400 wide
    assert html.index("残っていく文章") < html.index("資料ごと")


def test_both_curves_of_two_dpo_runs_and_a_picture_of_each_kind(whole_page: str) -> None:
    html = whole_page
    assert "dpo: 選ばれた回答" in html
    assert "dpo_plain: 退けられた回答" in html
    assert html.count('<svg role="img"') >= 12
    assert "@x@" not in html
    assert "#0000" not in html


@pytest.mark.parametrize(
    ("difference", "verdict", "ja", "en"),
    [
        (0.096, "better", "dpo は instruct より良くなりました", "dpo is better than instruct"),
        (-0.096, "worse", "dpo は instruct より悪くなりました", "dpo is worse than instruct"),
        (0.01, "unclear", "dpo が instruct より良いとも悪いとも言えません", "neither better nor worse than instruct"),
    ],
)
def test_words_follow_the_interval(run_folder: MakeRun, difference: float, verdict: str, ja: str, en: str) -> None:
    """A worse result must be called worse: the same files but for the sign of one difference."""
    html = page_of(run_folder(figures.files(dpo_difference=difference)))
    assert f'data-model="dpo" data-verdict="{verdict}"' in html
    assert ja in text_of(html, "ja")
    assert en in text_of(html, "en")
    others = {"良くなりました", "悪くなりました"} - ({ja[-7:]} if verdict != "unclear" else set())
    told = re.search(r'<p class="finding" data-model="dpo".*?</p>', html, re.S)
    assert told is not None
    assert not any(word in told[0] for word in others)


def test_a_reward_that_may_be_length_alone_is_not_praised(whole_page: str, run_folder: MakeRun) -> None:
    assert "区間は長さだけの値より上です" in whole_page
    files = figures.files()
    files["reward"]["summary.json"]["accuracy"] = 0.63
    html = page_of(run_folder(files))
    assert "区間は長さだけの値より上です" not in html
    assert "長さ以上のことを学んだとは言えません" in html


def test_nothing_is_loaded_from_anywhere(whole_page: str) -> None:
    html = whole_page
    assert "http://" not in html
    assert "https://" not in html
    assert not re.search(r'(?:src|href|xlink:href)="(?!#|data:)[^"]*\.(?:css|js|png|svg|woff2?)"', html)
    assert "@import" not in html
    assert "url(" not in html


def test_what_models_wrote_is_text_and_not_markup(whole_page: str) -> None:
    html = whole_page
    assert "要約です。&lt;script&gt;" in html
    assert html.count("<script>") == 1
    assert "<b>&" not in html


def test_a_run_of_one_stage_names_the_others(run_folder: MakeRun) -> None:
    later = tuple(name for name in figures.files() if name not in ("clean", "tokenizer"))
    html = page_of(run_folder(without=later))
    head = html[: html.index('<section id="cleaning">')]
    assert all(f"<code>{name}</code>" in head for name in later)
    ja = text_of(html, "ja")
    assert "この段階はまだ終わっていません：事前学習 pretrain" in ja
    assert "この段階はまだ終わっていません：報酬モデル reward" in ja
    assert "8,192" in ja


def test_an_evaluation_that_is_not_there_leaves_no_claim(run_folder: MakeRun) -> None:
    html = page_of(run_folder(without=("evaluate", "export")))
    assert "data-verdict" not in html
    assert "この段階はまだ終わっていません：評価 evaluate" in text_of(html, "ja")
    assert "2.71" in html


def test_a_stage_made_with_another_config_is_told(run_folder: MakeRun) -> None:
    folder = run_folder()
    assert "いまのレシピとは違う設定" not in page_of(folder)
    recipe = (folder / "recipe.json").read_text(encoding="utf-8")
    (folder / "recipe.json").write_text(recipe.replace('"rollout": 128', '"rollout": 256'), encoding="utf-8")
    assert "いまのレシピとは違う設定" in page_of(folder)


def test_the_same_run_gives_the_same_page(run_folder: MakeRun) -> None:
    folder = run_folder()
    assert page_of(folder) == page_of(folder)


def test_no_run_folder_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a run folder"):
        write_report(tmp_path)


def test_a_summary_of_another_version_is_an_error_that_says_so(run_folder: MakeRun) -> None:
    files = figures.files()
    del files["pretrain"]["summary.json"]["tokens_seen"]
    with pytest.raises(DataError, match="tokens_seen"):
        write_report(run_folder(files))
