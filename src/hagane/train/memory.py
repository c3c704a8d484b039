"""Whether a run fits into memory, estimated before it starts.

Counted is what is still to be allocated and must be there at once at the end of a forward pass: float32 gradients, optimizer state
and average of what is trained (the weights are there already, but for a GPU), and for each block what the compiled backward pass
reads again (states around both norms, queries, keys, values, probabilities of the lower triangle, gate, up and their product). Not
counted are the attention bias, the head's logits, Python, the compiler and what is freed on the way: the estimate is low, so
that nothing that fits is refused, and a run that passes may still be too large.
"""

from __future__ import annotations

import os

import torch
from torch import nn

from hagane.artifact import processes
from hagane.errors import UsageError
from hagane.model.config import DecoderConfig
from hagane.model.decoder import Decoder
from hagane.model.memory import GIB, available_bytes
from hagane.train import distributed
from hagane.train.loop import TrainConfig
from hagane.train.optimizers import OptimizerName, roles_of


def training_bytes(model: nn.Module, optimizer: OptimizerName, averaged: bool = False) -> int:
    """Gradients, optimizer state and average of what is trained: AdamW keeps two numbers, Muon one for each weight of a matrix."""
    roles = roles_of(model)
    numbers = 0
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            by_muon = optimizer == "muon" and name in roles and roles[name].kind == "matrix"
            numbers += ((2 if by_muon else 3) + averaged) * parameter.numel()
    return 4 * numbers


def activations_bytes(
    config: DecoderConfig, rows: int, seq: int, dtype: torch.dtype, *, recomputed: bool, probabilities: bool = True
) -> int:
    """What the blocks keep of one micro-batch for the backward pass. probabilities: whether those of attention are kept."""
    projected = sum(config.qkv_rows) + config.qkv_rows[0]
    inner = (3 if config.feed_forward == "swiglu" else 2) * config.intermediate_size
    block = 4 * config.hidden_size + projected + inner + (config.num_heads * seq // 2 if probabilities else 0)
    kept = config.num_layers * config.hidden_size + block if recomputed else config.num_layers * block
    return rows * seq * kept * dtype.itemsize


def require_memory(model: nn.Module, rows: int, seq: int, config: TrainConfig) -> None:
    """Raise UsageError, with what is needed and how to need less, for a run that cannot fit.

    model: has a decoder inside; rows, seq: of the largest micro-batch of one process.
    """
    on_gpu = distributed.device().type == "cuda"
    available = int(torch.cuda.mem_get_info()[0]) if on_gpu else available_bytes()
    if available is None:
        return
    decoder = next(module for module in model.modules() if isinstance(module, Decoder))
    # Processes on one machine share its memory, but not its GPUs; each has a micro-batch of its own.
    here = 1 if on_gpu else int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    trained = training_bytes(model, config.optimizer, config.average > 0)
    trained += 4 * sum(p.numel() for p in model.parameters()) if on_gpu else 0
    trained = trained * here // (processes.count() if config.shard else 1)
    activations = here * activations_bytes(
        decoder.config,
        rows,
        seq,
        decoder.compute_dtype,
        recomputed=config.checkpoint_activations,
        probabilities=not on_gpu,
    )
    if trained + activations > available:
        raise UsageError(
            f"This run needs at least {(trained + activations) / GIB:.1f} GiB more memory, and {available / GIB:.1f} GiB are "
            f"there: {trained / GIB:.1f} for gradients and optimizer, {activations / GIB:.1f} for a micro-batch of {rows} rows "
            f"of {seq}.",
            where="estimate before the start",
            fix="Take fewer `rows` (in pretraining with more `micro_batches`), a shorter `seq` or a smaller model. Where there "
            "is `train`, its `checkpoint_activations: true` needs less for rows, and `shard: true` on several machines less "
            "for the optimizer.",
        )
