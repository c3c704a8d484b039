"""Draws follow the distribution that was asked for."""

from __future__ import annotations

import pytest
import torch

from hagane.generate.sampling import Sampler

LOGITS = torch.tensor([2.0, 1.0, 0.0, -1.0, 0.5, float("-inf")])
DRAWS = 40_000


def frequencies(temperature: float, top_p: float, logits: torch.Tensor = LOGITS, draws: int = DRAWS) -> torch.Tensor:
    sampler = Sampler(temperature, top_p, seed=1, prompts=200, max_new_tokens=draws // 200)
    prompts = [i // (draws // 200) for i in range(draws)]
    steps = [i % (draws // 200) for i in range(draws)]
    drawn = sampler.choose(logits.expand(draws, -1), prompts, steps)
    return torch.bincount(drawn, minlength=len(logits)) / draws


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_frequencies_are_the_softmax(temperature: float) -> None:
    expected = torch.softmax(LOGITS / temperature, -1)
    found = frequencies(temperature, 1.0)
    # Four standard errors of a frequency over this many draws.
    assert (found - expected).abs().max() < 4 * (0.25 / DRAWS) ** 0.5
    assert found[5] == 0


def test_nucleus_is_the_smallest_set_that_reaches_top_p() -> None:
    probabilities = torch.softmax(LOGITS, -1)
    kept = torch.tensor([True, True, False, False, True, False])
    assert probabilities[kept].sum() > 0.87
    assert probabilities[[0, 1]].sum() < 0.87
    expected = probabilities * kept / probabilities[kept].sum()
    assert (frequencies(1.0, 0.87) - expected).abs().max() < 4 * (0.25 / DRAWS) ** 0.5


def test_a_flat_distribution_needs_more_than_the_likeliest() -> None:
    """With 1,000 equal tokens the 256 that are sorted first hold a quarter of the mass: the others must still come."""
    found = frequencies(1.0, 0.9, torch.zeros(1000), 10_000)
    assert 890 <= int((found > 0).sum()) <= 910


def test_greedy_takes_the_likeliest() -> None:
    assert Sampler(0.0, 1.0, 0, 1, 1).choose(LOGITS[None], [0], [0]).tolist() == [0]
