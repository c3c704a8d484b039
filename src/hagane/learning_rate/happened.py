"""What the rate did in a run, read off its metrics: how far the loss fell, how often the gradient was clipped, whether it spiked.

A spike is an update whose loss stands more than five standard deviations above the mean of the twenty before it. Many of them, or
a gradient that is clipped most of the time, say that the peak is near the edge (Wortsman et al. 2023, "Small-scale proxies for
large-scale Transformer training instabilities", §3); none say nothing about a peak that is too low. Only a sweep tells that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, pstdev
from typing import Any

BEFORE = 20
DEVIATIONS = 5.0


@dataclass(frozen=True)
class Happened:
    """Figures of a run's updates."""

    updates: int
    peak: float
    peak_at: int
    """Update, from 1, that was the first of the highest rate."""
    last_lr: float
    first_loss: float
    last_loss: float
    """Mean over the last twentieth of the updates."""
    grad_norm: float
    """Median."""
    clipped: float
    """Share of the updates whose gradient was longer than `clip`."""
    spikes: list[int]
    """Updates, from 1."""
    roll_backs: list[int]
    """Updates, from 1, that were given up for an earlier checkpoint and other data."""


def happened(rows: Sequence[Mapping[str, Any]], clip: float) -> Happened | None:
    """Read the rows of updates in `metrics.jsonl`; None where there are none."""
    made = [row for row in rows if row.get("lr") is not None and row.get("loss") is not None]
    if not made:
        return None
    rates, losses = [row["lr"] for row in made], [row["loss"] for row in made]
    norms = [row["grad_norm"] for row in made if row.get("grad_norm") is not None]
    return Happened(
        updates=len(made),
        peak=max(rates),
        peak_at=rates.index(max(rates)) + 1,
        last_lr=rates[-1],
        first_loss=losses[0],
        last_loss=fmean(losses[-max(1, len(losses) // 20) :]),
        grad_norm=median(norms) if norms else 0.0,
        clipped=sum(norm > clip for norm in norms) / max(1, len(norms)),
        spikes=[at + 1 for at in range(BEFORE, len(losses)) if _stands_out(losses[at - BEFORE : at], losses[at])],
        roll_backs=[row["rolled_back_from"] + 1 for row in rows if "rolled_back_from" in row],
    )


def _stands_out(before: Sequence[float], loss: float) -> bool:
    return loss - fmean(before) > DEVIATIONS * pstdev(before)
