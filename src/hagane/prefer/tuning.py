"""What the reward model, DPO and PPO set alike: small learning rates, falling in a straight line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from pydantic import Field
from torch import nn

from hagane.artifact.stage import StageConfig
from hagane.train.compile import compiling
from hagane.train.loop import TrainConfig
from hagane.train.optimizers import OptimizerName


class TuningConfig(StageConfig):
    """Settings of the three stages that train on preferences."""

    lr: float = Field(6e-5, gt=0, description="Peak learning rate of all parameters.")
    optimizer: OptimizerName = Field("adamw", description="For matrices: adamw or muon. All else is adamw.")
    warmup: float = Field(0.1, ge=0, lt=1, description="Share of the steps in which the rate rises from 0.")
    floor: float = Field(0.05, ge=0, le=1, description="Last rate, as a share of the peak; straight down to it.")
    clip: float = Field(1.0, gt=0, description="Largest norm of the gradient of a step.")
    rows: int = Field(4, ge=1, description="Rows of a batch.")
    seq: int = Field(384, ge=16, description="Tokens of a row; must hold prompt and answer (both answers, for pairs).")
    compile: bool = Field(True, description="Compile the decoder blocks where a C++ compiler is found.")

    def train_config(self, steps: int, *, evaluate_every: int, checkpoint_every: int) -> TrainConfig:
        """The engine's settings for these. No weight decay: it would pull away from the model one starts from."""
        return TrainConfig(
            steps=steps,
            lr=self.lr,
            embedding_lr=self.lr,
            schedule="linear",
            warmup=self.warmup,
            floor=self.floor,
            optimizer=self.optimizer,
            weight_decay=0.0,
            clip=self.clip,
            evaluate_every=evaluate_every,
            checkpoint_every=checkpoint_every,
            compile=self.compile,
        )


@contextmanager
def training_forward(model: nn.Module, compile: bool) -> Iterator[None]:  # noqa: A002 - the field's name
    """Forward passes exactly as in a training step, for numbers that are compared with those of a step.

    Training mode and gradients are on although nobody asks for them: without, the compiler makes another graph, whose bfloat16
    rounding differs (and which would have to be compiled too). Detach what comes out.
    """
    was_training = model.training
    model.train()
    try:
        with compiling(model, compile), torch.enable_grad():
            yield
    finally:
        model.train(was_training)
