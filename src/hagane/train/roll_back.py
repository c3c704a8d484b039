"""Back to before a spike, and on from there with other data.

A spike comes of certain weights meeting certain data: Chowdhery et al. 2022, "PaLM", §5.1, went back about a hundred steps and
passed over some hundred batches, and it did not come again; the same batches met by other weights did no harm. Here the run goes
back to its newest checkpoint, and the stream is shifted past all that was read since, up to and including the spike.

The checkpoint is written anew with the shift in it, so a run that is killed after the roll-back goes on behind it. Killed before,
or while that checkpoint is being replaced, the run goes on from an older one, meets the same spike and goes back in the same way.

What the way back leaves in the metrics is one row: `step`, the step that training went back to, `rolled_back_from`, the step of
the spike, `spike_loss` and `spike_grad_norm`. Rows of steps that are done again are dropped, as after a kill.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from hagane.artifact import processes
from hagane.artifact.metrics import MetricsWriter
from hagane.train import checkpoint as checkpoints
from hagane.train.optimizers import Optimizer
from hagane.train.state import Run, pack, unpack


def roll_back(
    folder: Path,
    model: nn.Module,
    optimizer: Optimizer,
    run: Run,
    spike: Mapping[str, float],
    identity: Mapping[str, Any],
) -> Run | None:
    """Put model and optimizer back to the newest checkpoint in `folder`; the run from there, or None where none is valid.

    spike: `loss` and `grad_norm` of the step that was not made, `run.step`.
    """
    found = checkpoints.load_latest(folder, identity, dict(model.named_parameters()))
    if found is None:
        return None
    processes.wait()  # until all have read what the first is about to replace
    back = unpack(found, model, optimizer)
    # Counted from the run and not from the checkpoint, which is older than the last roll-back where a newer one is damaged.
    back.passed_over = run.passed_over + run.step - found.step + 1
    figures = {f"spike_{name}": spike[name] for name in ("loss", "grad_norm")}
    back.roll_backs = [*run.roll_backs, {"step": found.step, "rolled_back_from": run.step, **figures}]
    checkpoints.save(folder, pack(model, optimizer, back, identity))
    return back


def tell_roll_backs(metrics: MetricsWriter, run: Run) -> None:
    """Write the rows of roll-backs that go before the next step's; those of steps before it are there."""
    for row in run.roll_backs:
        if row["step"] >= run.step:
            metrics.write(**row)
