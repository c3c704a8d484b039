"""Listed words count as words of their own, and judge a page by how much of it they fill."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import orjson
import pytest

from hagane.clean.lines import LineTable
from hagane.clean.normalise import normalise
from hagane.clean.page import Page, Role
from hagane.clean.words import CATEGORIES, measure_words

DATA = Path(__file__).parents[3] / "shared" / "data"
THRESHOLD = 0.05

ADULT = [
    "【無修正】巨乳人妻デリヘル嬢の個人撮影、中出し動画を今すぐ無料で！",
    "素人娘のハメ撮り、手コキ、パイズリ、フェラ抜き。エロ動画が見放題です。\nAV女優の新作も毎日追加。\nお支払いはカードで。",
    "お店の紹介\nソープランド、ピンサロ、イメクラなど、街の風俗店と風俗情報を集めました。\nデリヘルは二十四時間受け付けます。",
]
ABUSE = [
    "死ねよゴミカス。お前みたいなクズ野郎は消え失せろ。\nうぜえんだよバカ。くたばれ。",
    "fuck you, asshole. クソ野郎、ぶっ殺すぞ。",
]
DISCRIMINATION = ["チョン公は在日特権で肥え太った劣等民族だ。\nキチガイのチャンコロも特亜へ帰れ。"]
CLEAN = [
    "エイリアスをマイクロ秒ごとに更新し、エスケープした文字列のエンコーディングをサブスクリプトで指す。",
    "アカウントにデータを挿入すると、古いハンドルは破壊される。カスタマイズはアナログ端子とアスペクト比だけである。",
    "フェラーリがアルバカーキを走り、アホウドリが空を舞う。パチンコ屋の前をちんちん電車が通った。",
    "朝鮮人参と土人形を買う。非人道的な扱いは、新しく発売女性誌の話題になった。",
    "SMI割り込みの間は、xhtmlSEXY1という名の変数を使わない。",
]


def measure(pages: Sequence[str]) -> np.ndarray:
    kept = []
    for number, text in enumerate(pages):
        lines = [line for line in normalise(text.split("\n")) if line]
        kept.append(Page.of(str(number), "s", lines, [Role.TEXT] * len(lines)))
    return measure_words(LineTable.of(kept))


@pytest.mark.parametrize(
    ("pages", "category"), [(ADULT, "adult"), (ABUSE, "abuse"), (DISCRIMINATION, "discrimination")]
)
def test_pages_full_of_listed_words_stand_high(pages: list[str], category: str) -> None:
    values = measure(pages)[CATEGORIES.index(category)]
    assert (values > 2 * THRESHOLD).all(), values


def test_longer_words_are_other_words() -> None:
    assert not measure(CLEAN).any()
    # The same letters as words of their own are found.
    assert (measure(["ブス、フェラ、アホ、土人、パイズリSEXチンコ"]) > 0).all()


def test_one_quotation_does_not_judge_a_long_page() -> None:
    story = "雨が降り始めた。彼は傘を持たずに駅まで歩いた。\n" * 100 + "「バカ野郎、死ね」と男は叫んだ。\n"
    assert 0 < measure([story]).max() < THRESHOLD / 5
    assert measure([story.split("\n")[-2]]).max() > THRESHOLD


def test_pages_are_measured_as_if_alone_and_lines_do_not_run_together() -> None:
    pages = [*ADULT, *CLEAN, "", "エロ\n動画", "\ud800死ね", *ABUSE, "馬\n鹿"]
    together = measure(pages)
    assert np.array_equal(together, np.stack([measure([page])[:, 0] for page in pages], axis=1))
    assert not together[:, -1].any()
    assert together[2, pages.index("\ud800死ね")] == pytest.approx(2 / 3)


def test_recall_by_grade_of_toxicity() -> None:
    path = DATA / "japanese_toxic.csv"
    if not path.exists():
        pytest.skip(f"{path.name} is not at hand")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    flagged = measure([row["text"] for row in rows]).max(axis=0) > THRESHOLD
    grades = ("Not Toxic", "Hard to Say", "Toxic", "Very Toxic")
    share: dict[str, list[bool]] = defaultdict(list)
    for row, found in zip(rows, flagged.tolist(), strict=True):
        share[max(grades, key=lambda grade: (int(row[grade]), grades.index(grade)))].append(found)
    for grade in grades:
        print(
            f"{grade}: {np.mean(share[grade]):.3f} of {len(share[grade])} comments have listed words above {THRESHOLD}"
        )
    assert np.mean(share["Very Toxic"]) >= 0.4
    assert np.mean(share["Not Toxic"]) == 0


@pytest.mark.parametrize("name", ["pretrain_aozora_modern_60M", "pretrain_techdoc", "pretrain_law_15M"])
def test_clean_text_keeps_its_pages(name: str) -> None:
    path = DATA / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path.name} is not at hand")
    pages: list[str] = []
    with gzip.open(path, "rb") as file:
        for line in file:
            pages.append(orjson.loads(line)["text"])
            if sum(map(len, pages[-100:])) > 1_000_000 or len(pages) == 100:
                break
    values = measure(pages)
    print(
        f"{name}: {len(pages)} pages, highest values {dict(zip(CATEGORIES, values.max(axis=1).round(4), strict=True))}"
    )
    assert (values < THRESHOLD).all()
