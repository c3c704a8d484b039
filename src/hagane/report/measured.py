"""What the evaluation found, each model tied to the step that made it."""

from __future__ import annotations

from dataclasses import dataclass

from hagane.report.read import Row, RunFolder, Step, pick

PREFIX = "models."


@dataclass(frozen=True)
class Measured:
    """One evaluated model: its name in the results, its figures, and its step (None for a model from outside the run)."""

    name: str
    figures: Row
    step: Step | None

    @property
    def stage(self) -> str:
        """Kind of the stage that made it; empty for a model from outside."""
        return self.step.stage if self.step else ""


@dataclass(frozen=True)
class Evaluation:
    """The first finished evaluation of a run; without one everything here is empty."""

    results: Row
    models: tuple[Measured, ...]
    samples: list[Row]

    @property
    def reference(self) -> Measured | None:
        """The model that the others are compared with."""
        return self.named(self.results.get("reference"))

    def named(self, name: str | None) -> Measured | None:
        """The model of that name in the results."""
        return next((model for model in self.models if model.name == name), None)

    def made_by(self, *stages: str) -> list[Measured]:
        """Models of these kinds of stages, in the order of the results."""
        return [model for model in self.models if model.stage in stages]

    def of_step(self, step: Step | None) -> Measured | None:
        """The figures of the model that `step` made."""
        return next((model for model in self.models if step is not None and model.step == step), None)


def read_evaluation(run: RunFolder) -> Evaluation:
    """Figures and sampled answers of the evaluation, as far as there are any."""
    step = run.first("evaluate")
    if step is None:
        return Evaluation({}, (), [])
    results = step.json("results.json")
    steps = {one.name: one for one in run.steps}
    names = {key[len(PREFIX) :]: steps.get(value) for key, value in step.inputs.items() if key.startswith(PREFIX)}
    models = pick(results, "models") or {}
    order = [name for name in results.get("order") or models if name in models]
    return Evaluation(
        results, tuple(Measured(name, models[name], names.get(name)) for name in order), step.rows("samples.jsonl")
    )
