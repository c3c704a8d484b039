"""Activation checkpointing: keep only what goes into each block, and compute the rest again in the backward pass.

Memory of activations falls from some twenty tensors of [batch, seq, dim] a block to one, for about a third more time (Chen et
al. 2016, "Training Deep Nets with Sublinear Memory Cost", §3). Gradients are the same: the second pass computes what the first
did, in the same precision, compiled or not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from torch import nn
from torch.utils.checkpoint import checkpoint

from hagane.model.decoder import Block


@contextmanager
def recomputing(model: nn.Module, enabled: bool) -> Iterator[None]:
    """Run the decoder blocks inside `model` with activation checkpointing; inside `compiling()`, so that both are compiled."""
    if not enabled:
        yield
        return
    blocks = [module for module in model.modules() if isinstance(module, Block)]
    before = [vars(block).get("forward") for block in blocks]
    for block in blocks:
        # Blocks draw nothing at random, so there is no generator's state to be kept.
        again = partial(checkpoint, block.forward, use_reentrant=False, preserve_rng_state=False)
        block.forward = again  # type: ignore[method-assign]
    try:
        yield
    finally:
        for block, forward in zip(blocks, before, strict=True):
            if forward is None:
                del block.forward
            else:
                block.forward = forward  # type: ignore[method-assign]
