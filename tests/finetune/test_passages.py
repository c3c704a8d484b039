"""Passages are whole sentences, split by document, and what stands in training is not asked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest

from hagane.errors import DataError
from hagane.finetune.passages import Passages, cut, make_passages


@dataclass(frozen=True)
class Page:
    source: str
    text: str


def page(source: str, word: str, numbers: range) -> Page:
    lines = (f"{word}の説明の第{number}項では、その使い方と注意すべき点をくわしく述べる。" for number in numbers)
    return Page(source, "\n".join(lines))


TRAIN = [page("楽譜", "音符", range(30)), page("関数", "引数", range(30)), page("少", "例外", range(3))]
HELD = [page("楽譜", "音符", range(20, 50)), page("関数", "引数", range(30, 45)), page("少", "例外", range(3, 40))]


def passages(seed: int = 1) -> Passages:
    return make_passages(TRAIN, HELD, train_per_label=20, heldout_per_label=12, min_chars=30, max_chars=110, seed=seed)


def test_sentences_are_joined_but_never_cut() -> None:
    first, second, third = "あ" * 40 + "。", "い" * 50 + "。", "う" * 60 + "。"
    assert list(cut(first + second + third, 30, 110)) == [first + second, third]
    assert list(cut("短い。\nabc def ghi jkl mno pqr stu vwx yz。", 2, 110)) == ["短い。"]


def test_a_task_is_balanced_and_names_what_it_left_out() -> None:
    task = passages()
    assert task.labels == ("楽譜", "関数") or task.labels == ("関数", "楽譜")
    assert Counter(passage.label for passage in task.train) == {0: 20, 1: 20}
    assert Counter(passage.label for passage in task.heldout) == {0: 12, 1: 12}
    assert task.left_out == {"少": 3}
    for passage in task.heldout:
        assert ("音符" in passage.text) == (task.labels[passage.label] == "楽譜")


def test_no_heldout_passage_stands_in_a_training_document() -> None:
    training = "\n".join(document.text for document in TRAIN)
    assert any(line in training for line in HELD[0].text.split("\n")), "negative control: the documents do share lines"
    assert not any(passage.text in training for passage in passages().heldout)


def test_same_seed_same_passages() -> None:
    assert passages(1) == passages(1) != passages(2)


def test_one_source_is_not_a_task() -> None:
    with pytest.raises(DataError, match="found 1 among 1"):
        make_passages(
            TRAIN[:1], HELD[:1], train_per_label=20, heldout_per_label=12, min_chars=30, max_chars=110, seed=1
        )
