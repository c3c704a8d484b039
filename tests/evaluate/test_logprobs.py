"""Packed log-probabilities equal those of each sequence scored alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hagane.evaluate.logprobs import continuation_logprobs
from hagane.model.config import DecoderConfig
from hagane.model.decoder import Decoder


@pytest.fixture(scope="module")
def model() -> Decoder:
    config = DecoderConfig(
        vocab_size=50, hidden_size=32, intermediate_size=64, num_layers=2, num_heads=2, num_kv_heads=1, head_dim=16
    )
    decoder = Decoder(config)
    decoder.init_weights(torch.Generator().manual_seed(1), std=0.3)
    return decoder.eval()


def alone(model: Decoder, before: list[int], after: list[int]) -> float:
    with torch.no_grad():
        logits = model(torch.tensor([[*before, *after]]))[0] @ model.head_weight.T
    logprobs = logits.log_softmax(-1)
    return sum(float(logprobs[len(before) - 1 + i, token]) for i, token in enumerate(after))


def pairs() -> list[tuple[list[int], list[int]]]:
    rng = np.random.default_rng(1)
    sizes = rng.integers(1, 60, (80, 2))
    return [(rng.integers(0, 50, a).tolist(), rng.integers(0, 50, b).tolist()) for a, b in sizes]


def test_packed_equals_alone(model: Decoder) -> None:
    some = pairs()
    np.testing.assert_allclose(
        continuation_logprobs(model, some), [alone(model, *pair) for pair in some], rtol=1e-4, atol=1e-3
    )


def test_the_comparison_can_fail(model: Decoder) -> None:
    """Negative control: another context gives another number."""
    some = pairs()
    other = [([*before[:-1], (before[-1] + 1) % 50], after) for before, after in some]
    assert np.abs(continuation_logprobs(model, some) - continuation_logprobs(model, other)).min() > 1e-3
