from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from hagane.model.config import DecoderConfig
from hagane.model.decoder import Decoder


@pytest.fixture
def tiny() -> Callable[..., Decoder]:
    """Makes small models with weights large enough that attention, positions and norms all matter."""

    def make(seed: int = 0, **changes: Any) -> Decoder:
        shape: dict[str, Any] = {
            "vocab_size": 97,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_layers": 2,
            "num_heads": 4,
            "num_kv_heads": 2,
            "head_dim": 16,
            "bos_id": 1,
            "eos_id": 2,
            "pad_id": 3,
        }
        model = Decoder(DecoderConfig(**(shape | changes)))
        generator = torch.Generator().manual_seed(seed)
        model.init_weights(generator, std=0.3)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim == 1:
                    parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.2)
        return model

    return make


@pytest.fixture
def tokens() -> torch.Tensor:
    """[3, 40] ordinary tokens."""
    return torch.randint(4, 97, (3, 40), generator=torch.Generator().manual_seed(1))
