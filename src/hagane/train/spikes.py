"""What to do with an update that would do harm: a loss or gradient that is not finite, or a gradient far above the usual.

A spike is known before the update is made, so it can be left out: the gradients are dropped, the data is passed over, and the
schedule goes on (OLMo's SkipStepAdamW). Or training goes back to before the weights drifted to where the spike came from
(`roll_back.py`).
What is usual is the median norm of the last updates that were made. It is a part of the checkpoint: a run that was killed judges
as the one that was not.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Literal

Policy = Literal["stop", "skip", "roll_back"]
WINDOW = 50
"""Updates whose norms tell what is usual; fewer than a fifth of them tell nothing yet."""
PATIENCE = 10
"""Updates that may be left out one after another before training stops all the same."""
ROLL_BACKS = 5
"""How often a run may go back before training stops all the same."""


@dataclass
class Spikes:
    """The norms that count as usual, and what was left out."""

    norms: list[float] = field(default_factory=list)
    skipped: int = 0
    in_a_row: int = 0

    def reason(self, loss: float, norm: float, factor: float) -> str | None:
        """Why the update must not be made, or None. factor: times the usual norm; 0 looks at finiteness alone."""
        if not (math.isfinite(loss) and math.isfinite(norm)):
            return f"loss {loss:.4g}, gradient norm {norm:.4g}: not finite"
        if factor and len(self.norms) >= WINDOW // 5 and norm > factor * median(self.norms):
            return f"gradient norm {norm:.4g}, more than {factor:g} times the usual {median(self.norms):.4g}"
        return None

    def made(self, norm: float) -> None:
        """The update was made."""
        self.norms = [*self.norms[1 - WINDOW :], norm]
        self.in_a_row = 0

    def left_out(self) -> None:
        """The update was left out."""
        self.skipped += 1
        self.in_a_row += 1

    def state(self) -> dict[str, Any]:
        """As JSON, for the checkpoint."""
        return asdict(self)
