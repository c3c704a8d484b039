"""Compiled equals eager, and one compilation serves every model of the same shapes."""

from __future__ import annotations

import pytest
import torch
from tiny import counting_examples, tiny_model, whole_batch
from torch import Tensor

from hagane.train.compile import compilations, compiling, obstacle
from hagane.train.losses import lm_loss

pytestmark = pytest.mark.skipif(obstacle() is not None, reason=f"nothing can be compiled here: {obstacle()}")


def gradients(enabled: bool) -> dict[str, Tensor]:
    model, batch = tiny_model(), whole_batch(counting_examples(), 0)
    with compiling(model, enabled):
        hidden = model(batch["tokens"], batch["segments"], batch["positions"])
        lm_loss(hidden, model.head_weight, batch["targets"], batch["weights"], chunk=64).backward()  # type: ignore[no-untyped-call]
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def test_equal_to_eager_and_compiled_once() -> None:
    torch._dynamo.reset()  # another test may have compiled these shapes
    eager = gradients(enabled=False)
    before = compilations()
    first = gradients(enabled=True)
    after = compilations()
    assert after > before
    second = gradients(enabled=True)
    assert compilations() == after, "a second model of the same shapes was compiled anew"
    for name, gradient in eager.items():
        torch.testing.assert_close(first[name], gradient, rtol=1e-4, atol=1e-5)
        assert torch.equal(first[name], second[name])


def test_nothing_stays_compiled() -> None:
    model = tiny_model()
    with compiling(model):
        assert "forward" in vars(model.blocks[0])
    assert "forward" not in vars(model.blocks[0])
