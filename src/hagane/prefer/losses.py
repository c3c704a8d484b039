"""The losses of preference tuning, as functions of numbers: no model, no batch, no configuration.

Each returns one value per pair or per token and leaves the sum to the caller, who knows the weight of the whole step.
Reference values in tests/prefer/test_losses.py were worked out apart from this code, in float64.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F


def bradley_terry(chosen: torch.Tensor, rejected: torch.Tensor) -> torch.Tensor:
    """−log σ(r_chosen − r_rejected), [pairs]: the reward model's loss (Ouyang et al. 2022, eq. 1)."""
    return -F.logsigmoid(chosen - rejected)


def dpo(
    chosen: torch.Tensor, rejected: torch.Tensor, ref_chosen: torch.Tensor, ref_rejected: torch.Tensor, beta: float
) -> torch.Tensor:
    """Direct preference optimisation, [pairs] (Rafailov et al. 2023, eq. 7).

    All four are log-probabilities of whole answers (summed over their tokens, end token included), [pairs]. While the
    policy is still the reference every value is ln 2.
    """
    margin = (chosen - ref_chosen) - (rejected - ref_rejected)
    return -F.logsigmoid(beta * margin)


def ordered(margins: torch.Tensor) -> torch.Tensor:
    """1 where the chosen answer is ahead, 0 where the rejected one is, ½ at a tie (as before training), [pairs]."""
    return 0.5 * (torch.sign(margins) + 1.0)


def clipped_policy(
    logprobs: torch.Tensor, old_logprobs: torch.Tensor, advantages: torch.Tensor, clip: float
) -> torch.Tensor:
    """PPO's pessimistic surrogate as a loss, per token (Schulman et al. 2017, eq. 7).

    −min(ratio·A, clip(ratio, 1−ε, 1+ε)·A): a token whose probability has already moved by ε in the direction of its
    advantage gives no further gradient, one that moved against it still does.
    """
    ratio = torch.exp(logprobs - old_logprobs)
    return torch.maximum(-advantages * ratio, -advantages * ratio.clamp(1.0 - clip, 1.0 + clip))


def clipped_value(values: torch.Tensor, old_values: torch.Tensor, returns: torch.Tensor, clip: float) -> torch.Tensor:
    """Half the squared error of the critic, per token, its step clipped to ±`clip` around the old value.

    Not in the paper but in the implementations that reproduced it (Huang et al. 2024, "N+ Implementation Details").
    """
    near = old_values + (values - old_values).clamp(-clip, clip)
    return 0.5 * torch.maximum((values - returns) ** 2, (near - returns) ** 2)


def clipped_share(
    logprobs: torch.Tensor, old_logprobs: torch.Tensor, advantages: torch.Tensor, clip: float
) -> torch.Tensor:
    """1.0 where the clipped side of `clipped_policy` is the one that counts, per token: PPO's clip fraction."""
    ratio = torch.exp(logprobs - old_logprobs)
    return (-advantages * ratio.clamp(1.0 - clip, 1.0 + clip) > -advantages * ratio).float()
