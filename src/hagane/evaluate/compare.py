"""Two models on the same prompts: wins, losses, ties, and how sure that is.

A program's verdict decides, not a judge's taste: on one prompt a model wins when more of its sampled answers pass the
check than of the other's. The two answered the same prompts, so everything is paired: the intervals resample prompts
and carry both models' answers along, and the sign test (exact binomial) looks at the decided prompts only. Ties are
told, since a rate over few decided prompts sounds surer than it is.
"""

from __future__ import annotations

import math
from typing import TypedDict

import numpy as np

from hagane.evaluate.bootstrap import Interval, mean_interval, ratio_interval


class Comparison(TypedDict):
    """One model against another on the same prompts."""

    wins: int
    losses: int
    ties: int
    win_rate: Interval | None
    """Wins among the decided prompts; None when not one was decided."""
    score: Interval
    """(wins + ties / 2) / prompts: 0.5 is no difference."""
    difference: Interval
    """Difference of the two pass rates, paired by prompt: 0 is no difference."""
    p_value: float
    """Exact two-sided sign test of wins against losses."""


def compare(passes: np.ndarray, reference: np.ndarray, *, seed: int) -> Comparison:
    """Compare verdicts, bool [prompts, samples] each, row by row the same prompt."""
    rate, other = passes.mean(axis=1), reference.mean(axis=1)
    won, lost = rate > other, rate < other
    wins, losses = int(won.sum()), int(lost.sum())
    decided = won | lost
    rows = decided.nonzero()[0]
    return Comparison(
        wins=wins,
        losses=losses,
        ties=len(rate) - wins - losses,
        win_rate=ratio_interval(won[rows], decided[rows], seed=seed) if len(rows) else None,
        score=mean_interval(np.where(won, 1.0, np.where(lost, 0.0, 0.5)), seed=seed),
        difference=mean_interval(rate - other, seed=seed),
        p_value=sign_test(wins, losses),
    )


def sign_test(wins: int, losses: int) -> float:
    """Two-sided probability of a split at least this uneven if each decided prompt were a fair coin. Exact."""
    decided, fewer = wins + losses, min(wins, losses)
    tail = sum(math.comb(decided, k) for k in range(fewer + 1))
    # One integer division of exact numbers: 2 ** decided alone does not fit a float beyond 1,023 decided prompts.
    return min(1.0, 2 * tail / (1 << decided))
