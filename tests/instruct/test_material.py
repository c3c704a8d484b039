"""Sentences that can stand alone, words that are words, and two heaps that share nothing."""

from __future__ import annotations

import pytest

from hagane.corpus.document import Document
from hagane.errors import DataError
from hagane.instruct.material import Material, find_words, fit, gather

GOOD = [
    "ファイルを圧縮する。",
    "この図形は、別のページに移動できます。",
    "とても大きな値（百万以上）は保存できない。",
    "とりあえず、図を一つ選んでおく。",
]
BAD = [
    "短い。",
    "「保存」を選択します、そして閉じる。",
    "の後に拡張子をつけない名前も検索される。",
    "ンパイルできるまで修正を繰り返します。",
    "て、無償で利用できるようにしなければならない。",
    "ls -l を実行すると一覧が表示されます。",
    "括弧（閉じない括弧のある文はここで使わない。",
    "詳しくは https://example.org/ を見る。",
    "もちろんです！ここから先は簡単に進められます。",
    "圧縮を圧縮する機能を圧縮する。",
    "設定ファイルの一覧と設定の方法。",
]


@pytest.mark.parametrize("sentence", GOOD)
def test_fit(sentence: str) -> None:
    assert fit(sentence)


@pytest.mark.parametrize("sentence", BAD)
def test_unfit(sentence: str) -> None:
    assert not fit(sentence)


def test_words_are_nouns_standing_alone() -> None:
    sentences = [
        "上向きの矢印を選択する。",
        "矢印キーで上向きにする。",
        "設定の矢印を選択した。",
        "設定値を選択しない。",
    ]
    assert find_words(sentences, 2) == ["矢印", "選択"]
    assert find_words(sentences, 1) == ["矢印", "設定", "設定値", "選択"]


def test_heaps_are_disjoint(materials: tuple[Material, Material]) -> None:
    training, heldout = materials
    assert not set(training.words) & set(heldout.words)
    assert not set(training.sentences) & set(heldout.sentences)
    for label in training.passages:
        assert not set(training.passages[label]) & set(heldout.passages[label])
    assert all(word in sentence for word, lines in heldout.by_word.items() for sentence in lines)
    assert min(len(training.words), len(training.sentences)) > 150


def test_without_labels_sources_name_themselves(documents: tuple[list[Document], list[Document]]) -> None:
    training, heldout = gather(*documents, labels={}, word_count=2, seed=1)
    assert set(training.passages) == set(heldout.passages) == {"even", "odd"}


def test_too_little_text_and_unknown_labels_are_errors(documents: tuple[list[Document], list[Document]]) -> None:
    training, heldout = documents
    with pytest.raises(DataError, match="too little text"):
        gather(training[:1], heldout[:1], labels={}, word_count=50, seed=1)
    with pytest.raises(DataError, match="no document has: elsewhere"):
        gather(training, heldout, labels={"elsewhere": "楽譜"}, word_count=2, seed=1)
