"""The one engine: every training stage is a `Task` on this loop.

A step: ask the task for its micro-batches, sum their weights, divide each summed loss by that sum, clip, update. The weight of the
whole step is known before the first forward pass, so the result does not depend on how the step was cut up. Rates are read off a
pure schedule; nothing else has a memory but weights, their average and the optimizer, and all are in the checkpoint. A run killed
at any point and started again with the same folder ends with the same bytes.

Order within an iteration, which exactness rests on: checkpoint after update k, then evaluation after k updates, then update k+1.
What comes after a checkpoint is done again on resuming, and the rows of metrics it had written are dropped first.

A *milestone* is a checkpoint that stays: `milestones/` is kept where `checkpoints/` is dropped with the finished stage, and
another run may branch off from one. While the rate of `wsd` is at its peak it does not depend on the length of the run, so one
stable run serves decays of several lengths (Hu et al. 2024, MiniCPM, §4; Hägele et al. 2024, "Scaling laws and
compute-optimal training beyond fixed training durations").
"""

from __future__ import annotations

import gc
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from pydantic import Field
from torch import nn

from hagane.artifact import processes
from hagane.artifact.metrics import FILE_NAME, MetricsWriter
from hagane.artifact.progress import note, progress
from hagane.errors import TrainingError
from hagane.learning_rate.config import RateConfig
from hagane.model.allocator import keep_freed_memory
from hagane.train import checkpoint as checkpoints
from hagane.train import distributed
from hagane.train.average import Average
from hagane.train.compile import compilations, compiling
from hagane.train.interrupt import interruptible, no_garbage_collection
from hagane.train.optimizers import Optimizer, OptimizerName
from hagane.train.recompute import recomputing
from hagane.train.roll_back import roll_back, tell_roll_backs
from hagane.train.spikes import PATIENCE, ROLL_BACKS, Policy
from hagane.train.state import MILESTONES, Run, branch_off, evaluated, holding, pack, set_weights, unpack, weights
from hagane.train.task import Batch, Task

FOLDER = "checkpoints"


class TrainConfig(RateConfig):
    """Settings that every training stage shares: those of the learning rate, and these."""

    optimizer: OptimizerName = Field("muon", description="For matrices: muon or adamw. All else is adamw.")
    betas: tuple[float, float] = Field((0.9, 0.95), description="Decay of AdamW's two averages.")
    weight_decay: float = Field(0.1, ge=0, description="Decoupled weight decay of matrices.")
    embedding_weight_decay: float = Field(0.0, ge=0, description="Decoupled weight decay of embeddings and heads.")
    average: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Decay of a moving average of the weights, which is what is evaluated and kept; 0: none.",
    )
    clip: float = Field(1.0, gt=0, description="Largest norm of the gradient of a step.")
    evaluate_every: int = Field(0, ge=0, description="Updates between evaluations; 0: only before and after training.")
    checkpoint_every: int = Field(200, gt=0, description="Updates between checkpoints.")
    keep_checkpoints: int = Field(
        2, ge=1, description="Newest checkpoints that are kept; the second is to fall back to."
    )
    keep_every: int = Field(
        0, ge=0, description="Updates between checkpoints that are kept for good, in milestones/; 0: none."
    )
    on_spike: Policy = Field(
        "stop",
        description="When loss or gradient are not finite, or the norm is a spike: stop, skip that update, or roll_back to "
        "the last checkpoint and go on with other data.",
    )
    spike_factor: float = Field(
        0.0, ge=0, description="Norm that is a spike, in medians of the last 50; 0: only what is not finite."
    )
    compile: bool = Field(True, description="Compile the decoder blocks where a C++ compiler is found.")
    checkpoint_activations: bool = Field(False, description="Compute blocks twice instead of keeping what is inside.")
    shard: bool = Field(
        False, description="Under torchrun: each process holds a part of the model (FSDP2), not all of it."
    )

    @property
    def most_passed_over(self) -> int:
        """Updates' worth of data that roll-backs may leave out: as much further than `steps` a task's data should reach."""
        return ROLL_BACKS * self.checkpoint_every if self.on_spike == "roll_back" else 0


@runtime_checkable
class CanStop(Protocol):
    """A task that may end training early."""

    def should_stop(self, evaluations: list[dict[str, float]]) -> bool:
        """Asked after each evaluation but the first, with all so far (each has `step`): is the last one a step too far?

        If so, the model goes back to the weights of the evaluation before it, and training ends.
        """


@dataclass
class TrainResult:
    """What a run did. `model` itself holds the weights."""

    steps: int
    """Updates behind the final weights."""
    seconds: float
    """In steps, over all attempts; evaluation and compilation of the first step included. Steps done again count once."""
    tokens: int
    """Read in steps, padding not counted; those of steps that a roll-back gave up neither."""
    evaluations: list[dict[str, float]]
    """Each with `step`. After an early stop the last one is of weights that were given up."""
    resumed_from: int | None
    stopped_early: bool = False


