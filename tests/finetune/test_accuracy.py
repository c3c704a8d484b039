"""The multinomial shortcut is the bootstrap: it agrees with resampling the passages themselves."""

from __future__ import annotations

import numpy as np
import pytest

from hagane.finetune.accuracy import confusion, intervals


def resampled(values: np.ndarray, seed: int) -> tuple[float, float]:
    rng = np.random.default_rng(seed)
    means = values[rng.integers(0, len(values), (4000, len(values)))].mean(axis=1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def test_intervals_equal_those_of_resampled_passages() -> None:
    rng = np.random.default_rng(1)
    first = rng.random(300) < 0.8
    second = np.where(rng.random(300) < 0.7, first, rng.random(300) < 0.5)
    found = intervals(first.tolist(), second.tolist(), seed=3)
    for interval, values in zip(found, (first * 1.0, second * 1.0, first * 1.0 - second), strict=True):
        low, high = resampled(values, seed=4)
        assert interval["value"] == pytest.approx(values.mean())
        assert interval["low"] == pytest.approx(low, abs=0.011)
        assert interval["high"] == pytest.approx(high, abs=0.011)
    unpaired = intervals(first.tolist(), rng.permutation(second).tolist(), seed=3)[2]
    assert unpaired["high"] - unpaired["low"] > 1.2 * (found[2]["high"] - found[2]["low"]), "negative control"


def test_confusion_counts_true_by_predicted() -> None:
    assert confusion([0, 0, 1, 2], [0, 1, 1, 0], 3) == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
