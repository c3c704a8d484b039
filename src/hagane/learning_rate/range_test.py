"""The range test: one short run whose rate rises by the same factor at each update, over several decades.

Smith 2017, "Cyclical learning rates for training neural networks", §3.3 (there in a straight line). Where the smoothed loss falls
fastest over log rate, rates work; where it turns, they begin to harm; where it has given back half of what it had gained,
they diverge. It costs one run and shows the order of magnitude: a rate is met for a few updates only, so the optimum of a
whole run is usually lower than the turn. The sweep answers that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hagane.errors import TrainingError
from hagane.learning_rate.config import RateConfig
from hagane.learning_rate.trial import Settings, Train, smoothed

GIVEN_BACK = 0.5
"""The share of what was gained that may be lost again; less than this can be a few hard batches."""
FEWEST = 20
"""Updates below which nothing can be seen in a smoothed curve."""


@dataclass(frozen=True)
class RangeTest:
    """Rates, losses, and the three rates that matter."""

    rates: list[float]
    """Peak rate of matrices at each update that was made."""
    losses: list[float]
    smooth: list[float]
    steepest: float
    """Where the smoothed loss falls fastest over log rate."""
    turn: float
    """Where it is lowest."""
    diverges: float | None
    """Where it has given back half of what it had gained, or the run broke off; None where neither happened."""


def settings(low: float, high: float, steps: int, embedding_ratio: float = 1.0) -> Settings:
    """The fields of a `RateConfig` that make a run a range test from `low` to `high`."""
    return {
        "steps": steps,
        "lr": high,
        "embedding_lr": high * embedding_ratio,
        "schedule": "exponential",
        "warmup": 0,
        "floor": low / high,
    }


def range_test(
    train: Train, *, low: float = 1e-6, high: float = 1.0, steps: int = 200, seed: int = 1, embedding_ratio: float = 1.0
) -> RangeTest:
    """Run the test. Raises TrainingError when the run broke off before anything could be seen."""
    chosen = settings(low, high, steps, embedding_ratio)
    trial = train(chosen, seed)
    losses = [float(loss) for loss in trial.losses]
    if len(losses) < FEWEST:
        raise TrainingError(
            f"The run broke off after {len(losses)} updates; a range test needs {FEWEST}.",
            where="hagane lr find",
            fix="Begin at a lower rate, or take more updates.",
        )
    config = RateConfig.model_validate(chosen)
    rates = np.array([config.lr * config.factor(step) for step in range(steps)])
    reached, smooth = rates[: len(losses)], smoothed(losses)
    turn = int(smooth.argmin())
    slope = np.gradient(smooth, np.log(reached))
    steepest = int(slope[: turn + 1].argmin())
    gained = losses[0] - smooth[turn]
    beyond = np.flatnonzero(smooth[turn:] - smooth[turn] > GIVEN_BACK * gained)
    broke_off = float(rates[len(losses)]) if len(losses) < steps else None
    return RangeTest(
        rates=reached.tolist(),
        losses=losses,
        smooth=smooth.tolist(),
        steepest=float(reached[steepest]),
        turn=float(reached[turn]),
        diverges=float(reached[turn + beyond[0]]) if len(beyond) else broke_off,
    )
