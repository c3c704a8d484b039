"""A short run at given rates, as the tools of this room see it: training losses in, a held-out loss out.

Who trains is not this room's business: a `Train` takes the fields of a `RateConfig` that are to differ, and a seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Settings = Mapping[str, float | int | str]
"""Fields of a `RateConfig`."""

FOLDER = "learning_rate"
"""Where a run folder keeps what these tools measured."""
WINDOW = 1 / 20
"""Width of the smoothing window, as a share of the updates."""
ABOVE_START = 1.02
"""How far above the first loss a smoothed loss may stand; an untrained model's loss varies by a per cent from batch to batch."""


@dataclass(frozen=True)
class Trial:
    """What a run did."""

    losses: Sequence[float]
    """Training loss of each update; ends early where the loss was not finite any more."""
    heldout: float | None
    """Held-out loss at the end, lower is better; None where the run broke off."""

    @property
    def diverged(self) -> bool:
        """Broke off, or its smoothed loss stood above the one it began with.

        That later losses are higher than earlier ones proves nothing: batches differ in how hard they are.
        """
        if self.heldout is None or not np.isfinite(self.heldout):
            return True
        return bool(smoothed(self.losses).max() > ABOVE_START * self.losses[0])


Train = Callable[[Settings, int], Trial]
"""(settings, seed) → what the run did. The same arguments must give the same run."""


def smoothed(losses: Sequence[float]) -> np.ndarray:
    """Mean over a window centred on each update, cut at both ends; float64 [updates].

    Centred, so that nothing is moved to higher rates, as a running mean would.
    """
    values = np.asarray(losses, dtype=np.float64)
    half = max(0, round(len(values) * WINDOW / 2))
    total = np.concatenate(([0.0], np.cumsum(values)))
    at = np.arange(len(values))
    begin, end = np.maximum(at - half, 0), np.minimum(at + half + 1, len(values))
    return np.asarray((total[end] - total[begin]) / (end - begin))
