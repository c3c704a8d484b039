"""PPO as a task of the engine (Schulman et al. 2017; for language Ouyang et al. 2022; details Huang et al. 2024).

Every `updates` steps the task lets the policy answer and works out advantages; the steps between go over that rollout,
`epochs` times, a minibatch a step. The rollout is kept in `out`, so that a run interrupted between two rollouts goes on with the
very same one, on any number of processes; everything else is a function of the weights in the checkpoint, the seed and the step.

Cost of an iteration: sampling every answer, three forward passes over them (policy, reference, reward), `epochs` training passes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import orjson
import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import nn

from hagane.artifact import processes
from hagane.artifact.files import atomic_write
from hagane.errors import TrainingError
from hagane.prefer.losses import clipped_policy, clipped_share, clipped_value
from hagane.prefer.ppo.policy import PolicyWithValue
from hagane.prefer.ppo.rollout import Rollout
from hagane.train.random import generator
from hagane.train.task import Batch, Metrics

FILE_NAME = "rollout.safetensors"


class PPOTask:
    """Rollouts and clipped updates; weight is tokens of answers."""

    def __init__(
        self,
        collect: Callable[[PolicyWithValue, int], Rollout],
        evaluate: Callable[[PolicyWithValue], dict[str, float]],
        out: Path,
        *,
        minibatches: int,
        epochs: int,
        rows: int,
        seq: int,
        clip: float,
        value_clip: float,
        value_weight: float,
        seed: int,
    ) -> None:
        """`collect` makes the rollout of an iteration, `evaluate` the figures on prompts no rollout uses."""
        self._collect, self._evaluate = collect, evaluate
        self._path = processes.folder_of_first(out) / FILE_NAME
        self._minibatches, self._epochs = minibatches, epochs
        self._rows, self._seq = rows, seq
        self._clip, self._value_clip, self._value_weight = clip, value_clip, value_weight
        self._seed = seed
        self._iteration = -1
        self._figures: Mapping[str, float] = {}
        self._packed: list[list[Batch]] = []

    @property
    def updates(self) -> int:
        """Optimizer updates of one iteration."""
        return self._minibatches * self._epochs

    def batches(self, step: int, model: nn.Module) -> Sequence[Batch]:
        """The micro-batches of a minibatch of the current rollout; samples a new one at the start of an iteration."""
        assert isinstance(model, PolicyWithValue)
        iteration, update = divmod(step, self.updates)
        if update == 0:
            rollout = self._collect(model, iteration)
            if processes.is_first():
                atomic_write(self._path, _dump(iteration, rollout))
            self._take(iteration, rollout)
        elif iteration != self._iteration:
            self._take(iteration, _load(self._path, iteration))
        epoch, inside = divmod(update, self._minibatches)
        order = torch.randperm(
            self._minibatches, generator=generator(self._seed, iteration * self._epochs + epoch, "minibatches")
        )
        return self._packed[int(order[inside])]

    def _take(self, iteration: int, rollout: Rollout) -> None:
        self._iteration, self._figures = iteration, rollout.figures
        self._packed = rollout.minibatches(self._minibatches, self._rows, self._seq)

    def weight(self, batch: Batch) -> float:
        """Tokens of answers in the batch."""
        return float((batch["weights"] > 0).sum())

    def loss(self, model: nn.Module, batch: Batch) -> tuple[torch.Tensor, Metrics]:
        """Clipped policy loss and clipped value loss, summed over tokens. Figures of the rollout go with every update of it."""
        found, values = model(batch)
        old, advantages = batch["old_logprobs"], batch["advantages"]
        policy = clipped_policy(found.logprobs, old, advantages, self._clip).sum()
        value = clipped_value(values, batch["old_values"], batch["returns"], self._value_clip).sum()
        with torch.no_grad():
            log_ratio = found.logprobs - old
            metrics = {
                "policy_loss": policy,
                "value_loss": value,
                "clip_fraction": clipped_share(found.logprobs, old, advantages, self._clip).sum(),
                # How far this update has moved from the rollout's policy (Schulman's k3, never negative).
                "moved": (torch.exp(log_ratio) - 1 - log_ratio).sum(),
            }
        of_rollout = {name: torch.tensor(value) * self.weight(batch) for name, value in self._figures.items()}
        return policy + self._value_weight * value, metrics | of_rollout

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Figures on prompts that no rollout uses."""
        assert isinstance(model, PolicyWithValue)
        return self._evaluate(model)


def _dump(iteration: int, rollout: Rollout) -> bytes:
    header = {"iteration": iteration, "answers": rollout.answers, "figures": rollout.figures}
    return save(dict(rollout.worked_out), {name: orjson.dumps(value).decode() for name, value in header.items()})


def _load(path: Path, iteration: int) -> Rollout:
    if path.exists():
        with safe_open(path, "pt") as file:
            header = {name: orjson.loads(value) for name, value in file.metadata().items()}
            worked_out = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        if header["iteration"] == iteration:
            return Rollout(header["answers"], worked_out, header["figures"])
    raise TrainingError(
        f"The rollout of iteration {iteration} is not there.",
        where=str(path),
        fix="Delete the stage's unfinished folder and run it again.",
    )
