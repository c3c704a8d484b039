"""The learning rate over a run, as a picture: a factor between 0 and 1 for every point of progress.

A schedule is a plain function from progress (0 = before the first update, 1 = after the last) to a factor of the peak rate.
It has no memory, so that resuming at step k needs only k, and the curve in a report is the curve that was used.

`constant`, `linear`, `cosine` (Loshchilov and Hutter 2017) and `wsd` (warm-up, stable, decay: Hu et al. 2024, MiniCPM §4) give
the part after warm-up; `warmup` puts a straight rise in front. `factor` reads one off at a step of a run.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

Schedule = Callable[[float], float]
ScheduleName = Literal["wsd", "cosine", "linear", "constant"]


def constant() -> Schedule:
    """Always 1."""
    return lambda progress: 1.0


def linear(floor: float = 0.0) -> Schedule:
    """A straight line from 1 down to `floor`."""
    return lambda progress: 1.0 + (floor - 1.0) * progress


def cosine(floor: float = 0.0) -> Schedule:
    """Half a period of a cosine from 1 down to `floor`."""
    return lambda progress: floor + (1.0 - floor) * (1.0 + math.cos(math.pi * progress)) / 2.0


def wsd(decay: float = 0.2, floor: float = 0.0) -> Schedule:
    """1 until the last `decay` share of the run, then a straight line down to `floor`.

    Before the decay begins the rate does not depend on the length of the run: one run can be branched to several lengths.
    """
    fall = linear(floor)

    def at(progress: float) -> float:
        into = progress - (1.0 - decay)
        return fall(into / decay) if into > 0.0 else 1.0

    return at


def warmup(share: float, then: Schedule) -> Schedule:
    """A straight rise from 0 to 1 over the first `share` of the run, with `then` stretched over the rest."""

    def at(progress: float) -> float:
        return progress / share if progress < share else then((progress - share) / (1.0 - share))

    return at


def named(name: ScheduleName, *, warmup_share: float = 0.0, decay: float = 0.2, floor: float = 0.0) -> Schedule:
    """The schedule a config names. `decay` is read by `wsd` alone; `floor` by all that fall."""
    after: dict[ScheduleName, Schedule] = {
        "constant": constant(),
        "linear": linear(floor),
        "cosine": cosine(floor),
        "wsd": wsd(decay, floor),
    }
    return warmup(warmup_share, after[name])


def factor(schedule: Schedule, step: int, steps: int) -> float:
    """The factor of update `step` (0 … steps - 1).

    Progress is read in the middle of the update: at its beginning the first update of a warm-up would be of rate 0, at its
    end the last update of a decay would.
    """
    return schedule((step + 0.5) / steps)
