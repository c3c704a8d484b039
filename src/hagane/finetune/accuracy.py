"""Accuracy of two classifiers on the same passages, with bootstrap intervals that keep the pairing.

A passage is right or wrong under each of the two, so resampling passages with replacement changes nothing but four counts:
both right, only the first, only the second, neither. The percentile bootstrap (Efron and Tibshirani 1993, chapter 13) is
therefore one multinomial draw of those counts, exactly, whatever the number of passages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

RESAMPLES = 4000


def intervals(first: Sequence[bool], second: Sequence[bool], seed: int) -> tuple[dict[str, Any], ...]:
    """95 % intervals of the first accuracy, the second, and their difference; `first`, `second`: bool [passages], > 0."""
    one, two = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    counts = np.bincount(2 * one + two, minlength=4)
    n = len(one)
    drawn = np.random.default_rng([seed, n]).multinomial(n, counts / n, size=RESAMPLES) / n
    figures = (
        (one.mean(), drawn[:, 2] + drawn[:, 3]),
        (two.mean(), drawn[:, 1] + drawn[:, 3]),
        (one.mean() - two.mean(), drawn[:, 2] - drawn[:, 1]),
    )
    return tuple(
        {
            "value": float(value),
            "low": float(np.quantile(draws, 0.025)),
            "high": float(np.quantile(draws, 0.975)),
            "n": n,
        }
        for value, draws in figures
    )


def confusion(labels: Sequence[int], predicted: Sequence[int], kinds: int) -> list[list[int]]:
    """Counts [true label][predicted label]."""
    table = np.zeros((kinds, kinds), dtype=np.int64)
    np.add.at(table, (np.asarray(labels), np.asarray(predicted)), 1)
    rows: list[list[int]] = table.tolist()
    return rows
