"""The learning rate over a run, as a picture: a factor between 0 and 1 for every update.

A schedule is a plain function of progress after the warm-up (0 = the peak is reached, 1 = the end) to a factor of the peak
rate. It has no memory, so that resuming at step k needs only k, and the curve in a report is the curve that was used.

The warm-up, a straight rise from 0, is counted in updates (`factor`), and the stable part of `wsd` is 1. So before its decay
begins the rate does not depend on the length of the run: one run can be branched to several lengths.

Sources: `cosine` Loshchilov and Hutter 2017, "SGDR", §3, without restarts; `wsd` (warm-up, stable, decay) Hu et al. 2024,
"MiniCPM", §4; its decay `1-sqrt` Hägele et al. 2024, "Scaling laws and compute-optimal training beyond fixed training
durations", §3, where it did better than a straight line; `inverse_sqrt` Vaswani et al. 2017, §5.3, and Raffel et al. 2020, §3.1.2;
`exponential`, which rises, Smith 2017, "Cyclical learning rates", §3.3, in the form that spends equal time in every decade.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

Schedule = Callable[[float], float]
ScheduleName = Literal["wsd", "cosine", "linear", "constant", "inverse_sqrt", "exponential"]
DecayShape = Literal["linear", "1-sqrt"]


def constant() -> Schedule:
    """Always 1."""
    return lambda progress: 1.0


def linear(floor: float = 0.0) -> Schedule:
    """A straight line from 1 down to `floor`."""
    return lambda progress: 1.0 + (floor - 1.0) * progress


def one_minus_sqrt(floor: float = 0.0) -> Schedule:
    """Down from 1 to `floor` as 1 − √progress: steep at first, then long at low rates."""
    return lambda progress: 1.0 + (floor - 1.0) * math.sqrt(progress)


def cosine(floor: float = 0.0) -> Schedule:
    """Half a period of a cosine from 1 down to `floor`."""
    return lambda progress: floor + (1.0 - floor) * (1.0 + math.cos(math.pi * progress)) / 2.0


def wsd(decay: float = 0.2, fall: Schedule | None = None) -> Schedule:
    """1 until the last `decay` share, then `fall`, by default straight down to 0."""
    down = fall or linear()

    def at(progress: float) -> float:
        into = progress - (1.0 - decay)
        return down(into / decay) if into > 0.0 else 1.0

    return at


def inverse_sqrt(warmup: float, floor: float = 0.0) -> Schedule:
    """√(updates of the warm-up ÷ updates done), never under `floor`. `warmup`: its share of the whole run, above 0.

    Written in updates it does not know the length of the run either.
    """
    return lambda progress: max(floor, math.sqrt(warmup / (warmup + progress * (1.0 - warmup))))


def exponential(floor: float) -> Schedule:
    """Up from `floor`, above 0, to 1, by the same factor at each update: the schedule of a range test."""
    return lambda progress: float(floor ** (1.0 - progress))


def named(
    name: ScheduleName,
    *,
    warmup: float = 0.0,
    decay: float = 0.2,
    decay_shape: DecayShape = "linear",
    floor: float = 0.0,
) -> Schedule:
    """The schedule a config names, for the part after warm-up. Each reads what it needs and leaves the rest.

    `warmup` is its share of the run, read by `inverse_sqrt`; `decay` and `decay_shape` are read by `wsd`.
    """
    if name == "constant":
        return constant()
    if name == "linear":
        return linear(floor)
    if name == "cosine":
        return cosine(floor)
    if name == "inverse_sqrt":
        return inverse_sqrt(warmup, floor)
    if name == "exponential":
        return exponential(floor)
    return wsd(decay, linear(floor) if decay_shape == "linear" else one_minus_sqrt(floor))


def factor(schedule: Schedule, step: int, steps: int, warmup: float = 0.0) -> float:
    """The factor of update `step` (0 … steps - 1); it rises straight from 0 over the first `warmup` updates.

    Progress is read in the middle of the update: at its beginning the first update of a warm-up would be of rate 0, at its
    end the last update of a decay would.
    """
    done = step + 0.5
    return done / warmup if done < warmup else schedule((done - warmup) / (steps - warmup))
