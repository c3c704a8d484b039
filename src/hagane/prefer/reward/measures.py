"""How good a reward model is, and how much of that is only the length of the answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hagane.prefer.examples import Pair


def length_baseline(train: Sequence[Pair], heldout: Sequence[Pair]) -> dict[str, float]:
    """Accuracy on held-out pairs of knowing nothing but which answer is longer.

    The better direction is learned on the training pairs; equally long answers count one half. A reward model that is not above
    this has learned length (Singhal et al. 2024, "A Long Way to Go").
    """

    def longer_wins(pairs: Sequence[Pair]) -> float:
        signs = [np.sign(len(pair.chosen) - len(pair.rejected)) for pair in pairs]
        return float(np.mean([(sign + 1) / 2 for sign in signs]))

    prefers_longer = longer_wins(train) >= 0.5
    accuracy = longer_wins(heldout)
    return {"length_accuracy": accuracy if prefers_longer else 1 - accuracy, "prefers_longer": float(prefers_longer)}


def calibration(margins: Sequence[float], bins: int = 5) -> dict[str, Any]:
    """Does σ(|r_chosen − r_rejected|) say how often the model is right?

    margins: r_chosen − r_rejected of held-out pairs. Bins of equal count; `error` is the mean gap between confidence and
    accuracy, weighted by pairs (expected calibration error, Guo et al. 2017).
    """
    values = np.asarray(margins, dtype=np.float64)
    confidence = 1 / (1 + np.exp(-np.abs(values)))
    right = values > 0
    rows = [
        {"pairs": len(part), "confidence": float(confidence[part].mean()), "accuracy": float(right[part].mean())}
        for part in np.array_split(np.argsort(confidence, kind="stable"), min(bins, len(values)))
    ]
    error = sum(row["pairs"] * abs(row["confidence"] - row["accuracy"]) for row in rows) / len(values)
    return {"error": float(error), "bins": rows}


def separation(scores: Sequence[float], good: Sequence[bool]) -> float:
    """Chance that a good answer scores above a bad one, over all answers (area under the ROC curve). NaN if one kind is missing."""
    values, right = np.asarray(scores, dtype=np.float64), np.asarray(good, dtype=bool)
    wins, losses = int(right.sum()), int((~right).sum())
    if wins == 0 or losses == 0:
        return float("nan")
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[right].sum() - wins * (wins + 1) / 2) / (wins * losses))
