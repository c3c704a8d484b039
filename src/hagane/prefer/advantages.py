"""From one score at the end of an answer to an advantage for each of its tokens.

The score of an answer stands on its last token; on every token a penalty pulls towards the reference model
(Ziegler et al. 2019, eq. 2: −β (log π − log π_ref), the k1 estimator, unbiased and sometimes negative). Generalised
advantage estimation (Schulman et al. 2016, eq. 16) spreads both back over the answer. All arrays are right-padded,
[answers, tokens]; `mask` is 1 on tokens of the answer. Cost: one short loop, nothing beside a forward pass.
"""

from __future__ import annotations

import torch


def token_rewards(
    scores: torch.Tensor, logprobs: torch.Tensor, ref_logprobs: torch.Tensor, mask: torch.Tensor, kl_weight: float
) -> torch.Tensor:
    """Reward of each token, [answers, tokens]: the KL penalty everywhere, the score [answers] on the last token."""
    rewards = -kl_weight * (logprobs - ref_logprobs) * mask
    last = mask.sum(dim=1).long() - 1
    rewards[torch.arange(rewards.shape[0]), last] += scores.to(rewards.dtype)
    return rewards


def gae(rewards: torch.Tensor, values: torch.Tensor, gamma: float, lam: float) -> torch.Tensor:
    """Advantages, [answers, tokens]. `values` and `rewards` must be 0 after the end of an answer."""
    advantages = torch.zeros_like(values)
    running = torch.zeros_like(values[:, 0])
    following = torch.zeros_like(values[:, 0])
    for t in reversed(range(values.shape[1])):
        delta = rewards[:, t] + gamma * following - values[:, t]
        running = delta + gamma * lam * running
        advantages[:, t] = running
        following = values[:, t]
    return advantages


def whiten(advantages: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean 0 and variance 1 (unbiased) over every token under `mask`, 0 elsewhere.

    Over the whole rollout, not per minibatch: or the same token would be good or bad by its neighbours.
    """
    mask = mask.to(advantages.dtype)
    count = mask.sum()
    mean = (advantages * mask).sum() / count
    variance = ((advantages - mean) ** 2 * mask).sum() / (count - 1).clamp(min=1)
    return (advantages - mean) * torch.rsqrt(variance + 1e-8) * mask
