"""Whether a run fits into memory, estimated before it starts.

Counted is what must be there at once at the end of a forward pass: float32 weights, gradients and optimizer state, and for each
block what the compiled backward pass reads again (states around both norms, queries, keys, values, probabilities of the lower
triangle, gate, up and their product). Not counted are Python, the libraries and what is freed on the way, so the estimate is low
and nothing that fits is refused: 8 × 384 with AdamW, 8 rows of 512 in float32 is put at 1.2 GiB and peaks at 1.9.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch

from hagane.artifact import processes
from hagane.errors import UsageError
from hagane.model.config import DecoderConfig
from hagane.train.optimizers import OptimizerName

GIB = 2**30


def weights_bytes(config: DecoderConfig, optimizer: OptimizerName) -> int:
    """Weights, gradients and optimizer state: AdamW keeps two numbers for each weight, Muon one for each of a matrix."""
    embeddings = config.vocab_size * config.hidden_size * (1 if config.tie_embeddings else 2)
    inside = config.parameters_count - embeddings
    return 4 * (4 * embeddings + (3 if optimizer == "muon" else 4) * inside)


def activations_bytes(config: DecoderConfig, rows: int, seq: int, dtype: torch.dtype, recomputed: bool) -> int:
    """What the blocks keep of one micro-batch for the backward pass."""
    projected = sum(config.qkv_rows) + config.qkv_rows[0]
    inner = (3 if config.feed_forward == "swiglu" else 2) * config.intermediate_size
    block = 4 * config.hidden_size + projected + inner + config.num_heads * seq // 2
    kept = config.num_layers * config.hidden_size + block if recomputed else config.num_layers * block
    return rows * seq * kept * dtype.itemsize


def available_bytes() -> int | None:
    """Memory this process may still take: of the machine, or of its control group where that is less. None: unknown."""
    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    found = []
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        found.append(int(lines["MemAvailable"].split()[0]) * 1024)
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.is_file() and used.is_file() and (text := limit.read_text().strip()) != "max":
        found.append(int(text) - int(used.read_text()))
    return min(found, default=None)


def require_memory(
    config: DecoderConfig,
    rows: int,
    seq: int,
    dtype: torch.dtype,
    optimizer: OptimizerName,
    *,
    recomputed: bool,
    sharded: bool,
) -> None:
    """Raise UsageError, with what is needed and how to need less, for a run that cannot fit."""
    available = available_bytes()
    if available is None:
        return
    # Processes on one machine share its memory; each has a micro-batch of its own.
    here = 1 if torch.cuda.is_available() else int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    weights = weights_bytes(config, optimizer) * here // (processes.count() if sharded else 1)
    activations = activations_bytes(config, rows, seq, dtype, recomputed) * here
    if weights + activations > available:
        raise UsageError(
            f"This run needs at least {(weights + activations) / GIB:.1f} GiB of memory, and {available / GIB:.1f} GiB are there: "
            f"{weights / GIB:.1f} for weights, gradients and optimizer, {activations / GIB:.1f} for a micro-batch of "
            f"{rows} rows of {seq}.",
            where="estimate before the start",
            fix="Take fewer `rows` and more `micro_batches`, a shorter `seq`, or `train.checkpoint_activations: true`; "
            "for the weights a smaller model, or `train.shard: true` on several machines.",
        )
