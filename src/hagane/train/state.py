"""What a run remembers, to a checkpoint and back.

A run is weights, the optimizer's state and `Run`; everything else is a pure function of the step. What is not in here is lost
by a kill, so whatever the loop has to remember is a field of `Run`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hagane.errors import ArtifactError, UsageError
from hagane.train import checkpoint as checkpoints
from hagane.train.average import Average
from hagane.train.checkpoint import Checkpoint
from hagane.train.optimizers import Optimizer
from hagane.train.spikes import Spikes

MILESTONES = "milestones"


@dataclass
class Run:
    """What changes while training, beside weights and optimizer."""

    step: int = 0
    seconds: float = 0.0
    tokens: int = 0
    evaluations: list[dict[str, float]] = field(default_factory=list)
    kept: dict[str, Tensor] | None = None
    """Weights that were last evaluated and accepted; only for tasks that can stop."""
    average: Average = field(default_factory=Average)
    spikes: Spikes = field(default_factory=Spikes)
    passed_over: int = 0
    """Updates' worth of data that roll-backs have left out: step k reads what step k + passed_over would have read."""
    roll_backs: list[dict[str, Any]] = field(default_factory=list)
    """The row of metrics of each."""


def weights(model: nn.Module) -> dict[str, Tensor]:
    """The trainable parameters by name; not copied."""
    return {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}


@torch.no_grad()
def set_weights(model: nn.Module, values: Mapping[str, Tensor]) -> None:
    """Copy `values`, by name, into the trainable parameters."""
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            parameter.copy_(values[name])


def evaluated(model: nn.Module, run: Run) -> dict[str, Tensor]:
    """The weights that evaluations are of and that a run ends with: their average where there is one; not copied."""
    return run.average.tensors or weights(model)


@contextmanager
def holding(model: nn.Module, values: Mapping[str, Tensor]) -> Iterator[None]:
    """`values`, if there are any, in the place of the trainable parameters while the block runs."""
    if not values:
        yield
        return
    own = {name: tensor.clone() for name, tensor in weights(model).items()}
    set_weights(model, values)
    try:
        yield
    finally:
        set_weights(model, own)


def pack(model: nn.Module, optimizer: Optimizer, run: Run, identity: Mapping[str, Any]) -> Checkpoint:
    """The checkpoint of this moment. `identity`: what must agree for another run to go on from it, as JSON."""
    tensors = {"model": weights(model), "optimizer": optimizer.state()}
    if run.kept is not None:
        tensors["kept"] = run.kept
    if run.average.tensors:
        tensors["average"] = run.average.tensors
    state = {
        "averaged": run.average.updates,
        "seconds": run.seconds,
        "tokens": run.tokens,
        "evaluations": run.evaluations,
    }
    state |= {"spikes": run.spikes.state(), "passed_over": run.passed_over, "roll_backs": run.roll_backs, **identity}
    return Checkpoint(run.step, tensors, state)


def unpack(found: Checkpoint, model: nn.Module, optimizer: Optimizer) -> Run:
    """Put model and optimizer back to the moment of the checkpoint."""
    set_weights(model, found.tensors["model"])
    optimizer.load(found.tensors["optimizer"])
    state = found.state
    return Run(
        step=found.step,
        seconds=state["seconds"],
        tokens=state["tokens"],
        evaluations=state["evaluations"],
        kept=found.tensors.get("kept"),
        # What milestones of earlier versions do not have.
        average=Average(found.tensors.get("average", {}), state.get("averaged", 0)),
        spikes=Spikes(**state["spikes"]),
        passed_over=state.get("passed_over", 0),
        roll_backs=state.get("roll_backs", []),
    )


def milestone(folder: Path, step: int = 0) -> Path:
    """The milestone after `step` updates in the output folder of a run; 0: the newest.

    Raises UsageError, with those that are there, when it is not.
    """
    found = {int(path.name.removeprefix("step-")): path for path in sorted((folder / MILESTONES).glob("step-*"))}
    chosen = step or max(found, default=0)
    if chosen not in found:
        raise UsageError(
            f"There is no milestone of step {step}." if step else "This run left no milestones.",
            where=str(folder / MILESTONES),
            fix=f"Milestones: {', '.join(map(str, found))}." if found else "Train it with `keep_every` set.",
        )
    return found[chosen]


def branch_off(milestone: Path, model: nn.Module, optimizer: Optimizer, steps: int) -> Run:
    """Start where another run was when it wrote the checkpoint `milestone`; `steps`: updates of this run, from the beginning.

    Raises ArtifactError when it is damaged or of another model; UsageError when its optimizer is another one or nothing is
    left to train.
    """
    found = checkpoints.load(milestone, dict(model.named_parameters()))
    here, there = weights(model), found.tensors["model"]
    differing = sorted(
        name
        for name in here.keys() | there.keys()
        if name not in here or name not in there or here[name].shape != there[name].shape
    )
    if differing:
        raise ArtifactError(
            f"The milestone is of another model: {len(differing)} tensors differ, {differing[0]} first.",
            where=str(milestone),
            fix="Branch with the shape and the tokenizer of the run it is from.",
        )
    name = found.state["config"]["optimizer"]
    if name != optimizer.name:
        raise UsageError(
            f"The milestone was trained with {name}, and this run asks for {optimizer.name}.",
            where=str(milestone),
            fix="Branch with the same optimizer: its state goes on.",
        )
    if found.step >= steps:
        raise UsageError(
            f"The milestone has {found.step} updates behind it, and this run ends after {steps}.",
            where=str(milestone),
            fix="`steps` counts from the beginning of the run that is branched: set it higher.",
        )
    return unpack(found, model, optimizer)
