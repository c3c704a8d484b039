"""A moving average of the weights, which is what is evaluated and kept; training goes on with the weights themselves.

Late updates jump around a point that their mean comes closer to (Polyak and Juditsky 1992, "Acceleration of stochastic
approximation by averaging"); an average over the last updates at a constant rate does much of what a falling rate does (Li et al.
2025, "Model merging in pre-training of large language models"; Hägele et al. 2024, §4). Exponential, so that one copy is enough:
`decay` d is a mean over about the last 1 / (1 − d) updates.

Bias-corrected, as the averages of Adam (Kingma and Ba 2015, §3): after k updates the weight of the newest is (1 − d) / (1 − dᵏ), so
the first one is taken whole and the start weights are not in the mean. An average that begins with them, as for diffusion models
that train for 1 / (1 − d) many times over, would keep d^k of random numbers here, 45 % after 800 updates of d = 0.999.

Costs a float32 copy of what is trained, one pass over it an update, and a second copy while it is evaluated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class Average:
    """The mean so far; empty before the first update and where none is asked for."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    """By the names of the weights, and laid out as they are."""
    updates: int = 0
    """That are in it."""

    def add(self, weights: Mapping[str, Tensor], decay: float) -> None:
        """Take in the weights after an update; the share of all before it falls by `decay`."""
        self.updates += 1
        if self.updates == 1:
            self.tensors = {name: tensor.clone() for name, tensor in weights.items()}
            return
        share = (1.0 - decay) / (1.0 - decay**self.updates)
        torch._foreach_lerp_(list(self.tensors.values()), [weights[name] for name in self.tensors], share)
