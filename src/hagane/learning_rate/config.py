"""What a run says about its learning rate: how many updates, which peaks, which shape. The engine's config begins with this.

A warm-up is one number: below 1 it is a share of the run, from 1 on it counts updates. A share is convenient; a count does not
move when the run gets longer, which branches of one stable run need, and it is how published recipes are written.

A preset fills what is not given, before anything is checked, so a config that was made from one shows every value it set.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hagane.learning_rate.presets import PRESETS, PresetName
from hagane.learning_rate.schedule import DecayShape, ScheduleName, factor, named


class RateConfig(BaseModel):
    """The learning rate of a run of `steps` updates."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    steps: int = Field(gt=0, description="Optimizer updates.")
    preset: PresetName | None = Field(
        None,
        description="A published schedule; fills lr, embedding_lr, schedule, warmup, floor where they are not given.",
    )
    lr: float = Field(3e-3, gt=0, description="Peak learning rate of matrices; means the same under muon and adamw.")
    embedding_lr: float = Field(3e-3, gt=0, description="Peak learning rate of embeddings, heads and norms.")
    schedule: ScheduleName = Field(
        "wsd",
        description="Shape of the rate after warm-up: wsd, cosine, linear, constant, inverse_sqrt; "
        "exponential rises from the floor (range test).",
    )
    warmup: float = Field(
        0.05, ge=0, description="Updates in which the rate rises from 0: below 1 a share of the steps, else a number."
    )
    decay: float = Field(0.6, gt=0, le=1, description="Share of the steps after warm-up in which wsd falls.")
    decay_shape: DecayShape = Field("linear", description="How wsd falls: linear or 1-sqrt.")
    floor: float = Field(0.03, ge=0, le=1, description="Last rate, as a share of the peak.")

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("preset") in PRESETS:
            return {**PRESETS[given["preset"]].settings, **given}
        return given

    @model_validator(mode="after")
    def _makes_sense(self) -> RateConfig:
        if self.warmup >= 1 and self.warmup != int(self.warmup):
            raise ValueError(f"warmup {self.warmup} is neither a share below 1 nor a whole number of updates")
        if self.warmup >= max(self.steps, 1.0):
            raise ValueError(f"a warmup of {self.warmup:.0f} updates does not end within {self.steps} steps")
        if self.schedule == "inverse_sqrt" and self.warmup == 0:
            raise ValueError("inverse_sqrt is counted in warm-ups; it needs a warmup above 0")
        if self.schedule == "exponential" and (self.floor == 0 or self.warmup > 0):
            raise ValueError("exponential rises from the floor by itself; it needs a floor above 0 and warmup: 0")
        return self

    @property
    def warmup_updates(self) -> float:
        """Updates of the warm-up; a share need not make a whole number."""
        return self.warmup if self.warmup >= 1 else self.warmup * self.steps

    def factor(self, step: int) -> float:
        """The share of the peak at update `step` (0 … steps - 1)."""
        warmup = self.warmup_updates
        shape = named(
            self.schedule,
            warmup=warmup / self.steps,
            decay=self.decay,
            decay_shape=self.decay_shape,
            floor=self.floor,
        )
        return factor(shape, step, self.steps, warmup)
