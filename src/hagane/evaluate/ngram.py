"""Character n-gram baselines: what counting alone reaches, in the same bits per character as the models.

Witten–Bell interpolation (Witten and Bell 1991, method C; Chen and Goodman 1999, section 2.6): with C(h) characters
seen after the history h, T(h) of them different,

    P(c | h) = (C(hc) + T(h) · P(c | h without its first character)) / (C(h) + T(h)),    P of no order = 1 / (V + 1),

V being the characters of the training text and one more class for all that were never seen. Model and baseline are
scored on the same characters of the same documents, each document from its own beginning, nothing in front of it. One
favour goes to the baseline: an unseen character costs it one class, where a model must spell its three bytes.

Counting is sorting: an n-gram is the pair (number of its history, character) packed into one int64, numbered by
`np.unique`; the numbers of one order are the histories of the next. No dictionary, no strings. Cost: about one second
per order for six million characters, and a few hundred MB while it lasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hagane.corpus.codepoints import codepoints_of
from hagane.errors import DataError


@dataclass(frozen=True)
class Order:
    """Counts of the n-grams of one length."""

    keys: np.ndarray
    """int64 [kinds], sorted: history number × alphabet + character."""
    counts: np.ndarray
    """int64 [kinds]: how often each was seen."""
    history_total: np.ndarray
    """int64 [histories]: C(h), characters seen after each history."""
    history_kinds: np.ndarray
    """int64 [histories]: T(h), different characters seen after it."""


@dataclass(frozen=True)
class CharacterNgram:
    """Counts of every order from 1 to N, and the alphabet they are over."""

    alphabet: np.ndarray
    """uint32 [V], sorted code points of the training text; number V stands for every other one."""
    orders: tuple[Order, ...]

    def bits(self, texts: Sequence[str]) -> np.ndarray:
        """Bits each text costs under each order: float64 [orders, texts]; divide by characters for a rate."""
        symbols, depth, document = self._symbols(texts)
        base = len(self.alphabet) + 1
        probability = np.full(len(symbols), 1.0 / base)
        history = np.zeros(len(symbols), dtype=np.int64)
        bits = np.empty((len(self.orders), len(texts)))
        for index, order in enumerate(self.orders):
            key = history * base + symbols
            at = np.searchsorted(order.keys, key)
            known = (depth >= index) & (history >= 0)
            found = known & (at < len(order.keys))
            found[found] = order.keys[at[found]] == key[found]
            total, kinds, seen = (np.zeros(len(symbols)) for _ in range(3))
            total[known] = order.history_total[history[known]]
            kinds[known] = order.history_kinds[history[known]]
            seen[found] = order.counts[at[found]]
            # A history that was never followed by anything says nothing: the shorter order stands.
            mixed = (seen + kinds * probability) / np.maximum(total + kinds, 1)
            probability = np.where(total > 0, mixed, probability)
            bits[index] = np.bincount(document, weights=-np.log2(probability), minlength=len(texts))
            number = np.where(found, at, -1)
            history = np.concatenate((np.full(1, -1), number))[: len(symbols)]
        return bits

    def _symbols(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of all characters one after another: alphabet number, place in their document, number of their document."""
        points, depth, document = _flatten(texts)
        place = np.minimum(np.searchsorted(self.alphabet, points), len(self.alphabet) - 1)
        known = self.alphabet[place] == points
        return np.where(known, place, len(self.alphabet)).astype(np.int64), depth, document


def count_ngrams(texts: Sequence[str], order: int = 5) -> CharacterNgram:
    """Count the character n-grams of `texts` up to length `order`. Raises DataError on texts without a character."""
    points, depth, _ = _flatten(texts)
    if len(points) == 0:
        raise DataError(
            "no characters to count n-grams in", where="evaluate.ngram", fix="give training documents with text"
        )
    alphabet, symbols = np.unique(points, return_inverse=True)
    base = len(alphabet) + 1
    history, histories = np.zeros(len(symbols), dtype=np.int64), 1
    orders: list[Order] = []
    for index in range(order):
        whole = np.flatnonzero(depth >= index)
        keys, numbers, counts = np.unique(
            history[whole] * base + symbols[whole], return_inverse=True, return_counts=True
        )
        before = keys // base
        total = np.bincount(before, weights=counts, minlength=histories).astype(np.int64)
        orders.append(Order(keys, counts, total, np.bincount(before, minlength=histories)))
        # Where a document is too short the number is never used: the next order asks for one character more of depth.
        number = np.zeros(len(symbols), dtype=np.int64)
        number[whole] = numbers
        history, histories = np.concatenate((np.zeros(1, dtype=np.int64), number[:-1])), max(len(keys), 1)
    return CharacterNgram(alphabet, tuple(orders))


def _flatten(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Code points of all texts, and for each its place in its text and the number of its text."""
    lengths = np.fromiter((len(text) for text in texts), dtype=np.int64, count=len(texts))
    # surrogatepass: a lone surrogate is one more character here, not a crash.
    points = codepoints_of("".join(texts))
    starts = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths)[:-1])) if len(texts) else lengths
    return points, np.arange(len(points)) - np.repeat(starts, lengths), np.repeat(np.arange(len(texts)), lengths)