def train(
    model: nn.Module, task: Task, config: TrainConfig, out: Path, label: str, branch: Path | None = None
) -> TrainResult:
    """Train `model` in place; goes on from `out/checkpoints` if a run of the same config left something there.

    Else, with `branch`, the milestone of another run, it starts where that run was after the milestone's step: weights,
    optimizer, step and figures so far. Rates from there on are this config's.

    Writes `out/metrics.jsonl` (rows of updates: loss, lr, grad_norm, tokens_per_second and the task's metrics; rows of
    evaluations: the task's figures under `eval_…`) and leaves its last checkpoints for the caller to delete.

    Of several processes each writes its own `out`; checkpoints are in the first one's, which all must be able to read.

    Raises TrainingError when a step has no labelled weight or is a spike that ends training; ArtifactError or
    UsageError when `branch` does not fit; KeyboardInterrupt, after the step and a checkpoint, on SIGINT and SIGTERM.
    """
    keep_freed_memory()
    with distributed.placed(model, config.shard) as trained:
        return _train(trained, task, config, out, processes.folder_of_first(out), label, branch)


def _train(
    model: nn.Module, task: Task, config: TrainConfig, out: Path, shared: Path, label: str, branch: Path | None
) -> TrainResult:
    optimizer = Optimizer(
        model,
        config.optimizer,
        betas=config.betas,
        weight_decay=config.weight_decay,
        embedding_weight_decay=config.embedding_weight_decay,
    )
    run, resumed_from = _resume(model, optimizer, config, shared, label)
    if resumed_from is not None and not processes.is_first():
        shutil.copyfile(shared / FILE_NAME, out / FILE_NAME)
    if branch is not None and resumed_from is None:
        run = branch_off(branch, model, optimizer, config.steps)
        note(f"  {label}: branches off after step {run.step}")
        if not config.average:
            run.average = Average()

    with (
        MetricsWriter(out / FILE_NAME, resumed_from) as metrics,
        progress(config.steps, label) as bar,
        no_garbage_collection(),
        interruptible() as interrupted,
    ):
        tell_roll_backs(metrics, run)
        if config.on_spike == "roll_back" and resumed_from is None:
            processes.wait()  # until all have seen that there was no checkpoint
            checkpoints.save(shared / FOLDER, pack(model, optimizer, run, _identity(config)))
        while True:
            if _evaluation_due(run.step, config) and not _accept(
                _evaluate(model, task, run, metrics), model, task, run
            ):
                note(f"  {label}: stopped after step {run.step}, back to the weights of step {_kept_step(run)}")
                return TrainResult(_kept_step(run), run.seconds, run.tokens, run.evaluations, resumed_from, True)
            if run.step == config.steps:
                if interrupted.is_set():
                    raise KeyboardInterrupt
                set_weights(model, evaluated(model, run))
                return TrainResult(run.step, run.seconds, run.tokens, run.evaluations, resumed_from)
            rate = config.factor(run.step)
            begin, graphs = time.perf_counter(), compilations()
            model.train()
            try:
                tokens, figures, spike = _update(model, task, optimizer, config, run, rate)
            except TrainingError as error:
                raise TrainingError(error.what, where=f"{label}, step {run.step}", fix=error.fix) from None
            seconds = time.perf_counter() - begin
            if compilations() > graphs:
                note(f"  {label}: compiled; step {run.step} took {seconds:.1f} s with that")
            metrics.write(run.step, lr=config.lr * rate, tokens_per_second=tokens / seconds, **figures)
            if spike is not None:
                back = _back(model, optimizer, config, run, shared, figures)
                if back is not None:
                    note(f"  {label}: {spike} in step {run.step}; back to step {back.step}, and on with other data")
                    run = back
                    metrics.go_back(run.step)
                    tell_roll_backs(metrics, run)
                    continue
                if _must_stop(run, config):
                    after = f", after {len(run.roll_backs)} roll-backs" if run.roll_backs else ""
                    raise TrainingError(
                        f"{spike[0].upper()}{spike[1:]}{after}.",
                        where=f"{label}, step {run.step}",
                        fix="Lower the learning rate or lengthen the warm-up; if it is step 0, look at the data. "
                        f"`on_spike: skip` leaves such updates out, at most {PATIENCE} in a row and never all of a run; "
                        f"`roll_back` goes back to the last checkpoint and on with other data, at most {ROLL_BACKS} times.",
                    )
                note(f"  {label}: the update of step {run.step} was left out ({spike})")
            run.step, run.seconds, run.tokens = run.step + 1, run.seconds + seconds, run.tokens + tokens
            bar.update(run.step, loss=figures["loss"], tokens_per_s=f"{tokens / seconds:.0f}")
            stopping = distributed.anywhere(interrupted.is_set())
            _save(model, optimizer, config, run, shared, stopping)
            if stopping:
                note(f"  {label}: interrupted after step {run.step}; the same command goes on from there")
                raise KeyboardInterrupt


