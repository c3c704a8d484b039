"""The sorted counts equal counts kept in plain dictionaries, and those equal a sum done by hand."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hagane.errors import DataError
from hagane.evaluate.ngram import count_ngrams

TEXTS = st.lists(st.text(alphabet="あいう鋼𠮟a", max_size=12), min_size=1, max_size=5)


def probabilities(train: list[str], text: str, order: int) -> list[float]:
    """P of each character of `text`, straight from the formula."""
    alphabet = set("".join(train))
    grams = [Counter(t[i : i + n] for t in train for i in range(len(t) - n + 1)) for n in range(1, order + 1)]
    result = []
    for i, character in enumerate(text):
        p = 1 / (len(alphabet) + 1)
        for n in range(1, min(order, i + 1) + 1):
            history = text[i - n + 1 : i]
            after = {g[-1]: c for g, c in grams[n - 1].items() if g[:-1] == history}
            if after:
                p = (after.get(character, 0) + len(after) * p) / (sum(after.values()) + len(after))
        result.append(p)
    return result


def test_by_hand() -> None:
    """「abab」: P1(a) = (2 + 2/3) / 6 = 4/9; P2(b|a) = (2 + 4/9) / 3 = 22/27; P2(a|b) = (1 + 4/9) / 2 = 13/18."""
    bits = count_ngrams(["abab"], 2).bits(["aba", "z"])
    assert bits[0, 0] == pytest.approx(-3 * math.log2(4 / 9))
    assert bits[1, 0] == pytest.approx(-math.log2(4 / 9 * 22 / 27 * 13 / 18))
    assert bits[0, 1] == pytest.approx(-math.log2(1 / 9))


@settings(max_examples=60, deadline=None)
@given(TEXTS.filter(any), TEXTS)
def test_sorted_counts_equal_dictionaries(train: list[str], held: list[str]) -> None:
    bits = count_ngrams(train, 4).bits(held)
    for order in range(1, 5):
        expected = [-sum(math.log2(p) for p in probabilities(train, text, order)) for text in held]
        np.testing.assert_allclose(bits[order - 1], expected, atol=1e-9)


def test_the_comparison_can_fail() -> None:
    """Negative control: joined documents have n-grams across the border, and the two ways must then differ."""
    train, held = ["あいう", "いうあ"], ["うい"]
    joined = count_ngrams(["".join(train)], 2).bits(held)
    assert abs(joined[1, 0] + sum(math.log2(p) for p in probabilities(train, held[0], 2))) > 0.1


def test_probabilities_sum_to_one() -> None:
    train = ["鋼を打つ", "鋼は鉄", "砂鉄"]
    model = count_ngrams(train, 3)
    alphabet = [*sorted(set("".join(train))), "犬"]
    whole = model.bits([f"鋼は{c}" for c in alphabet]) - model.bits(["鋼は"])
    np.testing.assert_allclose((2.0**-whole).sum(axis=1), 1.0)


def test_no_text_is_an_error() -> None:
    with pytest.raises(DataError):
        count_ngrams(["", ""])
