"""Activation checkpointing keeps less and changes no gradient, compiled or not."""

from __future__ import annotations

import pytest
import torch
from tiny import counting_examples, tiny_model, whole_batch
from torch import Tensor

from hagane.train.compile import compiling, obstacle
from hagane.train.losses import lm_loss
from hagane.train.recompute import recomputing


def gradients(enabled: bool, compiled: bool) -> tuple[dict[str, Tensor], int]:
    """Of one step, and the bytes that were kept for its backward pass."""
    model, batch = tiny_model(), whole_batch(counting_examples(), 0)
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with compiling(model, compiled), recomputing(model, enabled):
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            hidden = model(batch["tokens"], batch["segments"], batch["positions"])
        lm_loss(hidden, model.head_weight, batch["targets"], batch["weights"], chunk=64).backward()  # type: ignore[no-untyped-call]
    assert "forward" not in vars(model.blocks[0])
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}, sum(kept.values())


@pytest.mark.parametrize(
    "compiled",
    [False, pytest.param(True, marks=pytest.mark.skipif(obstacle() is not None, reason=f"not compiled: {obstacle()}"))],
)
def test_equal_gradients(compiled: bool) -> None:
    (usual, much), (again, little) = gradients(False, compiled), gradients(True, compiled)
    assert usual.keys() == again.keys()
    assert all(torch.equal(usual[name], again[name]) for name in usual)
    if not compiled:
        print(f"kept for the backward pass: {much} bytes, with activation checkpointing {little}")
        assert little < 0.6 * much
