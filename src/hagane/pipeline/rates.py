"""The learning rate of each stage of a recipe, as far as it is known before anything ran."""

from __future__ import annotations

from dataclasses import dataclass

from hagane.artifact.stage import StageConfig
from hagane.learning_rate.config import RateConfig
from hagane.pipeline.recipe import Recipe
from hagane.prefer.tuning import TuningConfig

PER_CENT = 100


@dataclass(frozen=True)
class StageRates:
    """The rates of one stage. Where the number of updates depends on data that are not there yet, `rates` has a hundred."""

    name: str
    rates: RateConfig
    steps_known: bool = True


def rates_of(config: StageConfig) -> tuple[RateConfig, bool] | None:
    """A stage's rates, and whether the number of updates is known; None for a stage that does not train."""
    rates = getattr(config, "train", None)
    if isinstance(rates, RateConfig):
        return rates, True
    if isinstance(config, TuningConfig):
        return config.train_config(PER_CENT, evaluate_every=0, checkpoint_every=PER_CENT), False
    return None


def recipe_rates(recipe: Recipe) -> list[StageRates]:
    """Every stage that trains, in the order of the recipe."""
    return [StageRates(step.name, *found) for step in recipe.steps if (found := rates_of(step.config)) is not None]
