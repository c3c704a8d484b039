"""The next token from logits: the likeliest, or a draw that belongs to its prompt and not to its batch.

Each prompt has its own stream of uniform numbers, seeded by (seed, number of the prompt). A number picks a token by
inverting the distribution function, so the same prompt draws the same answer whichever prompts are decoded beside it and
however large a batch is. Nucleus sampling (Holtzman et al. 2020) keeps the smallest set of likeliest tokens whose mass
reaches `top_p`; it needs order, and sorting 8,192 entries costs several times the forward pass, so the 256 likeliest are
sorted, and all entries only of rows where these do not hold enough mass.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hagane.errors import UsageError

_LIKELIEST = 256
_BELOW_ONE = 1.0 - 1e-6
"""Largest uniform number: at 1 rounding could pick a token of probability 0."""


class Sampler:
    """Chooses next tokens for the prompts of one call."""

    def __init__(self, temperature: float, top_p: float, seed: int, prompts: int, max_new_tokens: int) -> None:
        """Temperature 0 is greedy. Raises UsageError for values without a meaning."""
        if temperature < 0:
            raise UsageError(
                f"The temperature is {temperature}.", fix="Give 0 for the likeliest token, or more to sample."
            )
        if not 0 < top_p <= 1:
            raise UsageError(f"top_p is {top_p}.", fix="Give a share of the probability, above 0 and at most 1.")
        self._temperature, self._top_p = temperature, top_p
        self._uniform = None
        if temperature > 0:
            streams = [torch.Generator().manual_seed(_mix(seed, number)) for number in range(prompts)]
            rows = [torch.rand(max_new_tokens, generator=stream) for stream in streams]
            self._uniform = torch.stack(rows).clamp(max=_BELOW_ONE) if rows else torch.empty(0, max_new_tokens)

    def choose(self, logits: Tensor, prompts: Sequence[int], steps: Sequence[int]) -> Tensor:
        """Token of each row, int64 [rows].

        logits: [rows, vocab]; prompts, steps: of which prompt each row is, and how many tokens it has already.
        """
        if self._uniform is None:
            return logits.float().argmax(-1)  # in bfloat16 the search alone takes six times as long
        uniform = self._uniform[list(prompts), list(steps)].to(logits.device)[:, None]
        probabilities = torch.softmax(logits.float() / self._temperature, -1)
        if self._top_p == 1:
            return _invert(probabilities, uniform)
        likeliest, index = probabilities.topk(min(_LIKELIEST, probabilities.shape[-1]))
        chosen = self._nucleus(likeliest, index, uniform)
        flat = likeliest.sum(-1) < self._top_p
        if bool(flat.any()):
            chosen[flat] = self._nucleus(*probabilities[flat].sort(dim=-1, descending=True), uniform[flat])
        return chosen

    def _nucleus(self, likeliest: Tensor, index: Tensor, uniform: Tensor) -> Tensor:
        """A draw from the head of falling probabilities [rows, n] that belong to tokens `index` [rows, n]."""
        before = likeliest.cumsum(-1) - likeliest
        return index.gather(1, _invert(likeliest.masked_fill(before >= self._top_p, 0.0), uniform)[:, None])[:, 0]


def _invert(weights: Tensor, uniform: Tensor) -> Tensor:
    """The first entry at which the running sum of `weights` [rows, n] passes `uniform` [rows, 1] of the whole."""
    reached = weights.cumsum(-1)
    return torch.searchsorted(reached, uniform * reached[:, -1:], right=True)[:, 0].clamp(max=weights.shape[-1] - 1)


def _mix(seed: int, number: int) -> int:
    """One 63-bit seed from two numbers (splitmix64), so that neighbours are unrelated streams."""
    z = (seed * 0x9E3779B97F4A7C15 + number * 0xD1B54A32D192ED03 + 0x2545F4914F6CDD1D) & (2**64 - 1)
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
    return (z ^ (z >> 31)) >> 1