def _update(
    model: nn.Module, task: Task, optimizer: Optimizer, config: TrainConfig, run: Run, rate: float
) -> tuple[int, dict[str, float], str | None]:
    """One update, or none where it would be a spike; (tokens read, figures of the step, why there was none)."""
    with torch.no_grad():
        batches = task.batches(run.step + run.passed_over, model)
    total = float(sum(task.weight(batch) for batch in batches))
    if not total > 0:
        raise TrainingError(
            f"The batch weighs {total}: nothing in it is labelled.", fix="Look at the data and its label masks."
        )
    sums: dict[str, float] = {}
    with compiling(model, config.compile), recomputing(model, config.checkpoint_activations):
        for batch in distributed.deal(batches):
            loss, metrics = task.loss(model, batch)
            (loss / total).backward()  # type: ignore[no-untyped-call]
            for name, value in {"loss": loss, **metrics}.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach())
    distributed.reduce_gradients(optimizer.parameters)
    norm = float(distributed.whole(torch.nn.utils.clip_grad_norm_(optimizer.parameters, config.clip)))
    figures = {name: value / total for name, value in distributed.sums(sums).items()} | {"grad_norm": norm}
    # All processes must go by the same answer; norms of processors of two kinds may differ in their last bits.
    spike = processes.from_first(lambda: run.spikes.reason(figures["loss"], norm, config.spike_factor))
    if spike is None:
        optimizer.step(config.lr * rate, config.embedding_lr * rate)
        run.spikes.made(norm)
        if config.average:
            run.average.add(weights(model), config.average)
    else:
        optimizer.drop_gradients()
        run.spikes.left_out()
    figures["skipped"] = float(spike is not None)
    return sum(_tokens(batch) for batch in batches), figures, spike


def _must_stop(run: Run, config: TrainConfig) -> bool:
    """Whether the spike that was just left out ends training: by the recipe, or since nothing would be learned."""
    return config.on_spike != "skip" or run.spikes.in_a_row > PATIENCE or run.spikes.skipped == config.steps


def _back(
    model: nn.Module, optimizer: Optimizer, config: TrainConfig, run: Run, out: Path, figures: dict[str, float]
) -> Run | None:
    """The run from the newest checkpoint on, if the recipe says so and one is left; None: not another time."""
    if config.on_spike != "roll_back" or len(run.roll_backs) == ROLL_BACKS:
        return None
    return roll_back(out / FOLDER, model, optimizer, run, figures, _identity(config))


def _tokens(batch: Batch) -> int:
    if "segments" in batch:
        return int((batch["segments"] >= 0).sum())
    return batch["tokens"].numel()


def _evaluation_due(step: int, config: TrainConfig) -> bool:
    every = config.evaluate_every
    return step in (0, config.steps) or (every > 0 and step % every == 0)


def _evaluate(model: nn.Module, task: Task, run: Run, metrics: MetricsWriter) -> dict[str, float]:
    gc.collect()
    model.eval()
    with holding(model, run.average.tensors), torch.no_grad():
        found = task.evaluate(model)
        distributed.reshard(model)
    # Training may end by these: all processes must go by the same bits.
    figures = processes.from_first(lambda: found)
    if figures:
        metrics.write(run.step, **{f"eval_{name}": value for name, value in figures.items()})
    return {**figures, "step": run.step}


def _accept(evaluation: dict[str, float], model: nn.Module, task: Task, run: Run) -> bool:
    """Note the evaluation; False, with the weights of the one before restored, if the task says it is too far."""
    run.evaluations.append(evaluation)
    if not isinstance(task, CanStop):
        return True
    if run.kept is not None and task.should_stop(run.evaluations):
        set_weights(model, run.kept)
        return False
    run.kept = {name: tensor.clone() for name, tensor in evaluated(model, run).items()}
    return True


def _kept_step(run: Run) -> int:
    return int(run.evaluations[-2]["step"])


def _identity(config: TrainConfig) -> dict[str, Any]:
    """What must agree for a checkpoint to be of this run. How it is saved and how a step is computed may change."""
    free = {"checkpoint_every", "keep_checkpoints", "keep_every", "compile", "checkpoint_activations", "shard"}
    return {"config": config.model_dump(mode="json", exclude=free)}


def _resume(
    model: nn.Module, optimizer: Optimizer, config: TrainConfig, out: Path, label: str
) -> tuple[Run, int | None]:
    found = checkpoints.load_latest(out / FOLDER, _identity(config), dict(model.named_parameters()))
    if found is None:
        return Run(), None
    note(f"  {label}: goes on after step {found.step}")
    return unpack(found, model, optimizer), found.step


def _save(model: nn.Module, optimizer: Optimizer, config: TrainConfig, run: Run, out: Path, stop: bool) -> None:
    """Write what is due after an update: a milestone, a checkpoint, both or neither."""
    if config.keep_every and run.step % config.keep_every == 0:
        checkpoints.save(out / MILESTONES, pack(model, optimizer, run, _identity(config)))
    if stop or run.step == config.steps or run.step % config.checkpoint_every == 0:
        checkpoints.save(out / FOLDER, pack(model, optimizer, run, _identity(config)), config.keep_checkpoints)
