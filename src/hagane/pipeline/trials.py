"""Train one stage of a recipe again and again at other rates: what `hagane lr find` and `hagane lr sweep` run.

A trial is the stage itself, by the engine, with the recipe's settings but for the rates and the seed. Of what it leaves only a
row is kept, `RUN/learning_rate/trials/FINGERPRINT.json`, named after everything that goes into it. So a trial is never run twice,
a sweep that was stopped goes on, a wider grid runs its new points alone, and one trial that was killed resumes from its own
checkpoints.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hagane.artifact.files import read_json, write_json
from hagane.artifact.folder import Job
from hagane.artifact.metrics import FILE_NAME, read_metrics
from hagane.artifact.progress import note
from hagane.errors import RecipeError, TrainingError
from hagane.learning_rate.config import RateConfig
from hagane.learning_rate.range_test import range_test
from hagane.learning_rate.schedule import ScheduleName
from hagane.learning_rate.sweep import cost, sweep
from hagane.learning_rate.trial import FOLDER, Settings, Train, Trial
from hagane.pipeline.configure import make_config
from hagane.pipeline.recipe import Recipe, Step
from hagane.pipeline.run import job_of, plan
from hagane.pipeline.run import run as run_recipe
from hagane.pipeline.strict_yaml import KeyPath

METRICS = ("bits_per_character", "heldout_loss", "loss")
"""What stages call their held-out loss, the first that is there counts."""


@dataclass(frozen=True)
class Bench:
    """A stage with its inputs in place."""

    step: Step
    rates: RateConfig
    """As the recipe has them."""
    job: Job
    folder: Path

    @property
    def embedding_ratio(self) -> float:
        """Rate of embeddings over that of matrices, in the recipe; kept at every peak."""
        return self.rates.embedding_lr / self.rates.lr

    def trainer(self, measured: Callable[[str], None] = lambda name: None) -> Train:
        """A `Train` on this stage. `measured` is told the name of the held-out figure."""

        def train(settings: Settings, seed: int) -> Trial:
            row = _row(self, settings, seed)
            measured(row["metric"])
            return Trial(row["losses"], row["heldout"])

        return train


def prepare(recipe: Recipe, folder: Path, name: str) -> Bench:
    """The stage `name` of the recipe, with the stages it starts from brought up to date in `folder`."""
    steps = {step.name: step for step in recipe.steps}
    if name not in steps:
        raise RecipeError(f"The recipe has no stage {name!r}.", where="--stage", fix=f"Stages: {', '.join(steps)}.")
    rates = getattr(steps[name].config, "train", None)
    if not isinstance(rates, RateConfig):
        fitting = [step.name for step in recipe.steps if isinstance(getattr(step.config, "train", None), RateConfig)]
        raise RecipeError(
            f"The stage {name!r} has no `train` settings to vary.", where="--stage", fix=f"One of {', '.join(fitting)}."
        )
    needed = _ancestors(steps, name)
    for planned in plan(recipe, folder):
        if planned.step.name in needed and planned.runs:
            run_recipe(recipe, folder, planned.step.name)
    return Bench(steps[name], rates, job_of(steps[name], folder, list(steps)), folder)


def find(bench: Bench, *, low: float, high: float, steps: int) -> dict[str, Any]:
    """Run the range test; writes and returns `RUN/learning_rate/range-STAGE.json`."""
    found = range_test(
        bench.trainer(),
        low=low,
        high=high,
        steps=steps,
        seed=bench.step.config.seed,
        embedding_ratio=bench.embedding_ratio,
    )
    return _write(bench, "range", {"low": low, "high": high, "steps": steps, **asdict(found)})


def sweep_stage(
    bench: Bench, peaks: Sequence[float], *, schedules: Sequence[ScheduleName], seeds: Sequence[int], steps: int
) -> dict[str, Any]:
    """Run the sweep; writes and returns `RUN/learning_rate/sweep-STAGE.json`."""
    metrics: set[str] = set()
    train = bench.trainer(metrics.add)
    found = {
        schedule: sweep(
            train,
            peaks,
            seeds=seeds,
            embedding_ratio=bench.embedding_ratio,
            settings={"steps": steps, "schedule": schedule},
        )
        for schedule in schedules
    }
    return _write(
        bench,
        "sweep",
        {
            "metric": min(metrics, default=None),
            "steps": steps,
            "seeds": list(seeds),
            "schedules": found,
            "costs": {schedule: {str(lr): cost(swept, lr) for lr in peaks} for schedule, swept in found.items()},
        },
    )


def _write(bench: Bench, kind: str, found: dict[str, Any]) -> dict[str, Any]:
    about = {
        "stage": bench.step.name,
        "optimizer": getattr(bench.rates, "optimizer", None),
        "recipe_lr": bench.rates.lr,
        "embedding_ratio": bench.embedding_ratio,
    }
    write_json(bench.folder / FOLDER / f"{kind}-{bench.step.name}.json", {**about, **found})
    return {**about, **found}


def _ancestors(steps: dict[str, Step], name: str) -> set[str]:
    direct = {reference for reference in steps[name].references.values() if reference in steps}
    return direct.union(*(_ancestors(steps, reference) for reference in direct))


def _row(bench: Bench, settings: Settings, seed: int) -> dict[str, Any]:
    """The row of one trial, trained now if it is not there yet."""

    def where(path: KeyPath) -> str:
        return f"hagane lr, {bench.step.name} {'.'.join(map(str, path))}".rstrip()

    values = bench.step.config.model_dump()
    values["train"] |= {"preset": None, "evaluate_every": 0, **settings}
    config = make_config(bench.step.stage, {**values, "seed": seed}, where)
    job = Job(bench.step.stage, config, bench.job.inputs, bench.job.out)
    name = job.describe()[0][:16]
    path = bench.folder / FOLDER / "trials" / f"{name}.json"
    if not path.is_file():
        partial = path.with_name(f".{name}.partial")
        partial.mkdir(parents=True, exist_ok=True)
        write_json(path, {**settings, "seed": seed, **_trained(job, partial)})
        shutil.rmtree(partial)
    row = read_json(path)
    told = "broke off" if row["heldout"] is None else f"{row['metric']} {row['heldout']:.4f}"
    note(f"  {settings.get('schedule', bench.rates.schedule)} lr {float(settings['lr']):.3g} seed {seed}: {told}")
    assert isinstance(row, dict)
    return row


def _trained(job: Job, folder: Path) -> dict[str, Any]:
    broke_off = False
    try:
        job.stage.run(job.config, job.inputs, folder)
    except TrainingError:
        # A rate that is too high is a result. An error before the first update is another fault.
        broke_off = True
        if not (folder / FILE_NAME).exists() or not any("lr" in row for row in read_metrics(folder / FILE_NAME)):
            raise
    rows = read_metrics(folder / FILE_NAME)
    evaluations = [row for row in rows if any(f"eval_{name}" in row for name in METRICS)]
    if not evaluations:
        raise RecipeError(
            f"The stage {job.stage.name!r} measures no held-out loss.",
            where="--stage",
            fix="Sweep pretrain or instruct.",
        )
    metric = next(name for name in METRICS if f"eval_{name}" in evaluations[0])
    return {
        "metric": metric,
        "heldout": None if broke_off else evaluations[-1][f"eval_{metric}"],
        "before": evaluations[0][f"eval_{metric}"],
        "losses": [row["loss"] for row in rows if "lr" in row],
    }
