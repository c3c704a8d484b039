"""Intervals cover what they should, pairing sharpens them, and the sign test is the textbook's."""

from __future__ import annotations

import numpy as np
import pytest

from hagane.errors import DataError
from hagane.evaluate.bootstrap import mean_interval, ratio_interval
from hagane.evaluate.compare import compare, sign_test


def test_interval_of_a_mean_agrees_with_theory() -> None:
    values = np.random.default_rng(0).normal(3.0, 2.0, 400)
    interval = mean_interval(values, seed=1, resamples=4000)
    half = 1.96 * values.std() / 20
    assert interval["value"] == pytest.approx(values.mean())
    assert interval["low"] == pytest.approx(values.mean() - half, abs=0.02)
    assert interval["high"] == pytest.approx(values.mean() + half, abs=0.02)


def test_same_seed_same_interval_and_another_differs() -> None:
    values = np.random.default_rng(0).random(50)
    assert mean_interval(values, seed=1) == mean_interval(values, seed=1)
    assert mean_interval(values, seed=1)["low"] != mean_interval(values, seed=2)["low"]


def test_coverage() -> None:
    """Of 200 samples of a known coin, about 95 % of the intervals hold its true rate."""
    rng = np.random.default_rng(3)
    held = 0
    for trial in range(200):
        interval = mean_interval(rng.random(120) < 0.3, seed=trial, resamples=400)
        held += interval["low"] <= 0.3 <= interval["high"]
    assert 0.89 <= held / 200 <= 0.99


def test_ratio_is_of_sums_not_a_mean_of_ratios() -> None:
    interval = ratio_interval(np.array([10.0, 1.0]), np.array([10.0, 2.0]), seed=1)
    assert interval["value"] == pytest.approx(11 / 12)


def test_no_rows_is_an_error() -> None:
    with pytest.raises(DataError):
        mean_interval(np.zeros(0), seed=1)


def test_wins_and_losses_are_counted_by_prompt() -> None:
    passes = np.array([[1, 1], [1, 0], [0, 0], [0, 1]], dtype=bool)
    other = np.array([[1, 0], [0, 1], [1, 0], [0, 0]], dtype=bool)
    result = compare(passes, other, seed=1)
    assert (result["wins"], result["losses"], result["ties"]) == (2, 1, 1)
    assert result["score"]["value"] == pytest.approx(2.5 / 4)
    assert result["win_rate"] is not None
    assert result["win_rate"]["value"] == pytest.approx(2 / 3)
    assert result["difference"]["value"] == pytest.approx(passes.mean() - other.mean())


def test_a_model_against_itself_is_undecided() -> None:
    passes = np.random.default_rng(1).random((40, 1)) < 0.5
    result = compare(passes, passes, seed=1)
    assert result["win_rate"] is None
    assert result["p_value"] == 1.0
    assert result["score"] == {"value": 0.5, "low": 0.5, "high": 0.5, "n": 40}


def test_pairing_sharpens_the_difference() -> None:
    """Two models that fail on the same hard prompts: paired, the small gain is sure; shuffled, it is not."""
    rng = np.random.default_rng(2)
    other = rng.random((400, 1)) < 0.5
    passes = other | (rng.random((400, 1)) < 0.06)
    paired = compare(passes, other, seed=1)["difference"]
    shuffled = compare(passes, other[rng.permutation(400)], seed=1)["difference"]
    assert paired["low"] > 0 > shuffled["low"]


def test_sign_test_against_the_textbook() -> None:
    assert sign_test(9, 1) == pytest.approx(22 / 1024)
    assert sign_test(5, 5) == 1.0
    assert sign_test(0, 0) == 1.0
    assert sign_test(900, 700) == sign_test(700, 900) < 1e-5
