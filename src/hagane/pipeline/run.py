"""Run a recipe in a folder: what is out of date, in order, and nothing else.

Whether a stage is out of date is decided by its manifest alone (fingerprint of stage, config, inputs and raw data), so a
killed run goes on where it stopped and a changed line re-runs its stage and what follows from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hagane.artifact import processes
from hagane.artifact.files import read_json, write_json
from hagane.artifact.folder import Job, build, committed
from hagane.artifact.manifest import MANIFEST, Manifest
from hagane.artifact.progress import note
from hagane.errors import RecipeError
from hagane.pipeline.recipe import Recipe, Step

State = Literal["up to date", "missing", "damaged", "changed", "follows"]
RECIPE_FILE = "recipe.json"


@dataclass(frozen=True)
class Planned:
    """A step, whether it has to run, and why."""

    step: Step
    job: Job
    state: State

    @property
    def runs(self) -> bool:
        """Whether the step is out of date."""
        return self.state != "up to date"


def job_of(step: Step, folder: Path, steps: Sequence[str]) -> Job:
    """The step's job in a run folder: inputs that name steps become their folders."""
    inputs = {
        name: folder / reference if reference in steps else Path(reference)
        for name, reference in step.references.items()
    }
    return Job(step.stage, step.config, inputs, folder / step.name)


def plan(recipe: Recipe, folder: Path) -> list[Planned]:
    """Each step with its state; a step whose input is going to be made anew `follows`, whatever lies in its folder now."""
    names = [step.name for step in recipe.steps]
    planned: list[Planned] = []
    pending: set[str] = set()
    for step in recipe.steps:
        job = job_of(step, folder, names)
        state = "follows" if pending.intersection(step.references.values()) else _state(job)
        if state != "up to date":
            pending.add(step.name)
        planned.append(Planned(step, job, state))
    return planned


def _state(job: Job) -> State:
    manifest = committed(job.out)
    if manifest is None:
        return "damaged" if (job.out / MANIFEST).exists() else "missing"
    return "up to date" if manifest.fingerprint == job.describe()[0] else "changed"


def run(recipe: Recipe, folder: Path, only: str | None = None) -> list[Manifest]:
    """Bring the run folder up to date (or only the step `only`); returns the manifests of the steps that ran."""
    names = [step.name for step in recipe.steps]
    if only is not None and only not in names:
        raise RecipeError(f"The recipe has no stage {only!r}.", where="--only", fix=f"Stages: {', '.join(names)}.")
    folder.mkdir(parents=True, exist_ok=True)
    if processes.is_first():
        write_json(folder / RECIPE_FILE, describe(recipe))
    done = []
    for number, step in enumerate(recipe.steps, 1):
        if only is not None and step.name != only:
            continue
        job = job_of(step, folder, names)
        _require_inputs(step, job, names)
        state = processes.from_first(lambda job=job: _state(job))  # type: ignore[misc]
        head = f"[{number}/{len(names)}] {step.name}"
        if state == "up to date":
            note(f"{head}: up to date")
            continue
        note(f"{head}: {step.stage.title}" + ("" if state == "missing" else f" ({state}: runs again)"))
        manifest = build(job)
        note(f"{head}: done in {manifest.seconds:.0f} s → {job.out}")
        done.append(manifest)
    return done


def _require_inputs(step: Step, job: Job, names: Sequence[str]) -> None:
    for name, reference in step.references.items():
        if reference in names and committed(job.inputs[name]) is None:
            raise RecipeError(
                f"The input {name!r} of {step.name!r} is not there yet: the stage {reference!r} has not finished.",
                where=str(job.inputs[name]),
                fix="Run without --only.",
            )


def describe(recipe: Recipe) -> dict[str, Any]:
    """The recipe with every default written out, as `recipe.json` keeps it beside the artefacts for the report."""
    steps = [
        {
            "name": step.name,
            "stage": step.stage.name,
            "title": step.stage.title,
            "config": step.config.model_dump(mode="json"),
            "inputs": dict(step.references),
        }
        for step in recipe.steps
    ]
    return {"name": recipe.name, "title": recipe.title, "steps": steps}


def described(folder: Path) -> dict[str, Any]:
    """What `run` noted about the recipe of a run folder."""
    value = read_json(folder / RECIPE_FILE)
    assert isinstance(value, dict)
    return value
